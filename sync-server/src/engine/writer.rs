//! The one writer: takes all waiting jobs, judges them one after the other, commits once.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use nahtlos_protocol::crypto::signature::VerifyingKey;
use nahtlos_protocol::wire::claim::ClaimRequest;
use nahtlos_protocol::wire::join::JoinAnswer;
use nahtlos_protocol::wire::{ItemResult, Receipt, Status};

use super::admission::ClaimRefusal;
use super::candidate::Candidate;
use super::job::{Job, Judged, send};
use super::quota::DayCounts;
use super::stage::{self, Outcome, Pusher, Stage, Verdict};
use super::world::World;
use super::{EngineError, Shared};
use crate::store::{Identity, Store, StoreError};

/// Jobs that may wait; more are refused as busy.
pub(super) const JOBS_WAITING_MAX: usize = 2048;
/// Items one commit takes; a single job may exceed it. What comes meanwhile waits for it, so it is not
/// more than one request may bring.
const BATCH_ITEMS_MAX: usize = nahtlos_protocol::limits::PUSH_ITEMS_MAX;
/// How long a commit waits for pushes that are being received, so that they share it.
const GATHER: Duration = Duration::from_millis(2);

/// The store failed while a batch was judged; these jobs were not judged any more.
struct Interrupted(StoreError, Vec<Job>);

/// The writer's thread.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) store: Box<dyn Store>,
    jobs: Receiver<Job>,
    day_counts: DayCounts,
    /// When a journal was last begun on somebody's word alone.
    pub(super) renewed_at_ms: Option<u64>,
    stopping: bool,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, store: Box<dyn Store>, jobs: Receiver<Job>) -> Self {
        Self {
            shared,
            store,
            jobs,
            day_counts: DayCounts::default(),
            renewed_at_ms: None,
            stopping: false,
        }
    }

    pub(super) fn run(mut self) {
        while !self.stopping {
            let Ok(first) = self.jobs.recv() else {
                break;
            };
            let batch = self.gather(first);
            // A defect must not end the relay: what it was doing is rolled back, its clients are
            // told by their dropped reply, and memory still says what the disk says.
            let worked = std::panic::catch_unwind(AssertUnwindSafe(|| self.work(batch)));
            if worked.is_err() {
                tracing::error!("a defect was caught in the writer; its batch is not stored");
                self.store.roll_back();
            }
        }
        if let Err(error) = self.store.close() {
            tracing::warn!(%error, "the last checkpoint failed; the next start makes up for it");
        }
    }

    /// Everything that waits, and for a moment also what is about to.
    fn gather(&mut self, first: Job) -> Vec<Job> {
        let deadline = Instant::now() + GATHER;
        let mut items = first.items();
        let mut batch = vec![first];
        while items < BATCH_ITEMS_MAX {
            let expected = self.shared.approaching.load(Ordering::Relaxed) > 0;
            let patience = if expected {
                deadline.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            match self.jobs.recv_timeout(patience) {
                Ok(job) => {
                    items += job.items();
                    batch.push(job);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        batch
    }

    fn work(&mut self, batch: Vec<Job>) {
        let mut together = Vec::new();
        for job in batch {
            match job {
                Job::Push { .. } | Job::Join { .. } => together.push(job),
                Job::Claim {
                    request,
                    candidates,
                    reply,
                } => {
                    let answer = self.claim(&request, &candidates);
                    send(reply, answer.map_err(|error| failed(&error)));
                }
                Job::Probe { reply } => {
                    let now_ms = (self.shared.clock)();
                    let probed = self.store.probe(now_ms);
                    send(reply, probed.map_err(|error| failed(&error)));
                }
                Job::Prune { from, reply } => {
                    let pruned = self.prune(from);
                    send(reply, pruned.map_err(|error| failed(&error)));
                }
                Job::Renew { evidence, reply } => {
                    let renewed = self.renew(evidence);
                    send(reply, renewed.map_err(|error| failed(&error)));
                }
                Job::Stop => self.stopping = true,
            }
        }
        if !together.is_empty() {
            self.commit_together(together);
        }
    }

    fn commit_together(&mut self, jobs: Vec<Job>) {
        let mut judged = Vec::with_capacity(jobs.len());
        match self.judge_and_commit(jobs, &mut judged) {
            Ok(receipts) => {
                for job in judged {
                    self.reply(job, &receipts);
                }
            }
            Err(Interrupted(error, unjudged)) => {
                self.store.roll_back();
                self.shared.metrics.commit_failed();
                let error = failed(&error);
                for job in judged {
                    job.fail(error);
                }
                for job in unjudged {
                    job.fail(error);
                }
            }
        }
    }

    /// Judges all jobs in one stage and commits it. On failure it hands back the jobs that were
    /// not judged any more; `judged` holds the others.
    fn judge_and_commit(
        &mut self,
        jobs: Vec<Job>,
        judged: &mut Vec<Judged>,
    ) -> Result<BTreeMap<u64, Receipt>, Interrupted> {
        let shared = Arc::clone(&self.shared);
        let base = super::read(&shared.world);
        if let Err(error) = self.store.begin() {
            return Err(Interrupted(error, jobs));
        }
        let mut stage = Stage::new(
            &base,
            &mut *self.store,
            &shared.limits,
            &mut self.day_counts,
            (shared.clock)(),
        );
        let mut jobs = jobs.into_iter();
        while let Some(job) = jobs.next() {
            if let Err(interrupted) = judge(&mut stage, job, judged) {
                let (error, job) = *interrupted;
                let unjudged = std::iter::once(job).chain(jobs).collect();
                return Err(Interrupted(error, unjudged));
            }
        }
        if stage.is_empty() {
            drop(stage);
            self.store.roll_back();
            return Ok(BTreeMap::new());
        }
        let receipts = stage
            .store_receipts(&shared.signing)
            .map_err(|error| Interrupted(error, Vec::new()))?;
        let items = stage.len();
        let top = stage.into_top();
        drop(base);
        self.commit(top, items)
            .map_err(|error| Interrupted(error, Vec::new()))?;
        Ok(receipts)
    }

    /// Commits the open transaction, and only then lets memory follow.
    fn commit(&mut self, top: World, items: usize) -> Result<(), StoreError> {
        let began = Instant::now();
        self.store.commit()?;
        let last_number = top.last_number;
        self.shared
            .world
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .absorb(top);
        self.shared.metrics.commit(began.elapsed(), last_number);
        tracing::debug!(items, last_number, "committed");
        Ok(())
    }

    fn reply(&self, judged: Judged, receipts: &BTreeMap<u64, Receipt>) {
        match judged {
            Judged::Push(verdicts, reply) => {
                let answers = verdicts
                    .into_iter()
                    .map(|verdict| stage::answer(verdict, receipts, &*self.store))
                    .collect::<Result<Vec<_>, _>>();
                for answer in answers.iter().flatten() {
                    self.shared.metrics.item(answer.status);
                }
                send(reply, answers.map_err(|error| failed(&error)));
            }
            Judged::Join(Err(refusal), reply) => send(reply, Ok(Err(refusal))),
            Judged::Join(Ok(outcome), reply) => {
                let answer = self.join_answer(&outcome, receipts);
                send(reply, answer.map_err(|error| failed(&error)).map(Ok));
            }
        }
    }

    fn join_answer(
        &self,
        outcome: &Outcome,
        receipts: &BTreeMap<u64, Receipt>,
    ) -> Result<JoinAnswer, StoreError> {
        let (status, sequence) = match outcome {
            Outcome::Accepted(sequence) => (Status::Accepted, *sequence),
            Outcome::Duplicate(sequence) => (Status::Duplicate, *sequence),
            _ => (Status::Rejected, 0),
        };
        let receipt = stage::receipt_of(sequence, receipts, &*self.store)?;
        receipt
            .map(|receipt| JoinAnswer { status, receipt })
            .ok_or_else(|| StoreError::Damaged {
                what: format!("item {sequence} has no receipt"),
            })
    }

    /// All founding items in one commit, or none.
    fn claim(
        &mut self,
        request: &ClaimRequest,
        candidates: &[Candidate],
    ) -> Result<Result<Vec<ItemResult>, ClaimRefusal>, StoreError> {
        let claimed = self.claim_in_transaction(request, candidates);
        if !matches!(claimed, Ok(Ok(_))) {
            self.store.roll_back();
        }
        claimed
    }

    fn claim_in_transaction(
        &mut self,
        request: &ClaimRequest,
        candidates: &[Candidate],
    ) -> Result<Result<Vec<ItemResult>, ClaimRefusal>, StoreError> {
        let shared = Arc::clone(&self.shared);
        let base = super::read(&shared.world);
        self.store.begin()?;
        let mut stage = Stage::new(
            &base,
            &mut *self.store,
            &shared.limits,
            &mut self.day_counts,
            (shared.clock)(),
        );
        let claim_key = VerifyingKey::from_bytes(&shared.identity.claim_key).ok();
        let accepted =
            stage.accept_claim(request, candidates, claim_key.as_ref(), &shared.relay)?;
        let verdicts = match accepted {
            Ok(verdicts) => verdicts,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let receipts = stage.store_receipts(&shared.signing)?;
        let items = stage.len();
        let top = stage.into_top();
        self.store.put_identity(&Identity {
            network: Some(request.network),
            journal: top.journal,
            began_after: top.began_after,
            ..shared.identity.clone()
        })?;
        drop(base);
        self.commit(top, items)?;
        tracing::info!(network = %request.network, "the network was founded");
        verdicts
            .into_iter()
            .map(|verdict| stage::answer(verdict, &receipts, &*self.store))
            .collect::<Result<Vec<_>, _>>()
            .map(Ok)
    }
}

fn judge(
    stage: &mut Stage<'_>,
    job: Job,
    judged: &mut Vec<Judged>,
) -> Result<(), Box<(StoreError, Job)>> {
    match job {
        Job::Push {
            device,
            candidates,
            reply,
        } => {
            let pusher = Pusher::Device(device);
            let verdicts: Result<Vec<Verdict>, StoreError> = candidates
                .iter()
                .map(|candidate| stage.accept(pusher, candidate))
                .collect();
            match verdicts {
                Ok(verdicts) => judged.push(Judged::Push(verdicts, reply)),
                Err(error) => {
                    let job = Job::Push {
                        device,
                        candidates,
                        reply,
                    };
                    return Err(Box::new((error, job)));
                }
            }
        }
        Job::Join { request, reply } => match stage.accept_join(&request) {
            Ok(outcome) => judged.push(Judged::Join(outcome, reply)),
            Err(error) => return Err(Box::new((error, Job::Join { request, reply }))),
        },
        Job::Claim { .. }
        | Job::Probe { .. }
        | Job::Prune { .. }
        | Job::Renew { .. }
        | Job::Stop => {}
    }
    Ok(())
}

fn failed(error: &StoreError) -> EngineError {
    tracing::error!(%error, "the store failed; nothing of the batch is stored");
    EngineError::from(error)
}
