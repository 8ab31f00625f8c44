//! Tests live in `tests/`, benches in `benches/`.
