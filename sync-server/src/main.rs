//! The `nahtlos-relay` program. Everything is in the library.

fn main() -> std::process::ExitCode {
    nahtlos_relay::run(std::env::args_os())
}
