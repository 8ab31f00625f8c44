//! Epochs, wraps, links and heals that are refused.

use nahtlos_protocol::identifier::{GrantId, KeyId, RecipientId, WrapHash};
use nahtlos_protocol::space::effect::HealedOperation;
use nahtlos_protocol::space::{Effect, Recipient, WrapMethod};

use super::operations::{Refused, Scene};

impl Scene {
    /// Effects on keys, in a section whose epoch is current.
    pub fn keys(&self) -> Vec<Refused> {
        let (a1, c1) = (&self.a1, &self.c1);
        let current = self.state(self.section).current_epoch().expect("an epoch");
        let current_id = current.key_id;
        let recipients: Vec<Recipient> = current
            .recipients
            .values()
            .map(|record| record.recipient)
            .collect();
        let epoch = |change: &dyn Fn(&mut Shape)| {
            let mut shape = Shape {
                key_id: KeyId([8; 32]),
                previous: Some(current_id),
                link: None,
                kem: None,
                recipients: recipients.clone(),
                cut: false,
                suspended: vec![],
            };
            change(&mut shape);
            shape.effect()
        };
        let stranger = Recipient {
            id: RecipientId([1; 32]),
            key: KeyId([1; 32]),
            method: WrapMethod::Hybrid,
            wrap: WrapHash([1; 32]),
        };
        let wrap = |recipients| Effect::Wrap {
            key_id: current_id,
            recipients,
            suspended: vec![],
        };
        let link = |key_id, previous| Effect::Link {
            key_id,
            previous,
            link: vec![0; 48],
        };
        let bad = |recipient| Effect::BadWrap {
            key_id: current_id,
            recipient,
        };
        let grant = self.grant_of_team();
        let other_team = recipients
            .iter()
            .find(|recipient| recipient.id != self.team.into())
            .expect("T1")
            .id;
        vec![
            self.refuse(
                "Epoch that follows no epoch",
                a1,
                epoch(&|shape| shape.previous = None),
                "contradiction",
            ),
            self.refuse(
                "Epoch under a used seed",
                a1,
                epoch(&|shape| shape.key_id = current_id),
                "contradiction",
            ),
            self.refuse(
                "Epoch with a link of 47 bytes",
                a1,
                epoch(&|shape| shape.link = Some(vec![0; 47])),
                "contradiction",
            ),
            self.refuse(
                "Epoch that cuts and links",
                a1,
                epoch(&|shape| {
                    shape.cut = true;
                    shape.link = Some(vec![0; 48]);
                }),
                "contradiction",
            ),
            self.refuse(
                "Epoch of a section with a KEM key",
                a1,
                epoch(&|shape| shape.kem = Some(vec![0; 1216])),
                "contradiction",
            ),
            self.refuse(
                "Epoch that passes over a grant that stands",
                a1,
                epoch(&|shape| shape.suspended = vec![grant]),
                "contradiction",
            ),
            self.refuse(
                "Epoch for nobody",
                a1,
                epoch(&|shape| shape.recipients.clear()),
                "not_exact",
            ),
            self.refuse(
                "Epoch for one more",
                a1,
                epoch(&|shape| {
                    shape.recipients.push(stranger);
                    shape.recipients.sort();
                }),
                "not_exact",
            ),
            self.refuse(
                "Epoch for one less",
                a1,
                epoch(&|shape| {
                    shape.recipients.pop();
                }),
                "not_exact",
            ),
            self.refuse(
                "Epoch whose recipients do not ascend",
                a1,
                epoch(&|shape| shape.recipients.reverse()),
                "not_exact",
            ),
            self.refuse(
                "Epoch for another key of a recipient",
                a1,
                epoch(&|shape| shape.recipients[0].key = KeyId([1; 32])),
                "not_exact",
            ),
            self.refuse(
                "Epoch, symmetric by an outsider",
                c1,
                epoch(&|shape| {
                    for recipient in &mut shape.recipients {
                        recipient.method = WrapMethod::Symmetric;
                    }
                }),
                "contradiction",
            ),
            self.refuse("Wrap for nobody", a1, wrap(vec![]), "not_exact"),
            self.refuse("Wrap for a stranger", a1, wrap(vec![stranger]), "not_exact"),
            self.refuse(
                "Wrap for who has one",
                a1,
                wrap(vec![recipients[0]]).hybrid(),
                "contradiction",
            ),
            self.refuse(
                "Wrap of another epoch",
                a1,
                Effect::Wrap {
                    key_id: KeyId([8; 32]),
                    recipients: recipients.clone(),
                    suspended: vec![],
                },
                "contradiction",
            ),
            self.refuse(
                "Link to itself",
                a1,
                link(current_id, current_id),
                "contradiction",
            ),
            self.refuse(
                "Link to no epoch",
                a1,
                link(current_id, KeyId([8; 32])),
                "contradiction",
            ),
            self.refuse(
                "BadWrap for somebody else",
                c1,
                bad(other_team),
                "not_entitled",
            ),
            self.refuse(
                "BadWrap of no wrap",
                a1,
                bad(RecipientId::from(self.a1.id)),
                "contradiction",
            ),
            self.refuse(
                "Heal of nothing",
                a1,
                Effect::Heal { branch: vec![] },
                "contradiction",
            ),
            self.refuse(
                "Heal of what is no operation",
                a1,
                Effect::Heal {
                    branch: vec![HealedOperation {
                        operation: vec![0],
                        receipt: vec![0],
                    }],
                },
                "contradiction",
            ),
        ]
    }
}

/// What an epoch names.
struct Shape {
    key_id: KeyId,
    previous: Option<KeyId>,
    link: Option<Vec<u8>>,
    kem: Option<Vec<u8>>,
    recipients: Vec<Recipient>,
    cut: bool,
    suspended: Vec<GrantId>,
}

impl Shape {
    fn effect(self) -> Effect {
        Effect::Epoch {
            key_id: self.key_id,
            kem: self.kem,
            previous: self.previous,
            link: self.link,
            label: None,
            recipients: self.recipients,
            cut: self.cut,
            suspended: self.suspended,
        }
    }
}

trait Hybrid {
    fn hybrid(self) -> Self;
}

impl Hybrid for Effect {
    /// The same with hybrid wraps.
    fn hybrid(mut self) -> Self {
        if let Self::Wrap { recipients, .. } = &mut self {
            for recipient in recipients {
                recipient.method = WrapMethod::Hybrid;
            }
        }
        self
    }
}
