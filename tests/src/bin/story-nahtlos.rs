//! The `nahtlos` program under another name: a package's tests can only run its own binaries.

use std::process::ExitCode;

fn main() -> ExitCode {
    nahtlos::run(std::env::args_os()).into()
}
