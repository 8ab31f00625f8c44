//! Why the demo cannot go on.

use std::path::PathBuf;

use nahtlos_casework::fields::FieldError;
use nahtlos_casework::sample::SampleError;
use nahtlos_client::ClientError;
use nahtlos_protocol::envelope::EnvelopeError;
use nahtlos_relay::RelayError;

use super::world::Who;

/// Why the demo cannot go on. A claim that does not hold is no error: the demo says so and goes on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The directory was given and holds something.
    #[error("{} is not empty; choose a new directory with --dir", path.display())]
    NotEmpty {
        /// Which.
        path: PathBuf,
    },
    /// A file or directory cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// Standard output was closed.
    #[error("the output is closed: {0}")]
    Output(#[from] std::io::Error),
    /// The operating system has no randomness.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
    /// The relay does not start.
    #[error("the relay does not start: {0}")]
    Relay(#[from] RelayError),
    /// A device could not do what was asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A value is not valid.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A case cannot be invented.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The relay's database cannot be read.
    #[error("the relay's database cannot be read: {0}")]
    Database(#[from] rusqlite::Error),
    /// The relay stores something that is no envelope.
    #[error("the relay stores something that is no envelope: {0}")]
    Envelope(#[from] EnvelopeError),
    /// An export could not be written.
    #[error("the export cannot be written: {0}")]
    Export(#[from] serde_json::Error),
    /// The example case file is not valid.
    #[error("the example case file has {errors} errors")]
    CaseFile {
        /// How many.
        errors: usize,
    },
    /// The example lacks something that the story is about.
    #[error("the example case has no such {what}")]
    Missing {
        /// What.
        what: &'static str,
    },
    /// A home is not there, or locked.
    #[error("the home of {who:?} is not open")]
    NoHome {
        /// Whose.
        who: Who,
    },
    /// The devices never stopped exchanging.
    #[error("the devices still exchange after many rounds")]
    NeverQuiet,
}
