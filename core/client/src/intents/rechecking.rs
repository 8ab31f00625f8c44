//! Whether somebody else decided about the same member since a person decided: then nothing is
//! signed, and the person decides again.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::operation::LogHead;
use nahtlos_protocol::space::state::{Grant, MemberId};
use nahtlos_protocol::space::{Logs, SpaceState};

use crate::error::ClientError;
use crate::logs::Overlay;
use crate::nahtlos::Nahtlos;
use crate::records::{Intent, IntentRecord};

impl Nahtlos {
    /// The logs that say what the person decided on: the space's own, and those of the groups the
    /// member belongs to.
    pub(super) fn heads_decided_at(
        &self,
        intent: &Intent,
        space: &SpaceId,
    ) -> Result<Vec<LogHead>, ClientError> {
        let logs = self.logs();
        let Some(state) = logs.state(space) else {
            return Ok(Vec::new());
        };
        let mut spaces: BTreeSet<SpaceId> = BTreeSet::from([*space]);
        if let Some(member) = member_of(intent, &state) {
            spaces.extend(
                self.belongings(space, member)?
                    .into_iter()
                    .map(|(at, _)| at),
            );
        }
        let heads = spaces.iter().filter_map(|space| logs.state(space)?.head());
        Ok(heads.collect())
    }

    /// Why a person must decide again; none where nobody decided about the member meanwhile.
    pub(super) fn overtaken(
        &self,
        record: &IntentRecord,
        state: &SpaceState,
        logs: &Overlay<'_>,
    ) -> Result<Option<String>, ClientError> {
        // Decided by the program itself, before it had the logs.
        let Some(member) =
            member_of(&record.intent, state).filter(|_| !record.decided_at.is_empty())
        else {
            return Ok(None);
        };
        let seen: BTreeMap<SpaceId, u64> = record
            .decided_at
            .iter()
            .map(|head| (head.space, head.index))
            .collect();
        for (space, member) in self.belongings(&state.id(), member)? {
            let Some(space) = logs.state(&space) else {
                continue;
            };
            let since = seen
                .get(&space.id())
                .map_or(0, |index| index.saturating_add(1));
            if let Some((by, what)) = self.decided_by_others(&space, member, since) {
                return self.tell_overtaken(&space, member, by, what).map(Some);
            }
        }
        Ok(None)
    }

    /// The space itself with the member, and, for a member space, the groups it is in and the groups
    /// those are in.
    fn belongings(
        &self,
        space: &SpaceId,
        member: MemberId,
    ) -> Result<Vec<(SpaceId, MemberId)>, ClientError> {
        let mut found = vec![(*space, member)];
        let mut waiting = vec![member];
        while let Some(member) = waiting.pop() {
            let MemberId::Space(id) = member else {
                continue;
            };
            for above in self.spaces_above(&id)? {
                let is_group = self
                    .logs()
                    .state(&above)
                    .is_some_and(|state| state.kind() != Kind::Section);
                if is_group && !found.contains(&(above, member)) {
                    found.push((above, member));
                    waiting.push(MemberId::Space(above));
                }
            }
        }
        Ok(found)
    }

    /// An end or reduction of a member's grant by another device, at index `since` or later.
    fn decided_by_others(
        &self,
        space: &SpaceState,
        member: MemberId,
        since: u64,
    ) -> Option<(nahtlos_protocol::identifier::DeviceId, &'static str)> {
        let grants = || space.grants().iter().filter(|grant| grant.member == member);
        let ended = grants().filter_map(|grant| grant.ended);
        let mut ended = ended.filter(|end| end.at >= since && end.by != self.device_id);
        if let Some(end) = ended.next() {
            return Some((end.by, "removed"));
        }
        grants().find_map(|grant| {
            let change = grant.changes.iter().find(|change| {
                change.at >= since && grant.role_at(change.at.saturating_add(1)) < change.before
            })?;
            let by = space.operation(change.at)?.author;
            (by != self.device_id).then_some((by, "reduced the right of"))
        })
    }

    fn tell_overtaken(
        &self,
        space: &SpaceState,
        member: MemberId,
        by: nahtlos_protocol::identifier::DeviceId,
        what: &str,
    ) -> Result<String, ClientError> {
        let directory = self.shared_directory()?;
        let who = self.person_in_or_above(&by, &space.id()).map_or_else(
            || "somebody".into(),
            |person| directory.person_name(&person),
        );
        let member = match member {
            MemberId::Space(member) => directory.name(&member),
            MemberId::Device(_) => "the device".into(),
        };
        let place = match space.kind() {
            Kind::Section => "here".to_owned(),
            _ => format!("in {}", directory.name(&space.id())),
        };
        Ok(format!(
            "since you decided it, {who} {what} {member} {place}"
        ))
    }
}

/// Whom an intent lets in or raises; none where it is about nobody, or takes something away.
fn member_of(intent: &Intent, state: &SpaceState) -> Option<MemberId> {
    let of_grant = |grant| state.grant(grant).map(|known: &Grant| known.member);
    match intent {
        Intent::Grant { member, .. } => Some(MemberId::Space(*member)),
        Intent::AddTeam { team, .. } => Some(MemberId::Space(*team)),
        Intent::AddAdministrator { person, .. } => Some(MemberId::Space(*person)),
        Intent::Confirm { grant, .. } => of_grant(grant),
        Intent::SetRole { grant, role, .. } => {
            let known = state.grant(grant)?;
            (*role > known.role || *role == Role::Manage).then_some(known.member)
        }
        Intent::Invite { .. }
        | Intent::Admit { .. }
        | Intent::FirstEpoch { .. }
        | Intent::WrapMissing { .. }
        | Intent::Remove { .. }
        | Intent::Close { .. }
        | Intent::Erase { .. }
        | Intent::Refuse { .. }
        | Intent::Rotate { .. }
        | Intent::Void { .. }
        | Intent::Policy { .. }
        | Intent::AddDevice { .. } => None,
    }
}
