//! Request bodies, read within a limit for each and a budget for all.

use std::error::Error as _;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use tokio::sync::OwnedSemaphorePermit;

use super::App;
use super::problem::{Code, Problem};

/// A body and the memory it holds.
pub(super) struct ReadBody {
    pub(super) bytes: Bytes,
    _memory: OwnedSemaphorePermit,
}

/// Reads a body of at most `limit` bytes, waiting for memory where much is being read already.
pub(super) async fn read(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<ReadBody, Problem> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    if announced.is_some_and(|announced| announced > limit) {
        return Err(too_large(limit));
    }
    // Decoding holds the bytes once more.
    let wanted = announced.unwrap_or(limit).saturating_mul(2) / 1024 + 1;
    let budget = (app.limits.body_memory_bytes / 1024) as usize;
    let permits = u32::try_from(wanted.min(budget)).unwrap_or(u32::MAX);
    let memory = Arc::clone(&app.body_memory)
        .acquire_many_owned(permits)
        .await
        .map_err(|_| Problem::from(crate::engine::EngineError::Internal))?;
    let bytes = axum::body::to_bytes(body, limit).await.map_err(|error| {
        // The limit's own error type belongs to a crate this one does not name.
        let is_limit = error
            .source()
            .is_some_and(|source| source.to_string().contains("length limit"));
        if is_limit {
            too_large(limit)
        } else {
            Problem::new(Code::MalformedRequest, "The body broke off. Send it again.")
        }
    })?;
    Ok(ReadBody {
        bytes,
        _memory: memory,
    })
}

fn too_large(limit: usize) -> Problem {
    Problem::new(
        Code::BodyTooLarge,
        format!("A request here may have {limit} bytes. Send less at a time."),
    )
}
