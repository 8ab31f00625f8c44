//! What the writer is asked to do, and how it answers.

use nahtlos_protocol::identifier::DeviceId;
use nahtlos_protocol::wire::ItemResult;
use nahtlos_protocol::wire::claim::ClaimRequest;
use nahtlos_protocol::wire::join::{JoinAnswer, JoinRequest};
use tokio::sync::oneshot;

use super::EngineError;
use super::admission::{ClaimRefusal, JoinRefusal};
use super::candidate::Candidate;
use super::journal::Evidence;
use super::pruning::Pruned;
use super::stage::{Outcome, Verdict};

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, EngineError>>;

/// Work for the writer.
pub(super) enum Job {
    Push {
        device: DeviceId,
        candidates: Vec<Candidate>,
        reply: Reply<Vec<ItemResult>>,
    },
    Claim {
        request: ClaimRequest,
        candidates: Vec<Candidate>,
        reply: Reply<Result<Vec<ItemResult>, ClaimRefusal>>,
    },
    Join {
        request: JoinRequest,
        reply: Reply<Result<JoinAnswer, JoinRefusal>>,
    },
    Probe {
        reply: Reply<()>,
    },
    /// Drop what snapshots cover, one step.
    Prune {
        from: u64,
        reply: Reply<Pruned>,
    },
    /// The store went back by itself: a new journal has to begin.
    Renew {
        evidence: Evidence,
        reply: Reply<()>,
    },
    Stop,
}

/// A judged job that waits for the commit.
pub(super) enum Judged {
    Push(Vec<Verdict>, Reply<Vec<ItemResult>>),
    Join(
        Result<Outcome, JoinRefusal>,
        Reply<Result<JoinAnswer, JoinRefusal>>,
    ),
}

impl Job {
    /// Items it brings.
    pub(super) fn items(&self) -> usize {
        match self {
            Self::Push { candidates, .. } | Self::Claim { candidates, .. } => candidates.len(),
            _ => 1,
        }
    }

    /// Answers that nothing of it was stored.
    pub(super) fn fail(self, error: EngineError) {
        match self {
            Self::Push { reply, .. } => send(reply, Err(error)),
            Self::Claim { reply, .. } => send(reply, Err(error)),
            Self::Join { reply, .. } => send(reply, Err(error)),
            Self::Probe { reply } | Self::Renew { reply, .. } => send(reply, Err(error)),
            Self::Prune { reply, .. } => send(reply, Err(error)),
            Self::Stop => {}
        }
    }
}

impl Judged {
    /// Answers that nothing of it was stored.
    pub(super) fn fail(self, error: EngineError) {
        match self {
            Self::Push(_, reply) => send(reply, Err(error)),
            Self::Join(_, reply) => send(reply, Err(error)),
        }
    }
}

/// The receiver may be gone: its client hung up, which changes nothing about what is stored.
pub(super) fn send<T>(reply: oneshot::Sender<T>, answer: T) {
    let _gone = reply.send(answer);
}
