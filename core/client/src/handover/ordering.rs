//! Orders of whoever manages an institution that a person's cases go to another: they stand on that
//! person's card in the directory, and a device that leads the cases carries them out.

use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::Logs as _;
use nahtlos_protocol::space::kind::Kind;
use nahtlos_protocol::space::state::{Grant, MemberId};
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
        let mut orders = self.orders()?;
        orders.retain(|order| order.cases > 0);
        Ok(orders)
    }

    /// Orders to this device's person about cases of somebody of whose teams they are in none: it reads none of
    /// these cases, and can hand none of them over.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn orders_out_of_reach(&self) -> Result<Vec<OrderedHandover>, ClientError> {
        let own = self.device.person.map(|id| id.to_string());
        let mut unreached = Vec::new();
        for order in self.orders()? {
            if order.cases > 0 || Some(&order.to_id) != own.as_ref() {
                continue;
            }
            let ids = SpaceId::from_hex(&order.from_id).zip(SpaceId::from_hex(&order.to_id));
            if let Some((from, to)) = ids
                && !self.is_in_a_team_of(&to, &from)?
            {
                unreached.push(order);
            }
        }
        Ok(unreached)
    }

    /// Whether somebody is in a team that another person is or was in, or in one that took such a team over.
    /// Of who was in no team, as far as this device knows, nothing follows: yes.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn is_in_a_team_of(&self, person: &SpaceId, other: &SpaceId) -> Result<bool, ClientError> {
        let directory = self.shared_directory()?;
        let logs = self.logs();
        let is_in = |grant: &Grant| {
            grant.member == MemberId::Space(*person)
                && grant.is_confirmed()
                && grant.role.holds_keys()
        };
        let mut has_any = false;
        for space in self.spaces_above(other)? {
            let Some(state) = logs
                .load(&space)?
                .filter(|state| state.kind() == Kind::Team)
            else {
                continue;
            };
            let mut grants = state.grants().iter();
            if !grants.any(|grant| grant.member == MemberId::Space(*other)) {
                continue;
            }
            has_any = true;
            for team in [Some(space), directory.taken_over_by(&space)] {
                let team = team.and_then(|team| logs.state(&team));
                if team.is_some_and(|team| team.live_grants().any(is_in)) {
                    return Ok(true);
                }
            }
        }
        Ok(!has_any)
    }

    fn orders(&self) -> Result<Vec<OrderedHandover>, ClientError> {
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
            let Some(to) = SpaceId::from_hex(&order.to) else {
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
