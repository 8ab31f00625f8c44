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
    page: Arc<Mutex<Page>>,
}

/// What is to become of the file.
#[derive(Debug)]
enum Page {
    /// Not decided: an interruption removes it.
    Watched(PathBuf),
    /// What it was made for was done: it stays.
    Kept,
    /// That failed, and somebody said so.
    Removed,
}

impl Page {
    /// Removes it unless that is decided; what to tell whoever interrupted.
    fn interrupted(&mut self) -> Option<&'static str> {
        match std::mem::replace(self, Self::Removed) {
            Self::Watched(page) if remove(&page) => Some(DELETED),
            Self::Watched(_) => Some(NOT_DELETED),
            Self::Kept => Some(KEPT),
            Self::Removed => None,
        }
    }
}

const DELETED: &str = "Interrupted: no paper was made, and the page was deleted. Destroy what was printed, then run \
                       `nahtlos key paper FILE.html` again.";
const NOT_DELETED: &str = "Interrupted: no paper was made. The page could not be deleted: delete it, destroy what was printed, \
                           then run `nahtlos key paper FILE.html` again.";
const KEPT: &str = "Interrupted when the words had been given back: the page stays. If `nahtlos device` lists the paper, it is \
                    made and good with the next `nahtlos sync`; if not, delete the page, destroy what was printed, and \
                    run `nahtlos key paper FILE.html` again.";

impl RemovedUnlessKept {
    /// From when this returns.
    #[must_use]
    pub fn watch(page: &Path) -> Self {
        let page = Arc::new(Mutex::new(Page::Watched(page.to_owned())));
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
            let said = page.interrupted();
            #[cfg(unix)]
            if let Some(terminal) = &terminal {
                let now = rustix::termios::OptionalActions::Now;
                let _shown_again = rustix::termios::tcsetattr(std::io::stdin(), now, terminal);
            }
            if let Some(said) = said {
                say(said);
            }
            std::process::exit(INTERRUPTED);
        });
        // The channel ends where it is waited for, or cannot be.
        let _ended = begun.recv();
        watched
    }

    /// It stays.
    pub fn keep(self) {
        *self.page.lock().unwrap_or_else(PoisonError::into_inner) = Page::Kept;
    }
}

impl Drop for RemovedUnlessKept {
    fn drop(&mut self) {
        let mut page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        if let Page::Watched(path) = &*page {
            remove(path);
            *page = Page::Removed;
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
fn say(said: &str) {
    use std::io::Write as _;
    let _ = anstream::stderr().write_all(format!("\n{said}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(path: &Path) -> RemovedUnlessKept {
        RemovedUnlessKept {
            page: Arc::new(Mutex::new(Page::Watched(path.to_owned()))),
        }
    }

    #[test]
    fn who_interrupts_is_told_what_became_of_the_page_also_when_it_was_decided() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("paper.html");
        let mut asked = Page::Watched(path.clone());
        std::fs::write(&path, b"words").unwrap();
        assert_eq!(asked.interrupted(), Some(DELETED));
        assert!(!path.exists());
        assert_eq!(Page::Watched(path.clone()).interrupted(), Some(NOT_DELETED));

        std::fs::write(&path, b"words").unwrap();
        let kept = watched(&path);
        let page = Arc::clone(&kept.page);
        kept.keep();
        assert_eq!(page.lock().unwrap().interrupted(), Some(KEPT));
        assert!(path.exists(), "it stays");
        // Of what failed the command itself says so.
        let failed = watched(&path);
        let page = Arc::clone(&failed.page);
        drop(failed);
        assert_eq!(page.lock().unwrap().interrupted(), None);
        assert!(!path.exists());
    }
}
