//! What is said when the program itself is wrong: where, and nothing of what it worked on.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

use crate::exit::Exit;
use crate::failure::Failure;

static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// Runs a command. A panic that reaches here becomes a failure; its message, which may hold what
/// somebody typed, is shown nowhere. Panics that the document gate catches are not shown at all.
pub fn guarded<T>(command: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    panic::set_hook(Box::new(|information| {
        let place = information
            .location()
            .map(|location| format!("{}:{}", location.file(), location.line()));
        if let Ok(mut slot) = PLACE.lock() {
            *slot = place;
        }
    }));
    panic::catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|_| Err(internal_error()))
}

fn internal_error() -> Failure {
    let place = PLACE.lock().ok().and_then(|mut slot| slot.take());
    let place = place.unwrap_or_else(|| "unknown".into());
    // The last two parts: the rest is the machine the program was built on.
    let short: Vec<&str> = place.rsplitn(3, '/').take(2).collect();
    let short: Vec<&str> = short.into_iter().rev().collect();
    let reference = format!("{}@{}", short.join("/"), env!("CARGO_PKG_VERSION"));
    Failure::new(
        Exit::Failed,
        "internal_error",
        format!("Internal error at {}.", short.join("/")),
        "This is a fault of the program. Nothing you typed before is lost.",
        format!("Please report the reference {reference}, then run `nahtlos doctor`."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_names_its_place_and_never_its_content() {
        let failure = guarded::<()>(|| panic!("Ruth Mosimann")).unwrap_err();
        let _ = panic::take_hook();
        let text = failure
            .to_lines(&crate::advice::Advice::default())
            .join("\n");
        assert!(text.contains("panic_guard.rs:"), "{text}");
        assert!(!text.contains("Mosimann"));
        assert_eq!(failure.exit, Exit::Failed);
    }
}
