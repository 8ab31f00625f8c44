//! Orders of whoever manages an institution that a person's cases go to another: they stand on that
//! person's card in the directory, and a device that leads the cases carries them out.

use nahtlos_protocol::identifier::SpaceId;
use serde::Serialize;

use crate::directory::{Directory, DirectoryEdit, HandoverOrder, PersonCard};
use crate::edits::TypedEdit;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

/// An order that somebody may carry out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderedHandover {
    /// Whose cases.
    pub from: String,
    /// Hexadecimal id of that person.
    pub from_id: String,
    /// Who takes over.
    pub to: String,
    /// Hexadecimal id of that person.
    pub to_id: String,
    /// Who gave the order; none where this device does not know them.
    pub ordered_by: Option<String>,
    /// When, by their clock, Unix milliseconds.
    pub ordered_at_ms: u64,
    /// Cases that the first of them leads, as far as this device knows.
    pub cases: usize,
}

impl Nahtlos {
    /// Orders that a person's cases go to another of one's institution, or takes the order back. It stands
    /// on their card in the directory, signed by this device; who leads the cases carries it out.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where one of them has no card of this institution;
    /// [`ClientError::NoRight`] where this device does not manage the institution.
    pub fn order_handover(
        &mut self,
        from: &SpaceId,
        to: Option<&SpaceId>,
    ) -> Result<(), ClientError> {
        let institution = self.institution()?;
        self.require_manager(&institution, "order a hand-over")?;
        let card = self.own_card(&institution, from)?;
        if let Some(to) = to {
            self.own_card(&institution, to)?;
        }
        let card = PersonCard {
            handover: to.map(|to| HandoverOrder {
                to: to.to_string(),
                ordered_at_ms: self.now_ms(),
            }),
            ..card
        };
        let network = self.network()?;
        let edit = DirectoryEdit::Person {
            id: from.to_string(),
            card,
        };
        self.edit_space(&network, &[TypedEdit::Directory(edit)])
    }

    /// Whether this device may order a hand-over: it manages the institution.
    #[must_use]
    pub fn may_order_handover(&self) -> bool {
        let institution = self.institution();
        institution.is_ok_and(|id| self.require_manager(&id, "order a hand-over").is_ok())
    }

    fn own_card(&self, institution: &SpaceId, person: &SpaceId) -> Result<PersonCard, ClientError> {
        let directory = self.directory()?;
        let card = directory.people.get(&person.to_string()).cloned();
        let is_of = |card: &PersonCard| {
            card.institution == institution.to_string()
                || SpaceId::from_hex(&card.institution)
                    .is_some_and(|id| directory.goes_on_as(&id) == *institution)
        };
        let own = card.filter(is_of);
        own.ok_or_else(|| ClientError::NotFound {
            what: "person of your institution",
            input: directory.person_name(person),
        })
    }

    /// Orders of one's institution about cases that are led by somebody still, as far as this device knows.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn ordered_handovers(&self) -> Result<Vec<OrderedHandover>, ClientError> {
        let directory = self.directory()?;
        let cases = self.cases()?;
        let mut orders = Vec::new();
        for (id, card) in &directory.people {
            let Some(order) = &card.handover else {
                continue;
            };
            let led = cases
                .iter()
                .filter(|line| line.summary.lead_person.as_ref() == Some(id));
            let led = led.count();
            let Some(to) = SpaceId::from_hex(&order.to).filter(|_| led > 0) else {
                continue;
            };
            orders.push(OrderedHandover {
                from: card.name.clone(),
                from_id: id.clone(),
                to: directory.person_name(&to),
                to_id: order.to.clone(),
                ordered_by: self.card_writer(id, &directory)?,
                ordered_at_ms: order.ordered_at_ms,
                cases: led,
            });
        }
        Ok(orders)
    }

    /// Who wrote a person's card as it stands.
    fn card_writer(&self, id: &str, directory: &Directory) -> Result<Option<String>, ClientError> {
        let network = self.network()?;
        let document = self.shared_document(&network)?;
        let written = document.read().get_all(["people", id].as_slice());
        let card = directory.people.get(id);
        let stands = written.into_iter().find(|one| {
            let read = one
                .value
                .as_str()
                .and_then(|text| serde_json::from_str(text).ok());
            read.as_ref() == card
        });
        let Some(actor) = stands.map(|one| *one.actor.as_bytes()) else {
            return Ok(None);
        };
        let devices = self.devices_of_actors(&network)?;
        let device = devices.into_iter().find(|(known, _)| *known == actor);
        Ok(device.and_then(|(_, device)| {
            let (person, _) = self.person_of_device(&device, &network)?;
            Some(directory.person_name(&person))
        }))
    }
}
