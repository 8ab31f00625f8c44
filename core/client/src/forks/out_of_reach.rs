//! A fork that this device cannot see: the relay lost an operation of ours, another one took its place,
//! and the relay does not serve this device that log any more. So it neither goes over nor carries the
//! branch back, and what names an operation of the branch is refused for ever. What it still sends
//! there, for the held lane, is sealed by what the relay has, too.

use std::collections::BTreeMap;

use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::LogHead;
use nahtlos_protocol::space::authority::Logs;
use nahtlos_protocol::space::operation::SignedOperation;

use super::going_over::Crossing;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

/// From where on logs here are not those of the relay, by their spaces.
pub(crate) type Lost = BTreeMap<SpaceId, u64>;

impl Nahtlos {
    /// From where on the logs that this device stands on have no place at the relay: what was offered
    /// again and came too late, and what comes after it.
    pub(crate) fn lost_out_of_reach(&self) -> Result<Lost, ClientError> {
        let mut lost = Lost::new();
        for offer in self.offers()?.iter().filter(|offer| offer.is_place_taken) {
            let Some(index) = offer.index else {
                continue;
            };
            let state = self.logs().load(&offer.space)?;
            let ours = state.and_then(|state| Some(state.operation(index)?.id));
            let is_ours = ours.is_some_and(|ours| ours.0 == offer.item.0);
            if !is_ours || self.has_to_be_served(&offer.space)? {
                continue;
            }
            let crossing = Crossing {
                space: offer.space,
                index,
            };
            for operation in self.what_comes_after(&crossing)? {
                note(&mut lost, &operation);
            }
        }
        Ok(lost)
    }

    /// Heads as far back as the relay has the logs, too.
    pub(crate) fn before_what_is_lost(&self, heads: Vec<LogHead>, lost: &Lost) -> Vec<LogHead> {
        let lowered = heads.into_iter().filter_map(|head| {
            let Some(from) = lost.get(&head.space).filter(|from| head.index >= **from) else {
                return Some(head);
            };
            let index = from.checked_sub(1)?;
            let operation = self.logs().state(&head.space)?.operation(index)?.id;
            Some(LogHead {
                index,
                operation,
                ..head
            })
        });
        lowered.collect()
    }
}

fn note(lost: &mut Lost, operation: &SignedOperation) {
    let index = operation.operation().index;
    let from = lost.entry(operation.space()).or_insert(index);
    *from = index.min(*from);
}
