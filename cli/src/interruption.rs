//! A file that must not outlive what it was made for: it is removed where that fails, and where the program
//! is interrupted (Ctrl-C, a closed window) while it asks.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Exit status of a program that was interrupted, as shells know it.
const INTERRUPTED: i32 = 130;

/// A file that is removed unless it is kept.
#[derive(Debug)]
pub struct RemovedUnlessKept {
    /// None once it is decided.
    page: Arc<Mutex<Option<PathBuf>>>,
}

impl RemovedUnlessKept {
    /// From when this returns.
    #[must_use]
    pub fn watch(page: &Path) -> Self {
        let page = Arc::new(Mutex::new(Some(page.to_owned())));
        let watched = Self {
            page: Arc::clone(&page),
        };
        // The terminal does not show what is typed while it asks for words.
        #[cfg(unix)]
        let terminal = rustix::termios::tcgetattr(std::io::stdin()).ok();
        // Where no signal can be waited for, the page itself says that it is to be deleted.
        let (watches, begun) = channel::<()>();
        let _is_watched = std::thread::Builder::new().spawn(move || {
            if !wait_for_interruption(watches) {
                return;
            }
            let mut page = page.lock().unwrap_or_else(PoisonError::into_inner);
            let removed = page.take().is_some_and(|page| remove(&page));
            #[cfg(unix)]
            if let Some(terminal) = &terminal {
                let now = rustix::termios::OptionalActions::Now;
                let _shown_again = rustix::termios::tcsetattr(std::io::stdin(), now, terminal);
            }
            if removed {
                say();
            }
            std::process::exit(INTERRUPTED);
        });
        // The channel ends where it is waited for, or cannot be.
        let _ended = begun.recv();
        watched
    }

    /// It stays.
    pub fn keep(self) {
        self.take();
    }

    fn take(&self) -> Option<PathBuf> {
        let mut page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        page.take()
    }
}

impl Drop for RemovedUnlessKept {
    fn drop(&mut self) {
        if let Some(page) = self.take() {
            remove(&page);
        }
    }
}

fn remove(page: &Path) -> bool {
    std::fs::remove_file(page).is_ok()
}

/// Whether somebody interrupted; false where it cannot be known. Lets go of `watches` when it has begun to wait.
fn wait_for_interruption(watches: Sender<()>) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    runtime.is_ok_and(|runtime| runtime.block_on(interruption(watches)))
}

#[cfg(unix)]
async fn interruption(watches: Sender<()>) -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::hangup(),
        SignalKind::terminate(),
    ];
    let [Ok(mut interrupt), Ok(mut hangup), Ok(mut terminate)] = kinds.map(signal) else {
        return false;
    };
    drop(watches);
    tokio::select! {
        _ = interrupt.recv() => true,
        _ = hangup.recv() => true,
        _ = terminate.recv() => true,
    }
}

#[cfg(not(unix))]
async fn interruption(watches: Sender<()>) -> bool {
    let interrupted = tokio::signal::ctrl_c();
    drop(watches);
    interrupted.await.is_ok()
}

/// Where nobody listens there is nobody to tell.
fn say() {
    use std::io::Write as _;
    let _ = anstream::stderr().write_all(
        b"\nInterrupted: no paper was made, and the page was deleted. Destroy what was printed, then run \
          `nahtlos key paper FILE.html` again.\n",
    );
}
