//! What becomes of the rights of teams whose institution left the network, and who is told that it did.
//!
//! Who removes an institution ends the rights that they may end in the same step; an institution that leaves by itself
//! ends none, and sections that others manage are theirs. So a device that manages a section ends there, at its
//! next sync, what teams and people hold who are in no institution of the network any more, with a new key. It
//! follows the network's replayed log alone, and costs what changed: the end of an institution's part marks the
//! sections above its teams once; a grant that somebody makes later marks its own section.

use std::collections::BTreeSet;

use nahtlos_casework::SectionKind;
use nahtlos_protocol::identifier::{GrantId, SpaceId};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::{EndReason, Grant, MemberId};
use nahtlos_protocol::space::{Draft, Effect, Logs, Right, SpaceState, authority};

use crate::ending::{Reason, is_managed_without};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::upkeep::mark;
use crate::vault::Collection;

/// Group in `Collection::Setting`: ends of an institution's part in the network after which the sections above its
/// teams were marked; key = `lm` ‖ grant.
const MARKED_AFTER: &[u8] = b"marked-after-leaving";
/// Group in `Collection::Setting`: ends of an institution's part in the network that one was told of; key = `lt` ‖
/// grant.
const TOLD: &[u8] = b"told-of-institutions";
/// Rights that one operation ends; the next one takes the others.
const ENDED_AT_ONCE_MAX: usize = 32;
/// Cases that a sentence names; of more it says how many they are.
const CASES_NAMED_MAX: usize = 3;

/// An institution's part in the network that has ended, by its last grant there.
struct PartEnded {
    institution: SpaceId,
    grant: Grant,
}

impl Nahtlos {
    /// Institutions whose part in the network has ended, each once.
    fn parts_ended(&self) -> Vec<PartEnded> {
        let network = self.device.network.filter(|id| !self.is_forked(id));
        let Some(network) = network.and_then(|network| self.logs().state(&network)) else {
            return Vec::new();
        };
        let mut seen: BTreeSet<SpaceId> = network.live_grants().filter_map(space_of).collect();
        let newest_first = network.grants().iter().rev();
        newest_first
            .filter_map(|grant| Some((space_of(grant)?, grant)))
            .filter(|(institution, _)| seen.insert(*institution))
            .map(|(institution, grant)| PartEnded {
                institution,
                grant: grant.clone(),
            })
            .collect()
    }

    /// Whether a team, a person or an institution is in the network by what stands: an institution of it has them, or a
    /// team that it has.
    fn is_beneath_network(&self, member: &SpaceId) -> Result<bool, ClientError> {
        if self.is_in_network(member) {
            return Ok(true);
        }
        for above in self.spaces_above(member)? {
            let Some(state) = self.logs().load(&above)? else {
                continue;
            };
            let is_group = matches!(state.kind(), Kind::Team | Kind::Institution);
            let stands = is_group
                && state
                    .live_grants()
                    .any(|grant| space_of(grant) == Some(*member));
            if stands && self.is_beneath_network(&above)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// An institution that left, with its teams and people, but for those whom another one has taken in.
    fn outside_with(&self, institution: &SpaceId) -> Result<BTreeSet<SpaceId>, ClientError> {
        let mut outside = BTreeSet::new();
        for member in self.groups_beneath(institution)? {
            if !self.is_beneath_network(&member)? {
                outside.insert(member);
            }
        }
        Ok(outside)
    }

    /// Everybody who is outside the network with an institution that left it.
    pub(crate) fn all_outside(&self) -> Result<BTreeSet<SpaceId>, ClientError> {
        let mut outside = BTreeSet::new();
        for part in self.parts_ended() {
            outside.extend(self.outside_with(&part.institution)?);
        }
        Ok(outside)
    }

    /// Whether a team or person belongs to an institution that left the network, and to none that is in it.
    #[must_use]
    pub fn is_outside(&self, member: &SpaceId) -> bool {
        let parts = self.parts_ended();
        let is_of = |part: &PartEnded| {
            let beneath = self.groups_beneath(&part.institution);
            beneath.is_ok_and(|beneath| beneath.contains(member))
        };
        parts.iter().any(is_of) && !self.is_beneath_network(member).unwrap_or(true)
    }

    /// Marks the sections above the teams of institutions that left since this was done last.
    pub(crate) fn mark_after_leaving(&mut self) -> Result<(), ClientError> {
        for part in self.parts_ended() {
            let key = keyed(b"lm", &part.grant.id);
            if self.vault.contains(Collection::Setting, &key)? {
                continue;
            }
            let outside = self.outside_with(&part.institution)?;
            let above = self.with_all_above(outside)?;
            self.commit(|transaction| {
                for space in &above {
                    mark(transaction, space)?;
                }
                transaction.put(Collection::Setting, MARKED_AFTER, &key, 0, b"")?;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Rights in a section that end because their holders are outside the network; none where this device may not
    /// end them, or nobody would manage the section then.
    pub(crate) fn rights_of_outside(
        &self,
        state: &SpaceState,
        right: Right,
        outside: &BTreeSet<SpaceId>,
    ) -> Vec<GrantId> {
        if state.kind() != Kind::Section || !right.changes_members() {
            return Vec::new();
        }
        let is_theirs = |grant: &Grant| space_of(grant).is_some_and(|id| outside.contains(&id));
        if !is_managed_without(state, is_theirs) {
            return Vec::new();
        }
        let theirs = state.live_grants().filter(|grant| is_theirs(grant));
        theirs
            .map(|grant| grant.id)
            .take(ENDED_AT_ONCE_MAX)
            .collect()
    }

    /// That institutions left the network, and what that means here, as sentences; each once, and nothing to the
    /// device that ended an institution's part itself.
    pub(crate) fn tell_of_institutions_left(&mut self) -> Result<Vec<String>, ClientError> {
        let (mut told, mut keys) = (Vec::new(), Vec::new());
        for part in self.parts_ended() {
            let key = keyed(b"lt", &part.grant.id);
            let Some(end) = part.grant.ended else {
                continue;
            };
            if self.vault.contains(Collection::Setting, &key)? {
                continue;
            }
            let is_own = self.device.institution == Some(part.institution);
            let directory = self.shared_directory().unwrap_or_default();
            let goes_on = directory.goes_on_as(&part.institution);
            if end.by != self.device_id && goes_on != part.institution {
                told.push(format!(
                    "{} goes on as {}: its teams and people are part of that one now, and nobody reads more by it, or less",
                    directory.institution_own_name(&part.institution),
                    directory.institution_own_name(&goes_on)
                ));
            } else if end.by != self.device_id && !is_own {
                told.push(self.institution_left_in_words(&part)?);
            }
            keys.push(key);
        }
        if !keys.is_empty() {
            self.commit(|transaction| {
                for key in &keys {
                    transaction.put(Collection::Setting, TOLD, key, 0, b"")?;
                }
                Ok(())
            })?;
        }
        Ok(told)
    }

    fn institution_left_in_words(&self, part: &PartEnded) -> Result<String, ClientError> {
        let directory = self.shared_directory().unwrap_or_default();
        let outside = self.outside_with(&part.institution)?;
        let rights = self.rights_after_leaving(&outside)?;
        let mut said = format!(
            "{} left the network: nothing typed here reaches its people any more, and nothing of theirs arrives",
            directory.institution_name(&part.institution)
        );
        if rights.ended > 0 {
            said.push_str(&format!(
                "; {} of its teams {} ended, with new keys",
                counted(rights.ended, "right", "rights"),
                if rights.ended == 1 { "was" } else { "were" }
            ));
        }
        if rights.left_to_others > 0 {
            said.push_str(&format!(
                "; its teams keep their rights in {} that you do not manage until who does has synced",
                counted(rights.left_to_others, "section", "sections")
            ));
        }
        if rights.theirs_alone > 0 {
            said.push_str(&format!(
                "; {} that its teams alone manage {} as before with those who hold {}, and nobody else can share or close {}",
                counted(rights.theirs_alone, "section", "sections"),
                if rights.theirs_alone == 1 { "stays" } else { "stay" },
                if rights.theirs_alone == 1 { "it" } else { "them" },
                if rights.theirs_alone == 1 { "it" } else { "them" },
            ));
        }
        let (open, closed) = self.cases_led_from(&outside)?;
        if !open.is_empty() {
            said.push_str(&format!(
                "; its people lead {} by name still: 'nahtlos case handover --from PERSON --to PERSON' says who does from now on",
                named(&open)
            ));
        }
        if !closed.is_empty() {
            said.push_str(&format!(
                "; its people lead {} still, which nobody here can hand over: open a case of your own to go on",
                named(&closed)
            ));
        }
        Ok(said)
    }

    /// What became of the rights of those outside, as far as this device knows the sections.
    fn rights_after_leaving(
        &self,
        outside: &BTreeSet<SpaceId>,
    ) -> Result<AfterLeaving, ClientError> {
        let mut rights = AfterLeaving::default();
        let is_theirs = |grant: &Grant| space_of(grant).is_some_and(|id| outside.contains(&id));
        let left = EndReason::Removed(Reason::Left.code());
        for space in self.with_all_above(outside.iter().copied())? {
            let state = self.logs().load(&space)?;
            let Some(state) = state.filter(|state| state.kind() == Kind::Section) else {
                continue;
            };
            let grants = state.grants().iter().filter(|grant| is_theirs(grant));
            let ended = grants.filter(|grant| grant.ended.is_some_and(|end| end.reason == left));
            rights.ended += ended.count() as u64;
            if state.live_grants().any(is_theirs) {
                match is_managed_without(&state, is_theirs) {
                    true => rights.left_to_others += 1,
                    false => rights.theirs_alone += 1,
                }
            }
        }
        Ok(rights)
    }

    /// Numbers of the cases that one of these people leads, as far as this device reads them: those whose lead this
    /// device's person may change, and the others.
    fn cases_led_from(
        &self,
        people: &BTreeSet<SpaceId>,
    ) -> Result<(Vec<String>, Vec<String>), ClientError> {
        let led = self.cases()?.into_iter().filter(|line| {
            let lead = line.summary.lead_person.as_deref();
            lead.and_then(SpaceId::from_hex)
                .is_some_and(|lead| people.contains(&lead))
        });
        let (mut open, mut closed) = (Vec::new(), Vec::new());
        for line in led {
            let core = self.case(&line.id)?.section(&SectionKind::Core);
            let manages = core.is_ok_and(|core| {
                authority::right(&self.logs(), &self.device_id, &core).at_least(Role::Manage)
            });
            let number = line.summary.case_number.unwrap_or(line.id);
            match manages {
                true => open.push(number),
                false => closed.push(number),
            }
        }
        Ok((open, closed))
    }
}

/// What became of rights in sections after their holders' institution left.
#[derive(Default)]
struct AfterLeaving {
    /// Rights that ended because of it.
    ended: u64,
    /// Sections in which others, who stay, still have to end them.
    left_to_others: u64,
    /// Sections that nobody else manages.
    theirs_alone: u64,
}

/// The first of some cases, and how many more there are.
fn named(cases: &[String]) -> String {
    let mut named: Vec<String> = cases.iter().take(CASES_NAMED_MAX).cloned().collect();
    if cases.len() > CASES_NAMED_MAX {
        named.push(format!("{} more", cases.len() - CASES_NAMED_MAX));
    }
    named.join(", ")
}

/// Ends rights, with a new key where `epoch` makes one.
pub(crate) fn ending_of(grants: &[GrantId]) -> Draft {
    let remove = |grant: &GrantId| Effect::Remove {
        grant: Some(*grant),
        member: None,
        reason: Reason::Left.code(),
    };
    grants
        .iter()
        .fold(Draft::new(), |draft, grant| draft.effect(remove(grant)))
}

fn counted(count: u64, one: &str, several: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {several}"),
    }
}

fn keyed(prefix: &[u8], grant: &GrantId) -> Vec<u8> {
    [prefix, &grant.0].concat()
}

fn space_of(grant: &Grant) -> Option<SpaceId> {
    match grant.member {
        MemberId::Space(space) => Some(space),
        MemberId::Device(_) => None,
    }
}
