//! A relay that lies: what it answers is changed, and signed with its own key where that is needed.

use nahtlos_client::transport::Answer;
use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::identifier::{DeviceId, ItemId};
use nahtlos_protocol::wire::{Batch, ItemKind, SyncResponse};
use nahtlos_relay::store::Reader;

use super::line::{BYTES_MAX, InTheAir, operation_id};
use super::world::World;

/// What a relay may say that is not so.
#[derive(Clone, Copy, Debug)]
enum Lie {
    /// Items are left out.
    Withhold,
    /// A byte of an item is changed.
    Alter,
    /// A byte of a wrapped key is changed.
    SwapKey,
    /// A receipt for what was pushed is not the relay's.
    ForgeReceipt,
    /// Items come in another order.
    Shuffle,
    /// An answer it gave before.
    Replay,
    /// It stands where it stood before.
    RollBack,
    /// An edit was received long ago; it says so to everybody from now on.
    Backdate,
}

const LIES: [(u64, Lie); 8] = [
    (3, Lie::Withhold),
    (2, Lie::Alter),
    (3, Lie::SwapKey),
    (2, Lie::ForgeReceipt),
    (2, Lie::Shuffle),
    (1, Lie::Replay),
    (1, Lie::RollBack),
    (2, Lie::Backdate),
];
/// When backdated edits are said to have come.
const LONG_AGO_MS: u64 = 1_700_000_000_000;

impl World {
    /// What a device is answered, which may be a lie; and the lies that stay.
    pub(super) fn lie(&mut self, request: &InTheAir, answer: Answer) -> Answer {
        let decoded = codec::decode::<SyncResponse>(&answer.body, BYTES_MAX);
        let (200, Ok(mut response)) = (answer.status, decoded) else {
            return answer;
        };
        let before = self.answered.insert(request.device, answer.body.clone());
        let chosen = if self.chance.percent(self.plan.lie) {
            self.chance.weighted(&LIES)
        } else {
            self.swaps_a_key(&response).then_some(Lie::SwapKey)
        };
        let mut body = None;
        if let Some(lie) = chosen {
            if matches!(lie, Lie::Replay) {
                body.clone_from(&before);
            }
            let told = match lie {
                Lie::Replay => body.is_some(),
                lie => self.tell_lie(lie, request.device, before.as_deref(), &mut response),
            };
            if told {
                self.coverage.count(format!("lie: {lie:?}").to_lowercase());
                let name = &self.devices[request.device].name;
                self.story
                    .tell(format!("the relay lies to {name}: {lie:?}"));
                self.lied_to.insert(request.device);
            }
        }
        self.put_backdated(&mut response);
        Answer {
            body: body.unwrap_or_else(|| codec::encode(&response)),
            ..answer
        }
    }

    /// In a deep world a key that is served is changed more often than chance would pick that lie.
    fn swaps_a_key(&mut self, response: &SyncResponse) -> bool {
        let often = self.deep.as_ref().map_or(0, |deep| deep.swapped_key);
        let has_keys = response.items.iter().any(|item| !item.wraps.is_empty());
        often > 0 && has_keys && self.chance.percent(often)
    }

    /// Whether there was anything to lie about.
    fn tell_lie(
        &mut self,
        lie: Lie,
        device: usize,
        before: Option<&[u8]>,
        response: &mut SyncResponse,
    ) -> bool {
        let items = response.items.len();
        let place = usize::try_from(self.chance.below(items.max(1) as u64)).unwrap_or(0);
        match lie {
            Lie::Withhold if items > 0 => {
                response.items.remove(place);
                true
            }
            Lie::Alter => {
                let item = response.items.get_mut(place);
                let operation = item.as_ref().and_then(|item| operation_id(item));
                // The id does not hang on the signature: altered there, it looks as if it had come.
                self.spoilt.extend(operation.map(|id| (device, id)));
                self.alter(item.map(|item| &mut item.bytes))
            }
            Lie::SwapKey => {
                let with_keys = response
                    .items
                    .iter_mut()
                    .find(|item| !item.wraps.is_empty());
                self.alter(with_keys.and_then(|item| Some(&mut item.wraps.first_mut()?.bytes)))
            }
            Lie::ForgeReceipt => {
                let results = response.results.iter_mut();
                let receipts: Vec<_> = results.filter_map(|one| one.receipt.as_mut()).collect();
                let forged = !receipts.is_empty();
                for receipt in receipts {
                    receipt.signature.0[0] ^= 1;
                }
                self.sign(response, device);
                forged
            }
            Lie::Shuffle if items > 1 => {
                for place in (1..items).rev() {
                    let other = self.chance.below(place as u64 + 1);
                    let other = usize::try_from(other).unwrap_or(0);
                    response.items.swap(place, other);
                }
                true
            }
            Lie::RollBack => {
                let before = before.map(|body| codec::decode::<SyncResponse>(body, BYTES_MAX));
                let Some(Ok(before)) = before else {
                    return false;
                };
                response.journal_mark = before.journal_mark;
                response.cursor = response.cursor.min(before.journal_mark.sequence);
                response.items.clear();
                self.sign(response, device);
                true
            }
            Lie::Backdate => {
                let mut envelopes = response
                    .items
                    .iter()
                    .filter(|item| item.kind == ItemKind::Envelope)
                    .filter_map(|item| {
                        nahtlos_protocol::envelope::Envelope::decode(&item.bytes).ok()
                    });
                let Some(envelope) = envelopes.next() else {
                    return false;
                };
                // Of what is held only some ever hear: two kinds of readers would see two documents.
                let id: ItemId = envelope.id().into();
                let known = self.relays[0].store().find(&id).ok().flatten();
                let held = known.and_then(|found| Some(found.envelope?.held));
                held == Some(false) && self.backdated.insert(id)
            }
            _ => false,
        }
    }

    fn alter(&mut self, bytes: Option<&mut Vec<u8>>) -> bool {
        let place = self.chance.bits();
        let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
            return false;
        };
        let place = usize::try_from(place % bytes.len() as u64).unwrap_or(0);
        bytes[place] ^= 0x10;
        true
    }

    /// Backdated edits bear their false receipt in every answer.
    fn put_backdated(&self, response: &mut SyncResponse) {
        if self.backdated.is_empty() {
            return;
        }
        for item in &mut response.items {
            let id = nahtlos_protocol::envelope::Envelope::decode(&item.bytes);
            let Some(id) = id.ok().map(|envelope| ItemId::from(envelope.id())) else {
                continue;
            };
            if self.backdated.contains(&id) {
                let batch = Batch {
                    journal: response.journal_mark.journal,
                    accepted_at_ms: LONG_AGO_MS,
                    items: vec![(1, id)],
                };
                item.receipt = batch.receipts(&self.relay_key()).remove(0);
            }
        }
    }

    fn sign(&self, response: &mut SyncResponse, device: usize) {
        let id: DeviceId = self.device_ids[device];
        response.sign(&self.relay_key(), &id);
    }

    fn relay_key(&self) -> SigningKey {
        SigningKey::from_seed(&Secret32::from_bytes(self.relay_seed))
    }

    /// Whoever was lied to asks for everything again once the lies have ended.
    pub(super) fn ask_for_everything_again(&mut self) {
        let all = !self.backdated.is_empty();
        for device in 0..self.devices.len() {
            if all || self.lied_to.contains(&device) {
                self.act(device, "pull everything again", |replica| {
                    replica.pull_everything_again()
                });
            }
        }
    }
}
