//! A member whose program does what ours never would: it signs what the rules forbid, and sends what
//! nobody could have made.

use nahtlos_casework::SectionKind;
use nahtlos_protocol::codec;
use nahtlos_protocol::identifier::{GrantId, SpaceId};
use nahtlos_protocol::space::effect::{History, Member};
use nahtlos_protocol::space::{Effect, Role};
use nahtlos_protocol::wire::{PushItem, SYNC_PATH, SyncRequest};
use nahtlos_protocol::{PROTOCOL_VERSION, limits};

use super::line::InTheAir;
use super::scene::SCENE;
use super::world::World;

impl World {
    /// The hostile member sends something.
    pub(super) fn be_hostile(&mut self) {
        let Some(device) = self.devices.iter().position(|device| device.hostile) else {
            return;
        };
        let kind = if self.chance.percent(70) {
            SectionKind::Journal
        } else {
            SectionKind::Core
        };
        let Some(replica) = &self.devices[device].replica else {
            return;
        };
        let space = replica
            .find_case(&SCENE.case)
            .and_then(|case| case.section(&kind));
        let (Ok(space), Some(token)) = (space, replica.request_token()) else {
            return;
        };
        let Some((what, item)) = self.forbidden(device, &space) else {
            return;
        };
        self.send_forbidden(device, token, what, item);
    }

    pub(super) fn send_forbidden(
        &mut self,
        device: usize,
        token: String,
        what: &str,
        item: PushItem,
    ) {
        let body = codec::encode(&SyncRequest {
            version: PROTOCOL_VERSION,
            cursor: 0,
            journal_mark: None,
            push: vec![item],
            max_bytes: 1,
        });
        let name = &self.devices[device].name;
        self.story
            .tell(format!("{name} sends what is forbidden: {what}"));
        self.coverage.count(format!("hostile: {what}"));
        let relay = self.devices[device].relay;
        let _answer = self.reach(&InTheAir {
            relay,
            device,
            path: SYNC_PATH.into(),
            token: Some(token),
            body,
        });
    }

    /// A member of a section raises somebody to manage it, allowed or not.
    pub(super) fn forbidden_role(&self, device: usize, space: &SpaceId) -> Option<PushItem> {
        let replica = self.devices[device].replica.as_ref()?;
        let grant = replica.grants_of(space).first()?.id;
        let role = Role::Manage;
        let bytes = replica.forbidden_operation(space, vec![Effect::SetRole { grant, role }])?;
        Some(PushItem::Operation {
            bytes,
            wraps: Vec::new(),
            receipt: None,
        })
    }

    /// The epoch in use, wrapped to nobody.
    pub(super) fn key_for_nobody(&self, device: usize, space: &SpaceId) -> Option<PushItem> {
        let replica = self.devices[device].replica.as_ref()?;
        let effect = Effect::Wrap {
            key_id: replica.epoch_in(space)?,
            recipients: Vec::new(),
            suspended: Vec::new(),
        };
        Some(PushItem::Operation {
            bytes: replica.forbidden_operation(space, vec![effect])?,
            wraps: Vec::new(),
            receipt: None,
        })
    }

    fn forbidden(&mut self, device: usize, space: &SpaceId) -> Option<(&'static str, PushItem)> {
        let place = self.chance.bits();
        let changed = self.chance.below(10);
        let last = self.last_pushed.clone();
        let replica = self.devices[device].replica.as_ref()?;
        let grants = replica.grants_of(space);
        let any = grants.get(usize::try_from(place % grants.len().max(1) as u64).ok()?);
        let operation = |effects| {
            let bytes = replica.forbidden_operation(space, effects)?;
            Some(PushItem::Operation {
                bytes,
                wraps: Vec::new(),
                receipt: None,
            })
        };
        let grant = GrantId(place.to_be_bytes().repeat(2).try_into().ok()?);
        let item = match changed {
            0 => ("close", operation(vec![Effect::Close {}])?),
            1 => {
                let id = any?.id;
                let role = Role::Manage;
                (
                    "role",
                    operation(vec![Effect::SetRole { grant: id, role }])?,
                )
            }
            2 => {
                let grant = Some(any?.id);
                let effect = Effect::Remove {
                    grant,
                    member: None,
                    reason: 0,
                };
                ("remove", operation(vec![effect])?)
            }
            3 => {
                let effect = Effect::Add {
                    grant,
                    member: Member::Space { id: *space },
                    role: Role::Manage,
                    history: History::Full,
                    basis: None,
                    not_after_ms: None,
                    invitation: None,
                };
                ("add", operation(vec![effect])?)
            }
            4 | 5 => {
                let bytes = replica.forbidden_envelope(space, b"no change at all")?;
                let receipt = None;
                ("edit", PushItem::Envelope { bytes, receipt })
            }
            6 => ("cut short", with_bytes(last?, |bytes| bytes.truncate(40))),
            7 => (
                "other signature",
                with_bytes(last?, |bytes| {
                    if let Some(byte) = bytes.last_mut() {
                        *byte ^= 1;
                    }
                }),
            ),
            8 => (
                "too large",
                with_bytes(last?, |bytes| {
                    bytes.resize(limits::OPERATION_BYTES_MAX + 1, 0);
                }),
            ),
            _ => (
                "newer version",
                with_bytes(last?, |bytes| {
                    let version = bytes.windows(2).position(|pair| pair == [1, 2]);
                    if let Some(place) = version.filter(|place| *place < 10) {
                        bytes[place] = 9;
                    }
                }),
            ),
        };
        Some(item)
    }

    /// What a hostile member changes of its own operations: the keys beside them.
    pub(super) fn tamper(&mut self, request: &mut InTheAir) {
        let often = match &self.deep {
            Some(deep) => deep.tampered_key,
            None => self.plan.hostile,
        };
        if !self.devices[request.device].hostile || !self.chance.percent(often) {
            return;
        }
        let Ok(mut sync) = codec::decode::<SyncRequest>(&request.body, super::line::BYTES_MAX)
        else {
            return;
        };
        let alters = self.deep.is_some() && self.chance.percent(50);
        let mut changed = false;
        for item in &mut sync.push {
            if let PushItem::Operation { wraps, .. } = item
                && !wraps.is_empty()
            {
                if alters && let Some(byte) = wraps[0].bytes.last_mut() {
                    *byte ^= 1;
                } else {
                    wraps.remove(0);
                }
                changed = true;
            }
        }
        if changed {
            let word = if alters { "altered" } else { "left out" };
            self.coverage.count("hostile: keys tampered");
            self.story.tell(format!("keys are {word}"));
            request.body = codec::encode(&sync);
        }
    }
}

fn with_bytes(item: PushItem, change: impl FnOnce(&mut Vec<u8>)) -> PushItem {
    match item {
        PushItem::Operation {
            mut bytes, wraps, ..
        } => {
            change(&mut bytes);
            PushItem::Operation {
                bytes,
                wraps,
                receipt: None,
            }
        }
        PushItem::Envelope { mut bytes, .. } => {
            change(&mut bytes);
            PushItem::Envelope {
                bytes,
                receipt: None,
            }
        }
        other => other,
    }
}
