//! The `nahtlos` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    nahtlos::run(std::env::args_os()).into()
}
