//! For which institution did somebody act when they wrote something?
//!
//! Logs keep who ever belonged to an institution, so that what was written stays theirs after they left. That
//! alone would let them go on in its name for ever: whoever left may write the same section, or the
//! directory, through another institution. So what somebody wrote counts as their institution's while their
//! role there stands; where it has ended, what the relay received before the end does (PROTOCOL §24).

use std::cell::OnceCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};

use nahtlos_casework::fields::{Field, InstitutionId};
use nahtlos_casework::{Author as CaseAuthor, AuthorOf};
use nahtlos_document::{ChangeHash, EncodedChange};
use nahtlos_protocol::identifier::{DeviceId, ItemId, SpaceId};
use nahtlos_protocol::space::authority::{self, At, View};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::standing::{ReceivedBefore, role_in_view};
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Logs, SpaceState, Suspended};

use crate::directory::Directory;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

/// Which changes of a device in a document count as its institution's.
pub(crate) enum Acted {
    /// All.
    Always,
    /// Those that the relay received while its role stood.
    By(BTreeSet<ChangeHash>),
}

impl Acted {
    pub fn includes(&self, change: &ChangeHash) -> bool {
        match self {
            Self::Always => true,
            Self::By(changes) => changes.contains(change),
        }
    }
}

impl Nahtlos {
    /// Which changes of a device in a space count as an institution's, where it takes `at_least` this role there.
    pub(crate) fn acted_for(
        &self,
        institution: &SpaceId,
        device: &DeviceId,
        space: &SpaceId,
        at_least: Role,
    ) -> Result<Acted, ClientError> {
        let (Some(home), Some(state)) = (self.logs().load(institution)?, self.logs().load(space)?)
        else {
            return Ok(Acted::By(BTreeSet::new()));
        };
        let standing = Standing {
            nahtlos: self,
            home: &home,
            device,
            at_least,
            suspended: OnceCell::new(),
        };
        let writes_through_it_alone = || self.writes_through_alone(institution, device, &state);
        // The network's members are institutions: whole ones are gone through there.
        let always = match state.kind() {
            Kind::Network => standing.stands() || writes_through_it_alone(),
            _ => writes_through_it_alone() || standing.stands(),
        };
        if always {
            return Ok(Acted::Always);
        }
        let mut changes = BTreeSet::new();
        for (id, fact) in self.facts(space)? {
            if fact.author != *device || !fact.is_edit() || !standing.stood_at(&id.into()) {
                continue;
            }
            let opened = self.stored_envelope(&id)?;
            let opened = opened.and_then(|one| self.open_envelope(&state, one).ok());
            let payload = opened.into_iter().flat_map(|one| one.payload.changes);
            changes.extend(payload.filter_map(|change| {
                let change = EncodedChange::from_bytes(change.0).ok()?;
                Some(change.hash())
            }));
        }
        Ok(Acted::By(changes))
    }

    /// Whether a device has a role in an institution, or had one when the relay received an item.
    pub(crate) fn stands_or_stood(
        &self,
        institution: &SpaceState,
        device: &DeviceId,
        item: Option<ItemId>,
    ) -> bool {
        let standing = Standing {
            nahtlos: self,
            home: institution,
            device,
            at_least: Role::Read,
            suspended: OnceCell::new(),
        };
        standing.stands() || item.is_some_and(|item| standing.stood_at(&item))
    }

    /// Whether a device could ever write in a space only by what belongs to one institution: then an edit of its
    /// own that counts there was made by that, whatever has become of it.
    fn writes_through_alone(
        &self,
        institution: &SpaceId,
        device: &DeviceId,
        state: &SpaceState,
    ) -> bool {
        let logs = self.logs();
        let belongs_to_it = |member: &MemberId| match member {
            MemberId::Device(_) => false,
            MemberId::Space(member) => {
                let guardian = || logs.state(member).and_then(|below| below.guardian());
                member == institution || guardian() == Some(*institution)
            }
        };
        authority::writing_members(state)
            .filter(|member| !belongs_to_it(member))
            .all(|member| !authority::leads_to_writer(&logs, device, member))
    }

    /// Who stands behind each automerge actor of a document, by verified envelopes; one's own
    /// pending edits included.
    pub(crate) fn authors(&self, space: &SpaceId) -> Result<SectionAuthors, ClientError> {
        let directory = self.shared_directory().unwrap_or_default();
        let mut by_device: BTreeMap<DeviceId, Resolved> = BTreeMap::new();
        let mut authors = SectionAuthors::default();
        for (actor, device) in self.devices_of_actors(space)? {
            let resolved = match by_device.entry(device) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.resolved(&device, space, &directory)?),
            };
            if let Some(author) = &resolved.author {
                authors.by_actor.insert(actor, author.clone());
            }
            if let Acted::By(changes) = &resolved.acted {
                authors.left.insert(actor, changes.clone());
            }
        }
        Ok(authors)
    }

    fn resolved(
        &self,
        device: &DeviceId,
        space: &SpaceId,
        directory: &Directory,
    ) -> Result<Resolved, ClientError> {
        let author = self.resolve_author(device, space, directory);
        let institution = author.as_ref().map(|author| author.institution.canonical());
        let acted = match institution.and_then(|id| SpaceId::from_hex(&id)) {
            Some(institution) => self.acted_for(&institution, device, space, Role::Read)?,
            None => Acted::Always,
        };
        Ok(Resolved { author, acted })
    }
}

struct Resolved {
    author: Option<CaseAuthor>,
    acted: Acted,
}

/// The question whether a device's role in an institution stands, or stood.
struct Standing<'a> {
    nahtlos: &'a Nahtlos,
    home: &'a SpaceState,
    device: &'a DeviceId,
    at_least: Role,
    /// Looked for in all of the institution, and so only where it is asked.
    suspended: OnceCell<Suspended>,
}

impl Standing<'_> {
    fn stands(&self) -> bool {
        self.has_role(View::NEWEST)
    }

    /// What bears no receipt came later than anything that does.
    fn stood_at(&self, item: &ItemId) -> bool {
        let receipts = self.nahtlos.receipts();
        receipts.place(item).is_some_and(|position| {
            let received = ReceivedBefore {
                position,
                receipts: &receipts,
            };
            self.has_role(View::at(At::Lengths(&received)))
        })
    }

    fn has_role(&self, view: View<'_>) -> bool {
        let logs = self.nahtlos.logs();
        let suspended = || self.nahtlos.suspended(self.home);
        let suspended = self.suspended.get_or_init(suspended);
        let role = role_in_view(&logs, self.device, self.home, view, suspended);
        role.is_some_and(|role| role >= self.at_least)
    }
}

/// Who stands behind each automerge actor of a section's document, and which changes of those whose role in
/// their institution has ended are still that institution's.
#[derive(Clone, Debug, Default)]
pub struct SectionAuthors {
    by_actor: BTreeMap<[u8; 16], CaseAuthor>,
    /// Only of those who left.
    left: BTreeMap<[u8; 16], BTreeSet<ChangeHash>>,
}

impl AuthorOf for SectionAuthors {
    fn author(&self, actor: &[u8; 16]) -> Option<CaseAuthor> {
        self.by_actor.get(actor).cloned()
    }

    fn acted_for(&self, actor: &[u8; 16], change: &ChangeHash) -> Option<InstitutionId> {
        let changes = self.left.get(actor);
        let author = self.by_actor.get(actor);
        let acted = changes.is_none_or(|changes| changes.contains(change));
        author
            .filter(|_| acted)
            .map(|author| author.institution.clone())
    }
}

impl Deref for SectionAuthors {
    type Target = BTreeMap<[u8; 16], CaseAuthor>;

    fn deref(&self) -> &Self::Target {
        &self.by_actor
    }
}

impl DerefMut for SectionAuthors {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.by_actor
    }
}
