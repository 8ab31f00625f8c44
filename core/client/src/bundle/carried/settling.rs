//! Looks at what is carried with the newest logs: what can be replayed, what contradicts something, and
//! what has arrived otherwise.

use std::collections::BTreeSet;

use nahtlos_protocol::envelope::{Envelope, EnvelopeKind};
use nahtlos_protocol::identifier::{DeviceId, ItemId, SpaceId};
use nahtlos_protocol::space::kind::Kind;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::replay::ReplayError;
use nahtlos_protocol::space::{SpaceState, authority};

use super::{CarriedItem, delete_carried};
use crate::apply::NotApplied;
use crate::counting::KnowledgeCache;
use crate::error::ClientError;
use crate::ingest::{put_unsettled, signed_wraps};
use crate::logs;
use crate::nahtlos::{Nahtlos, put_wrap};
use crate::vault::Collection;

/// Something that no relay acknowledged and this device does not take in either.
pub(crate) struct Refused {
    pub author: DeviceId,
    pub space: SpaceId,
    /// Stable word.
    pub reason: &'static str,
}

/// What looking at everything that is carried changed.
#[derive(Default)]
pub(crate) struct Settled {
    pub touched: BTreeSet<SpaceId>,
    pub refused: Vec<Refused>,
}

/// What became of a carried operation.
enum Judged {
    Replays(Box<SpaceState>),
    Waits,
    Refused(&'static str),
}

impl Nahtlos {
    /// Looks at everything that is carried with the newest logs: new sections are replayed, what contradicts
    /// something is refused, and what has arrived otherwise, or in another form, is let go.
    pub(crate) fn settle_carried(&mut self) -> Result<Settled, ClientError> {
        let mut settled = Settled::default();
        if !self.carries_anything()? {
            return Ok(settled);
        }
        self.settle_operations(&mut settled)?;
        self.settle_envelopes(&mut settled)?;
        Ok(settled)
    }

    fn settle_operations(&mut self, settled: &mut Settled) -> Result<(), ClientError> {
        let (mut waiting, mut ours) = (Vec::new(), BTreeSet::new());
        for (item, record) in self.carried()? {
            let CarriedItem::Operation { bytes, wraps } = record.item else {
                continue;
            };
            let Ok(signed) = SignedOperation::decode(&bytes) else {
                continue;
            };
            if self.logs().contains(&signed) {
                ours.insert(item);
            } else {
                waiting.push((signed, wraps));
            }
        }
        let (mut replayed, mut refused) = (Vec::new(), Vec::new());
        loop {
            let (before, mut left) = (waiting.len(), Vec::new());
            for (signed, wraps) in waiting {
                match self.judge_operation(&signed, &ours) {
                    Judged::Replays(state) => {
                        settled.touched.insert(state.id());
                        self.cache.set(*state);
                        ours.insert(signed.id().into());
                        let wraps = signed_wraps(&signed, wraps);
                        replayed.push((signed, wraps));
                    }
                    Judged::Waits => left.push((signed, wraps)),
                    Judged::Refused(reason) => refused.push((signed, reason)),
                }
            }
            if left.is_empty() || left.len() == before {
                break;
            }
            waiting = left;
        }
        settled
            .refused
            .extend(refused.iter().map(|(signed, reason)| Refused {
                author: signed.operation().author,
                space: signed.space(),
                reason,
            }));
        self.commit(|transaction| {
            for (signed, wraps) in &replayed {
                logs::store(transaction, signed)?;
                for wrap in wraps {
                    put_wrap(transaction, signed, wrap)?;
                }
            }
            for (signed, _) in &refused {
                delete_carried(transaction, &signed.id().into())?;
            }
            put_unsettled(transaction, &settled.touched)
        })
    }

    /// Only a section that no relay has acknowledged, founded by somebody of the network, and what follows
    /// in its log.
    fn judge_operation(&self, signed: &SignedOperation, ours: &BTreeSet<ItemId>) -> Judged {
        let logs = self.logs();
        let body = signed.operation();
        let state = match logs.replay(signed) {
            Ok(state) => state,
            Err(ReplayError::UnknownReference(_) | ReplayError::MissingLog(_)) => {
                return Judged::Waits;
            }
            // It may follow a log that is still to come.
            Err(ReplayError::BadFounding { .. }) if body.index > 0 => return Judged::Waits,
            Err(ReplayError::NotNext) => {
                let length = logs.load(&signed.space()).ok().flatten();
                let is_taken = length.is_some_and(|state| state.length() > body.index);
                return if is_taken {
                    Judged::Refused("place_taken")
                } else {
                    Judged::Waits
                };
            }
            Err(ReplayError::BadSignature) => return Judged::Refused("bad_signature"),
            Err(ReplayError::NeedsNewer { .. }) => return Judged::Refused("needs_newer"),
            Err(_) => return Judged::Refused("invalid"),
        };
        let before = body.previous.map(ItemId::from);
        let follows_receipts = before.is_some_and(|before| !ours.contains(&before));
        if state.kind() != Kind::Section || follows_receipts {
            return Judged::Refused("no_receipt");
        }
        if !self.is_of_the_network(&body.author) {
            return Judged::Refused("not_admitted");
        }
        Judged::Replays(Box::new(state))
    }

    fn is_of_the_network(&self, device: &DeviceId) -> bool {
        let network = self.network();
        network.is_ok_and(|network| {
            let right = authority::right(&self.logs(), device, &network);
            right.role.is_some()
        })
    }

    fn settle_envelopes(&mut self, settled: &mut Settled) -> Result<(), ClientError> {
        let mut gone = Vec::new();
        let mut known = KnowledgeCache::default();
        for (item, record) in self.carried()? {
            let CarriedItem::Envelope { bytes } = record.item else {
                continue;
            };
            let Ok(envelope) = Envelope::decode(&bytes) else {
                gone.push(item);
                continue;
            };
            let space = envelope.header().space;
            if self.has_come_otherwise(&envelope)? {
                settled.touched.insert(space);
                gone.push(item);
                continue;
            }
            let Some(state) = self.logs().load(&space)? else {
                continue;
            };
            if let Err(NotApplied::Refused(reason, _)) =
                self.verified_fact(&state, &envelope, &mut known)
            {
                settled.refused.push(Refused {
                    author: envelope.header().author_device,
                    space,
                    reason,
                });
                gone.push(item);
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        self.commit(|transaction| {
            gone.iter()
                .try_for_each(|item| delete_carried(transaction, item))
        })
    }

    /// Whether the relay has this very envelope, or a later one of its author: one that the relay did not
    /// take was sealed anew, under the same number.
    fn has_come_otherwise(&self, envelope: &Envelope) -> Result<bool, ClientError> {
        let header = envelope.header();
        if self
            .vault
            .contains(Collection::Envelope, &envelope.id().0)?
        {
            return Ok(true);
        }
        let is_edit = header.kind == EnvelopeKind::Changes;
        let facts = self.facts(&header.space)?;
        Ok(facts.iter().any(|(_, fact)| {
            is_edit
                && fact.is_edit()
                && fact.author == header.author_device
                && fact.author_sequence >= header.author_sequence
        }))
    }
}
