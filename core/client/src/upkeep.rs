//! Looking after the spaces this device may write in: what a sync does by itself so that keys
//! follow the logs. Stale spaces are rotated, missing wraps and links supplied, grants whose time
//! has passed ended, wraps that do not open reported.
//!
//! Cost follows what changed: a stored operation marks its space, and a mark leads to the spaces
//! above it. Besides those only the spaces with something to be sealed are looked at. Marks are
//! durable, so a program that is killed takes them up again.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use nahtlos_protocol::crypto::epoch_secret::{self, EpochSeed};
use nahtlos_protocol::identifier::{GrantId, KeyId, SpaceId};
use nahtlos_protocol::space::authority::{self, View};
use nahtlos_protocol::space::effect::{Effect, Member};
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::staleness::{self, Staleness};
use nahtlos_protocol::space::state::{Epoch, Grant, MemberId, WrapRecord};
use nahtlos_protocol::space::{Draft, Logs, Right, SpaceState, Suspended, recipients};

use crate::authorship::note_author;
use crate::error::ClientError;
use crate::intents::Round;
use crate::keys::opened_by_links;
use crate::left_institutions::ending_of;
use crate::nahtlos::Nahtlos;
use crate::records::{self, HeldItem, HeldRecord, SealedRecord};
use crate::vault::{Collection, Transaction};

/// Group in `Collection::Setting`: spaces to be looked at; key = `k` ‖ space.
const MARKED: &[u8] = b"upkeep";
/// Group in `Collection::Setting`: grants that run out; key = `x` ‖ grant, value = [`Expiring`].
const EXPIRING: &[u8] = b"expiring";
/// Key in `Collection::Setting`: when the first of them does, Unix milliseconds.
const NEXT_EXPIRY: &[u8] = b"next-expiry";
/// Group in `Collection::Setting`, ‖ member: spaces a member space was ever added to; key = `a` ‖
/// member ‖ space.
const ABOVE: &[u8] = b"above:";

/// Reason in a [`HeldRecord`] and group in `Collection::Held`: founded here, and refused for good.
const FOUNDING_REFUSED: &str = "founding_refused";
/// Epochs without a link that are tried at one look: a log may hold very many.
const LINKS_TRIED_MAX: usize = 8;
/// Newest epochs of a log, and of its lost branches, that are looked at for links that are missing.
const EPOCHS_LOOKED_AT_MAX: usize = 10_000;

/// A grant that runs out.
#[derive(Clone, Copy, Debug, Encode, Decode)]
#[cbor(array)]
struct Expiring {
    #[n(0)]
    space: SpaceId,
    #[n(1)]
    grant: GrantId,
    #[n(2)]
    not_after_ms: u64,
}

/// Keeps what upkeep needs to know of a stored operation, and of those that it carries back.
pub(crate) fn note_operation(
    transaction: &Transaction<'_>,
    operation: &SignedOperation,
) -> Result<(), ClientError> {
    let space = operation.space();
    note_author(transaction, &operation.operation().author, &space)?;
    for effect in &operation.operation().effects {
        match effect {
            Effect::Add {
                grant,
                not_after_ms: Some(not_after_ms),
                ..
            } => {
                let expiring = Expiring {
                    space,
                    grant: *grant,
                    not_after_ms: *not_after_ms,
                };
                put_expiring(transaction, &expiring)?;
            }
            Effect::Heal { branch } => {
                let lost = branch.iter();
                for lost in lost.filter_map(|lost| SignedOperation::decode(&lost.operation).ok()) {
                    note_author(transaction, &lost.operation().author, &space)?;
                    note_members(transaction, &lost)?;
                }
            }
            _ => {}
        }
    }
    note_members(transaction, operation)?;
    if operation.operation().effects.iter().any(is_about_keys) {
        mark(transaction, &space)?;
    }
    Ok(())
}

/// Keeps whom an operation lets into its space.
fn note_members(
    transaction: &Transaction<'_>,
    operation: &SignedOperation,
) -> Result<(), ClientError> {
    let space = operation.space();
    for effect in &operation.operation().effects {
        if let Effect::Add {
            member: Member::Space { id },
            ..
        } = effect
        {
            let key = [b"a".as_slice(), &id.0, &space.0].concat();
            let group = [ABOVE, &id.0].concat();
            transaction.put(Collection::Setting, &group, &key, 0, &space.0)?;
        }
    }
    Ok(())
}

/// Whether an effect may change who should hold a key, or who does.
fn is_about_keys(effect: &Effect) -> bool {
    match effect {
        Effect::Add { .. }
        | Effect::Confirm { .. }
        | Effect::Wrap { .. }
        | Effect::Link { .. }
        | Effect::Remove { .. }
        | Effect::SetRole { .. }
        | Effect::Expire { .. }
        | Effect::Epoch { .. }
        | Effect::BadWrap { .. }
        | Effect::Void { .. }
        | Effect::Heal { .. } => true,
        Effect::Create { .. }
        | Effect::SetRelay { .. }
        | Effect::Close {}
        | Effect::Invite { .. }
        | Effect::Policy { .. } => false,
    }
}

pub(crate) fn mark(transaction: &Transaction<'_>, space: &SpaceId) -> Result<(), ClientError> {
    let key = [b"k".as_slice(), &space.0].concat();
    transaction.put(Collection::Setting, MARKED, &key, 0, &space.0)?;
    Ok(())
}

fn put_expiring(transaction: &Transaction<'_>, expiring: &Expiring) -> Result<(), ClientError> {
    let key = [b"x".as_slice(), &expiring.grant.0].concat();
    let value = records::encode(expiring);
    transaction.put(Collection::Setting, EXPIRING, &key, 0, &value)?;
    let next = transaction.get(Collection::Setting, NEXT_EXPIRY)?;
    let next: Option<u64> = next.map(|bytes| records::decode(&bytes)).transpose()?;
    if next.is_none_or(|next| expiring.not_after_ms < next) {
        let value = records::encode(&expiring.not_after_ms);
        transaction.put(Collection::Setting, b"", NEXT_EXPIRY, 0, &value)?;
    }
    Ok(())
}

/// What a look at all marked spaces found.
#[derive(Default)]
struct Due {
    /// Spaces to be looked at, those beneath others first.
    spaces: Vec<SpaceId>,
    /// Of them, those with something to be sealed.
    to_seal: BTreeSet<SpaceId>,
    /// Grants whose time has passed.
    expired: Vec<Expiring>,
}

impl Nahtlos {
    /// Spaces that a member space was ever added to.
    pub(crate) fn spaces_above(&self, member: &SpaceId) -> Result<Vec<SpaceId>, ClientError> {
        let group = [ABOVE, &member.0].concat();
        let above = self.vault.list(Collection::Setting, &group)?;
        Ok(above
            .iter()
            .filter_map(|(_, space)| SpaceId::from_slice(space))
            .collect())
    }

    /// These spaces and all above them.
    pub(crate) fn with_all_above(
        &self,
        spaces: impl IntoIterator<Item = SpaceId>,
    ) -> Result<BTreeSet<SpaceId>, ClientError> {
        let mut found = BTreeSet::new();
        let mut waiting: Vec<SpaceId> = spaces.into_iter().collect();
        while let Some(space) = waiting.pop() {
            if found.insert(space) {
                waiting.extend(self.spaces_above(&space)?);
            }
        }
        Ok(found)
    }

    /// Prepares what the marked spaces need, members before the spaces above them.
    pub(crate) fn look_after_spaces(&mut self, round: &mut Round) -> Result<(), ClientError> {
        // The relay would refuse each of them, at every sync. What is marked stays so.
        if self.stands_outside()? {
            return Ok(());
        }
        self.mark_after_leaving()?;
        let due = self.due_for_upkeep()?;
        let outside = match due.spaces.is_empty() {
            true => BTreeSet::new(),
            false => self.all_outside()?,
        };
        let mut left = Vec::new();
        for space in &due.spaces {
            if round.is_full() {
                left.push(*space);
                continue;
            }
            let is_to_be_sealed = due.to_seal.contains(space);
            let Some(draft) = self.upkeep_of(space, is_to_be_sealed, &outside, round)? else {
                continue;
            };
            // Looked at again until the log says that it is done.
            left.push(*space);
            self.sign_upkeep(space, draft, round)?;
        }
        self.replace_marks(&left, &due)
    }

    fn due_for_upkeep(&self) -> Result<Due, ClientError> {
        let marked = self.vault.list(Collection::Setting, MARKED)?;
        let marked = marked
            .iter()
            .filter_map(|(_, space)| SpaceId::from_slice(space));
        let expired = self.expired_grants()?;
        let to_seal = self.spaces_to_seal()?;
        let mut spaces = self.with_all_above(marked)?;
        spaces.extend(expired.iter().map(|expiring| expiring.space));
        spaces.extend(&to_seal);
        let mut levels: Vec<(Kind, SpaceId)> = spaces
            .into_iter()
            .filter_map(|space| Some((self.logs().state(&space)?.kind(), space)))
            .collect();
        levels.sort_unstable();
        Ok(Due {
            spaces: levels.into_iter().map(|(_, space)| space).collect(),
            to_seal,
            expired,
        })
    }

    fn expired_grants(&self) -> Result<Vec<Expiring>, ClientError> {
        let next = self.vault.get(Collection::Setting, NEXT_EXPIRY)?;
        let next: Option<u64> = next.map(|bytes| records::decode(&bytes)).transpose()?;
        let now_ms = self.sure_now_ms()?;
        if next.is_none_or(|next| next > now_ms) {
            return Ok(Vec::new());
        }
        let mut expired = Vec::new();
        for (_, bytes) in self.vault.list(Collection::Setting, EXPIRING)? {
            let expiring: Expiring = records::decode(&bytes)?;
            if expiring.not_after_ms <= now_ms {
                expired.push(expiring);
            }
        }
        Ok(expired)
    }

    /// A time that has passed by this device's clock and by the relay's: one of them may be ahead.
    pub(crate) fn sure_now_ms(&self) -> Result<u64, ClientError> {
        let offset_ms = self.sync_record()?.clock_offset_ms.min(0);
        Ok(self.now_ms().saturating_add_signed(offset_ms))
    }

    fn replace_marks(&mut self, left: &[SpaceId], due: &Due) -> Result<(), ClientError> {
        self.commit(|transaction| {
            transaction.delete_group(Collection::Setting, MARKED)?;
            for space in left {
                mark(transaction, space)?;
            }
            if due.expired.is_empty() {
                return Ok(());
            }
            for expiring in &due.expired {
                let key = [b"x".as_slice(), &expiring.grant.0].concat();
                transaction.delete(Collection::Setting, &key)?;
            }
            transaction.delete(Collection::Setting, NEXT_EXPIRY)?;
            for (_, bytes) in transaction.list(Collection::Setting, EXPIRING)? {
                put_expiring(transaction, &records::decode(&bytes)?)?;
            }
            Ok(())
        })
    }

    /// The relay refused for good what upkeep asked for: not asked again until the log moves.
    pub(crate) fn upkeep_refused(&mut self, space: &SpaceId) -> Result<(), ClientError> {
        self.commit(|transaction| {
            let key = [b"k".as_slice(), &space.0].concat();
            transaction.delete(Collection::Setting, &key)?;
            Ok(())
        })
    }

    /// The relay refused a founding operation of one's own for good: it is kept, shown, and not sent
    /// again.
    pub(crate) fn founding_refused(&mut self, key: &[u8], word: &str) -> Result<(), ClientError> {
        let Some(bytes) = self.vault.get(Collection::Sealed, key)? else {
            return Ok(());
        };
        let SealedRecord::Operation { bytes, wraps } = records::decode(&bytes)? else {
            return Ok(());
        };
        let held = records::encode(&HeldRecord {
            reason: FOUNDING_REFUSED.into(),
            detail: word.to_owned(),
            item: HeldItem::Operation { bytes, wraps },
        });
        self.commit(|transaction| {
            transaction.put(Collection::Held, FOUNDING_REFUSED.as_bytes(), key, 0, &held)?;
            transaction.delete(Collection::Sealed, key)?;
            Ok(())
        })
    }

    /// Whether the relay refused this space's founding for good: it takes nothing in it.
    pub(crate) fn is_founding_refused(&self, state: &SpaceState) -> Result<bool, ClientError> {
        match state.operation(0) {
            Some(first) => Ok(self.vault.contains(Collection::Held, &first.id.0)?),
            None => Ok(false),
        }
    }

    /// What a space needs that this device can give it; none where nothing.
    fn upkeep_of(
        &self,
        space: &SpaceId,
        is_to_be_sealed: bool,
        outside: &BTreeSet<SpaceId>,
        round: &Round,
    ) -> Result<Option<Draft>, ClientError> {
        if self.needs_newer(space)? || self.is_forked(space) {
            return Ok(None);
        }
        let logs = self.logs_below(&round.above);
        let Some(state) = logs.state(space) else {
            return Ok(None);
        };
        if self.is_founding_refused(&state)? {
            return Ok(None);
        }
        let right = authority::right(&logs, &self.device_id, space);
        let expiring = self.expiring_now(&state, right)?;
        if !expiring.is_empty() {
            let expire = |grant: &GrantId| Effect::Expire { grant: *grant };
            let each = expiring.iter().map(expire);
            let draft = each.fold(Draft::new(), Draft::effect);
            return Ok(Some(self.with_new_key(draft, &state, right)));
        }
        let ending = self.rights_of_outside(&state, right, outside);
        if !ending.is_empty() {
            return Ok(Some(self.with_new_key(ending_of(&ending), &state, right)));
        }
        if state.closed_at().is_some() || right.role.is_none() {
            return Ok(None);
        }
        let suspended = self.suspended_in(&logs, &state);
        let Ok(stale) = staleness::staleness(&logs, &state, View::NEWEST, &suspended) else {
            return Ok(None);
        };
        let needed = match stale {
            Some(why) if right.at_least(Role::Write) => {
                let rotates = state.kind() != Kind::Section
                    || is_to_be_sealed
                    || matches!(why, Staleness::BadWrap { .. })
                    || has_waiting_reader(&logs, &state, &suspended)
                    || self.has_epoch_to_link(&state)
                    || has_reduced_writer(&state);
                rotates.then(|| self.rotation(&state)).flatten()
            }
            // Who may only read renews nothing: that the key did not come is all they can say, and a writer
            // renews it then.
            Some(_) if self.seed_to_hand_on(&state).is_none() => self.bad_wrap_report(&state),
            Some(_) => None,
            None => self.repair_of(&logs, &state, right, &suspended)?,
        };
        // It goes to the keys of today of each recipient: that the space's own is stale is no matter.
        Ok(needed.or_else(|| self.cut_off_epoch_to_supply(&logs, &state, &suspended)))
    }

    /// Whether others wait for a link to an epoch that this device holds. A stale epoch gets none: those
    /// who were removed hold it, too.
    fn has_epoch_to_link(&self, state: &SpaceState) -> bool {
        let seed = self.seed_to_hand_on(state);
        let link = seed.and_then(|seed| self.missing_link(state, &seed, &readable_epochs(state)));
        link.is_some()
    }

    /// What a usable epoch lacks: wraps, links, or the word that it does not open.
    fn repair_of(
        &self,
        logs: &dyn Logs,
        state: &SpaceState,
        right: Right,
        suspended: &Suspended,
    ) -> Result<Option<Draft>, ClientError> {
        let Some(seed) = self.seed_to_hand_on(state) else {
            return Ok(self.bad_wrap_report(state));
        };
        if right.at_least(Role::Write) {
            let missing = recipients::missing_wraps(logs, state, View::NEWEST, suspended);
            if missing.is_ok_and(|missing| !missing.is_empty()) {
                return Ok(Some(Draft::new().wrap_missing(seed)));
            }
        }
        // Few may hold an epoch whose wraps the relay lost, and they may not write any more: any of them
        // supplies the link, readers too.
        let link = self.missing_link(state, &seed, &readable_epochs(state));
        Ok(link.map(|link| Draft::new().effect(link)))
    }

    fn expiring_now(&self, state: &SpaceState, right: Right) -> Result<Vec<GrantId>, ClientError> {
        if !right.at_least(Role::Write) && !right.administer {
            return Ok(Vec::new());
        }
        let now_ms = self.sure_now_ms()?;
        let due = |grant: &&Grant| grant.not_after_ms.is_some_and(|end_ms| end_ms <= now_ms);
        let due: Vec<GrantId> = state
            .live_grants()
            .filter(due)
            .map(|grant| grant.id)
            .collect();
        // Who holds the last path with `manage` keeps it: nobody could let anybody in again.
        let managed = crate::ending::is_managed_without(state, |grant| due.contains(&grant.id));
        Ok(if managed { due } else { Vec::new() })
    }

    /// What ends rights, with the epoch that follows where this device may begin one.
    fn with_new_key(&self, draft: Draft, state: &SpaceState, right: Right) -> Draft {
        if right.at_least(Role::Write)
            && state.closed_at().is_none()
            && let Some(epoch) = self.next_epoch(state)
        {
            return draft.epoch(epoch);
        }
        draft
    }

    /// The word that the current epoch does not open here, once.
    fn bad_wrap_report(&self, state: &SpaceState) -> Option<Draft> {
        let epoch = state.current_epoch()?;
        let may_be_lost = |record: &WrapRecord| self.may_have_lost_wraps(state, record.at);
        let ring = self.key_ring();
        let bad = ring.bad_wraps(&state.id(), epoch, may_be_lost);
        let recipient = *bad.iter().find(|id| !epoch.bad_wraps.contains_key(id))?;
        let key_id = epoch.key_id;
        Some(Draft::new().effect(Effect::BadWrap { key_id, recipient }))
    }

    /// Whether the relay may have lost wraps of an operation for good: it went back, and whoever
    /// offers an operation again holds their own wraps only. A device that came later saw nothing of
    /// that, but finds the operation's receipt to be of an earlier life of the journal.
    fn may_have_lost_wraps(&self, state: &SpaceState, index: u64) -> bool {
        // Who is in no institution any more is served no wraps, whatever the relay has.
        let network = self.device.network.map(|network| {
            let logs = self.logs();
            authority::right(&logs, &self.device_id, &network)
        });
        if network.is_none_or(|right| right.role.is_none()) {
            return false;
        }
        if self.incidents().is_ok_and(|known| !known.is_empty()) {
            return true;
        }
        let mark = self.sync_record().ok().and_then(|position| position.mark);
        let operation = state.operation(index).map(|record| record.id.into());
        let place = operation.and_then(|id| self.receipts().place(&id));
        mark.zip(place)
            .is_some_and(|(mark, place)| mark.journal != place.journal)
    }

    /// A link back to the nearest earlier epoch that the current one does not lead to, where this
    /// device holds that epoch's seed. What counts is which links open: a link or an epoch that
    /// somebody made up must not stand in the way of those that were there before.
    fn missing_link(
        &self,
        state: &SpaceState,
        seed: &EpochSeed,
        earlier: &Readable<'_>,
    ) -> Option<Effect> {
        let wanted = [&earlier.wanted_of_log, &earlier.wanted_of_branches];
        if wanted.iter().all(|epochs| epochs.is_empty()) {
            return None;
        }
        let current = state.current_epoch()?;
        let opened = opened_by_links(earlier.all.iter().copied(), seed);
        // A link that does not open cannot be made again before the next epoch.
        let direct: BTreeSet<KeyId> = current.links_back().map(|(previous, _)| previous).collect();
        // The log's first: most of them lead to the others.
        wanted.into_iter().find_map(|epochs| {
            let ids = epochs.iter().copied();
            let unlinked = ids.filter(|id| !opened.contains(id) && !direct.contains(id));
            self.link_to_one_of(state, current, seed, &unlinked.collect::<Vec<_>>())
        })
    }

    fn link_to_one_of(
        &self,
        state: &SpaceState,
        current: &Epoch,
        seed: &EpochSeed,
        unlinked: &[KeyId],
    ) -> Option<Effect> {
        let unlinked = || unlinked.iter().copied();
        let is_held = |id: &KeyId| self.seeds.get(&self.vault, id).is_some();
        let held = unlinked().filter(is_held).take(LINKS_TRIED_MAX);
        let nearest = unlinked().take(LINKS_TRIED_MAX);
        held.chain(nearest).find_map(|previous| {
            let held = self
                .key_ring()
                .open_to_hand_on(&state.id(), &previous)
                .ok()?;
            Some(Effect::Link {
                key_id: current.key_id,
                previous,
                link: epoch_secret::seal_history_link(seed, &held).to_vec(),
            })
        })
    }
}

/// What the current epoch may lead back to.
struct Readable<'a> {
    /// All of it and the current one itself: links lead from one to the next.
    all: Vec<&'a Epoch>,
    /// Earlier epochs of the log, nearest first.
    wanted_of_log: Vec<KeyId>,
    /// Epochs of lost branches that were carried back, nearest first.
    wanted_of_branches: Vec<KeyId>,
}

/// Epochs with no cut after them up to the current one: who was added `from now` reads nothing from
/// before.
fn readable_epochs(state: &SpaceState) -> Readable<'_> {
    let log = state.epochs();
    let since_cut = log.iter().rposition(|epoch| epoch.cut).unwrap_or(0);
    let of_log = log.iter().skip(since_cut).rev();
    let of_log: Vec<&Epoch> = of_log.take(EPOCHS_LOOKED_AT_MAX).collect();
    let of_branches = readable_epochs_of_branches(state);
    let ids = |epochs: &[&Epoch]| epochs.iter().map(|epoch| epoch.key_id).collect();
    Readable {
        wanted_of_log: ids(of_log.get(1..).unwrap_or_default()),
        wanted_of_branches: ids(&of_branches),
        all: [of_log, of_branches].concat(),
    }
}

/// Of a branch a cut counts that came later on it, or in the log since the branch left it.
fn readable_epochs_of_branches(state: &SpaceState) -> Vec<&Epoch> {
    let (mut readable, mut cut_off) = (Vec::new(), BTreeSet::new());
    for branch in state.branches().iter().rev() {
        let since_fork = |epoch: &&Epoch| epoch.began_at >= branch.fork;
        let mut since_fork = state.epochs().iter().filter(since_fork);
        let mut is_cut_off = since_fork.any(|epoch| epoch.cut);
        let mut of_branch: Vec<&Epoch> = branch.epochs().collect();
        of_branch.reverse();
        for epoch in of_branch {
            if is_cut_off {
                cut_off.insert(epoch.key_id);
            } else {
                readable.push(epoch);
            }
            is_cut_off |= epoch.cut;
        }
    }
    // A branch may go on from one that was carried back before: both hold the earlier epochs.
    let mut seen = BTreeSet::new();
    readable.retain(|epoch| !cut_off.contains(&epoch.key_id) && seen.insert(epoch.key_id));
    readable.truncate(EPOCHS_LOOKED_AT_MAX);
    readable
}

/// Whether somebody's right was lowered to reading since the current epoch began: what they had typed waits
/// for the next key before it goes out for the held lane.
fn has_reduced_writer(state: &SpaceState) -> bool {
    let began_at = state.current_epoch().map_or(0, |epoch| epoch.began_at);
    state.live_grants().any(|grant| {
        grant.changes.iter().any(|change| {
            change.at > began_at && grant.role_at(change.at.saturating_add(1)) < change.before
        })
    })
}

/// Whether somebody who may read has no way to the current epoch's key: neither they themselves nor
/// a space they are in was ever wrapped to, or not since the past was cut off for them there.
fn has_waiting_reader(logs: &dyn Logs, state: &SpaceState, suspended: &Suspended) -> bool {
    let Some(epoch) = state.current_epoch() else {
        return true;
    };
    let holders = state.live_grants().filter(|grant| {
        grant.role.holds_keys() && grant.is_confirmed() && !suspended.contains(&grant.id)
    });
    let mut members: BTreeSet<MemberId> = holders.map(|grant| grant.member).collect();
    while let Some(member) = members.pop_first() {
        let wrapped = epoch.recipients.get(&member.recipient());
        let MemberId::Space(below) = member else {
            if wrapped.is_none() {
                return true;
            }
            continue;
        };
        let Some(below) = logs.state(&below) else {
            continue;
        };
        match wrapped {
            Some(record) => {
                let since = below.epochs().iter().rev();
                let mut since = since.take_while(|epoch| epoch.key_id != record.recipient.key);
                if since.any(|epoch| epoch.cut) {
                    return true;
                }
            }
            None if below.kind() == Kind::Person => {
                let inner = below.live_grants().filter(|grant| grant.is_confirmed());
                let devices: Vec<MemberId> = inner.map(|grant| grant.member).collect();
                members.extend(devices);
            }
            None => return true,
        }
    }
    false
}
