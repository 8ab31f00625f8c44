//! Cases get another lead: by somebody's own decision, by an order, by two people at once, and while who led
//! them leaves and writes on. And what is reorganised: a name, two teams, an institution.

use nahtlos_casework::view::CoreView;
use nahtlos_casework::{Choice, Conflict, SectionKind, resolve};
use nahtlos_client::{ClientError, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;

use super::people_scene::{INSTITUTION, MANAGEMENT, OWN_TEAM};
use super::scene::{SCENE, person};
use super::world::World;

const CORE: SectionKind = SectionKind::Core;
/// Which institution leaves the network, or is removed from it.
const LEAVES: &str = "Sozialdienst Langnau";
/// Who may come to lead the case: of its team, of another one, and of another institution.
const LEADS: [&str; 5] = ["berger", "keller", "iseli", "nobs", "trachsel"];
/// Who may by an order: people of the same institution.
const LEADS_BY_ORDER: [&str; 3] = ["berger", "keller", "trachsel"];

impl World {
    /// Who leads the case, as a device sees it.
    pub(super) fn lead(&self, device: usize) -> Option<SpaceId> {
        lead_of(self.devices[device].replica.as_ref()?)
            .ok()
            .flatten()
    }

    /// A device whose person may hand the case over.
    fn one_who_leads(&mut self) -> Option<usize> {
        let core = self.space_of(&CORE)?;
        self.one_with(&core, &["manage", "write"])
    }

    /// Somebody who is to lead it, and does not.
    fn next_lead(&mut self, from: &SpaceId) -> Option<SpaceId> {
        self.next_lead_among(&LEADS, from)
    }

    fn next_lead_among(&mut self, names: &[&str], from: &SpaceId) -> Option<SpaceId> {
        let people = names.iter().filter_map(|name| self.known_as(&person(name)));
        let people: Vec<SpaceId> = people.filter(|one| one != from).collect();
        self.chance.one_of(&people).copied()
    }

    pub(super) fn hand_over_by_somebody(&mut self) {
        let Some(device) = self.one_who_leads() else {
            return;
        };
        self.sync(device, 0);
        let Some(from) = self.lead(device) else {
            return;
        };
        if self.chance.percent(60) {
            self.order_and_carry_out(&from);
            return;
        }
        if let Some(to) = self.next_lead(&from) {
            self.hand_over(device, &from, &to);
            self.sync(device, 0);
        }
    }

    /// A custodian orders it; a device of who leads the case carries it out.
    fn order_and_carry_out(&mut self, from: &SpaceId) {
        let to = self.next_lead_among(&LEADS_BY_ORDER, from);
        let (Some(custodian), Some(to)) = (self.manager_of_institution(), to) else {
            return;
        };
        let ordered = self.act(custodian, "order: a hand-over", |replica| {
            replica.order_handover(from, Some(&to))
        });
        if ordered.is_none() {
            return;
        }
        self.count_done("a hand-over ordered");
        self.sync(custodian, 0);
        self.all_sync(0);
        let Some(device) = self.one_who_leads() else {
            return;
        };
        let orders = self.act(device, "orders: are looked at", |replica| {
            replica.ordered_handovers()
        });
        for order in orders.unwrap_or_default() {
            let (from, to) = (
                SpaceId::from_hex(&order.from_id),
                SpaceId::from_hex(&order.to_id),
            );
            if let (Some(from), Some(to)) = (from, to)
                && self.hand_over(device, &from, &to)
            {
                self.count_done("a hand-over by order");
            }
        }
        self.sync(device, 0);
    }

    /// Hands over what somebody leads; whether anything was.
    pub(super) fn hand_over(&mut self, device: usize, from: &SpaceId, to: &SpaceId) -> bool {
        let done = self.act(device, "hand over: the case", |replica| {
            let plan = replica.plan_handover(from, to, &[])?;
            let (mut handed, mut effects) = (0, (0, 0));
            for one in &plan.cases {
                if replica.hand_over(&plan, one)? {
                    handed += 1;
                    effects = (effects.0 + one.new_keys.len(), effects.1 + one.raised.len());
                }
            }
            Ok((handed, effects, plan.excluded.len()))
        });
        let Some((handed, (new_keys, raised), excluded)) = done else {
            return false;
        };
        let counted = [
            (handed, "a case handed over"),
            (new_keys, "a hand-over with new keys"),
            (raised, "a hand-over that raised a team"),
            (excluded, "a case excluded"),
        ];
        for (count, what) in counted {
            if count > 0 {
                self.count_done(what);
            }
        }
        handed > 0
    }

    /// Two devices hand the same case over, to two people, and neither knows of the other.
    pub(super) fn hand_over_twice(&mut self) {
        let Some(core) = self.space_of(&CORE) else {
            return;
        };
        let leading = self.idle_with(&core, &["manage", "write"]);
        let Some(one) = self.chance.one_of(&leading).copied() else {
            return;
        };
        let mut others = leading;
        others.retain(|place| *place != one);
        let Some(other) = self.chance.one_of(&others).copied() else {
            return;
        };
        self.sync(one, 0);
        self.sync(other, 0);
        let mut both = true;
        for device in [one, other] {
            let from = self.lead(device);
            let to = from.and_then(|from| self.next_lead(&from));
            both &= from
                .zip(to)
                .is_some_and(|(from, to)| self.hand_over(device, &from, &to));
        }
        if both {
            self.count_done("two hand-overs at once");
        }
        for device in [one, other, one] {
            self.sync(device, 0);
        }
        if self.chance.percent(60) {
            self.settle_lead(one);
            self.sync(one, 0);
        }
    }

    /// A person settles who leads.
    fn settle_lead(&mut self, device: usize) {
        let second = usize::from(self.chance.percent(50));
        let case = SCENE.case.clone();
        let settled = self.act(device, "settle: who leads", |replica| {
            let found = replica.find_case(&case)?;
            let conflicts = replica.conflicts(&found)?;
            let Some(about) = conflicts.iter().find(|one| is_about_lead(one)) else {
                return Ok(None);
            };
            let Ok(edit) = resolve(about, Choice::Alternative(second)) else {
                return Ok(None);
            };
            let choice = Choice::Alternative(second);
            let raised = replica.settle(&found, about, choice, edit)?;
            Ok(Some(raised.iter().filter(|one| one.ends).count()))
        });
        if let Some(Some(ended)) = settled {
            self.count_done("a conflict about the lead settled");
            if ended > 0 {
                self.count_done("what a hand-over gave in vain ended");
            }
        }
    }

    /// Who leads the case leaves the team: a colleague removes them and hands their case over, while they
    /// write on and perhaps hand it over themselves.
    pub(super) fn leave_with_a_case(&mut self) {
        let Some(team) = self.known_as(OWN_TEAM) else {
            return;
        };
        let managing = self.idle_with(&team, &["manage"]);
        let Some(manager) = self.chance.one_of(&managing).copied() else {
            return;
        };
        let owner = self.devices[manager].owner.clone();
        let mut leaving = self.idle_with(&team, &["manage", "write"]);
        leaving.retain(|place| self.devices[*place].owner != owner);
        let Some(leaver) = self.chance.one_of(&leaving).copied() else {
            return;
        };
        self.sync(leaver, 0);
        self.sync(manager, 0);
        let name = self.devices[leaver].owner.clone();
        let Some(from) = self.known_as(&person(&name)) else {
            return;
        };
        // The case becomes theirs, if it is not yet.
        if let Some(lead) = self.lead(leaver).filter(|lead| *lead != from) {
            self.hand_over(leaver, &lead, &from);
            self.sync(leaver, 0);
            self.sync(manager, 0);
        }
        self.leave_or_come(manager, &name, INSTITUTION, true);
        self.type_note(leaver, None);
        if self.chance.percent(50)
            && let Some(to) = self.next_lead(&from)
            && self.hand_over(leaver, &from, &to)
        {
            self.count_done("a hand-over by who is removed meanwhile");
        }
        self.finish_leaving(manager, leaver, &from);
    }

    fn finish_leaving(&mut self, manager: usize, leaver: usize, from: &SpaceId) {
        let first = self.chance.percent(50);
        if first {
            self.sync(manager, 0);
        }
        if let Some(to) = self.next_lead(from)
            && self.hand_over(manager, from, &to)
        {
            self.count_done("a leaver's case handed over");
        }
        self.sync(manager, 0);
        self.sync(leaver, 0);
        self.type_note(leaver, None);
        self.sync(leaver, 0);
        self.sync(manager, 0);
        let adopts = self.chance.percent(60);
        self.decide_held(manager, adopts);
        self.sync(manager, 0);
        self.sync(leaver, 0);
    }

    /// A team is renamed, two teams become one, or an institution leaves the network.
    pub(super) fn reorganise(&mut self) {
        let Some(manager) = self.manager_of_institution() else {
            return;
        };
        let Some(people) = &self.people else {
            return;
        };
        let (merged, removed) = (people.merged, people.removed);
        match self.chance.below(3) {
            0 if !merged => self.merge(manager),
            1 if !removed => self.remove_institution(manager),
            2 if !removed && self.chance.percent(40) => self.institution_leaves(manager),
            _ => self.rename_team(manager),
        }
        self.sync(manager, 0);
    }

    fn rename_team(&mut self, manager: usize) {
        let number = self.next_note;
        let renamed = self.act(manager, "rename: a team", |replica| {
            let directory = replica.directory()?;
            let mut teams = directory.teams.iter();
            let found = teams.find(|(_, card)| card.name.starts_with(MANAGEMENT));
            let team = found.and_then(|(id, _)| SpaceId::from_hex(id));
            team.map(|team| replica.rename_team(&team, &format!("{MANAGEMENT} {number}")))
                .transpose()
        });
        if renamed.flatten().is_some() {
            self.next_note += 1;
            self.count_done("a team renamed");
        }
    }

    fn merge(&mut self, manager: usize) {
        let merged = self.act(manager, "merge: two teams", |replica| {
            let directory = replica.directory()?;
            let mut teams = directory.teams.iter();
            let found = teams.find(|(_, card)| card.name.starts_with(MANAGEMENT));
            let from = found.and_then(|(id, _)| SpaceId::from_hex(id));
            let into = directory.find_team(OWN_TEAM)?;
            match from {
                Some(from) => replica.merge_teams(&from, &into).map(|()| true),
                None => Ok(false),
            }
        });
        if merged == Some(true) {
            self.count_done("two teams merged");
            if let Some(people) = &mut self.people {
                people.merged = true;
            }
        }
    }

    /// The same institution leaves by itself, once it manages the network, too.
    fn institution_leaves(&mut self, manager: usize) {
        let manages = self.act(manager, "network: another one manages it", |replica| {
            let institution = replica.directory()?.find_institution(LEAVES)?;
            replica.set_network_manager(&institution, true)
        });
        if manages.is_none() {
            return;
        }
        self.sync(manager, 0);
        let replica = self.devices[manager].replica.as_ref();
        let Some(network) = replica.and_then(|replica| replica.identity().network) else {
            return;
        };
        for device in self.idle_with(&network, &["manage", "write"]) {
            self.sync(device, 0);
            self.type_note(device, None);
            let left = self.act(device, "leave: the own institution", |replica| {
                let own = replica.identity().institution;
                let leaves = replica.directory()?.find_institution(LEAVES)?;
                match own == Some(leaves) {
                    true => replica.leave_network().map(|()| true),
                    false => Ok(false),
                }
            });
            if left == Some(true) {
                self.sync(device, 0);
                self.count_done("an institution left by itself");
                if let Some(people) = &mut self.people {
                    people.removed = true;
                }
                return;
            }
        }
    }

    fn remove_institution(&mut self, manager: usize) {
        let removed = self.act(manager, "remove: an institution", |replica| {
            let institution = replica.directory()?.find_institution(LEAVES)?;
            replica.remove_institution(&institution)
        });
        if removed.is_some() {
            self.count_done("an institution removed");
            if let Some(people) = &mut self.people {
                people.removed = true;
            }
        }
    }
}

/// Who leads the case, as a replica shows it.
pub(super) fn lead_of(replica: &Nahtlos) -> Result<Option<SpaceId>, ClientError> {
    let case = replica.find_case(&SCENE.case)?;
    let core = CoreView::read(&replica.section_document_unrecorded(&case, &CORE)?);
    let lead = core.lead.as_ref().and_then(|lead| lead.known());
    Ok(lead.and_then(|lead| SpaceId::from_hex(&lead.person.to_string())))
}

fn is_about_lead(conflict: &Conflict) -> bool {
    conflict.section == CORE && conflict.path.as_slice() == ["case", "lead"]
}
