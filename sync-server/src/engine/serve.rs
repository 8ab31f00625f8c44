//! Answers what is new for a device: one indexed query for each group it is in, however many
//! documents there are, and none at all where nothing is new.

use std::collections::{BTreeMap, BTreeSet};

use nahtlos_protocol::identifier::{DeviceId, ItemId, RecipientId, SpaceId};
use nahtlos_protocol::limits;
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::wire::{Item, ItemKind};

use super::stage::decode_receipt;
use super::withdrawal::device_feed;
use super::world::{Standing, View, World, holds_keys, manages, reachable};
use crate::store::{Carry, Reader, StoreError, StoredItem};

/// What a device may see, and since when. Taken under the lock, used without it.
pub(crate) struct Question {
    device: DeviceId,
    groups: Vec<Group>,
    recipients: Vec<RecipientId>,
    cursor: u64,
    /// The last number at the time; what is committed meanwhile waits for the next request.
    up_to: u64,
    max_bytes: usize,
    now_ms: u64,
}

struct Group {
    space: SpaceId,
    /// Its feed is read from after this number; what was before came through the member's feed.
    since: u64,
    /// Whether the device holds the group's keys, so that the group's content is for it.
    content: bool,
}

/// What is new.
#[derive(Debug, Default)]
pub(crate) struct Served {
    pub items: Vec<Item>,
    pub cursor: u64,
    pub more: bool,
    /// Roughly what the items take in the response.
    pub bytes: usize,
}

impl Question {
    /// Prepares to answer a device.
    pub(crate) fn new(
        world: &World,
        device: DeviceId,
        cursor: u64,
        max_bytes: u32,
        now_ms: u64,
    ) -> Self {
        let nothing = World::default();
        let view = View {
            base: world,
            top: &nothing,
        };
        let groups = readable(view, &device, now_ms);
        let mut recipients = vec![device.into()];
        recipients.extend(groups.iter().map(|group| RecipientId::from(group.space)));
        Self {
            device,
            groups,
            now_ms,
            recipients,
            cursor,
            up_to: world.last_number,
            max_bytes: (max_bytes as usize).min(limits::SYNC_RESPONSE_BYTES_MAX),
        }
    }

    /// The answer, where nothing is new but what this very request pushed. Needs no disk.
    pub(crate) fn nothing_new(&self, world: &World, pushed: &BTreeSet<ItemId>) -> Option<Served> {
        let newest = self
            .groups
            .iter()
            .filter_map(|group| world.feed_heads.get(&group.space))
            .max();
        let reads = |feed: &SpaceId, number: u64| {
            let mut groups = self.groups.iter();
            groups.any(|group| group.space == *feed && number > group.since)
        };
        let idle = newest.is_none_or(|newest| *newest <= self.cursor)
            || world.recent.is_nothing_but(self.cursor, pushed, reads);
        idle.then(|| self.up_to_date())
    }

    fn up_to_date(&self) -> Served {
        Served {
            items: Vec::new(),
            cursor: self.up_to,
            more: false,
            bytes: 0,
        }
    }

    /// Reads what is new. `pushed` are items of this very request: the device has them, and their
    /// receipts stand in the results.
    pub(crate) fn answer(
        &self,
        world: &std::sync::RwLock<World>,
        reader: &dyn Reader,
        pushed: &BTreeSet<ItemId>,
    ) -> Result<Served, StoreError> {
        let window = self.window(reader)?;
        let mut served = self.up_to_date();
        let mut places = BTreeSet::new();
        for (number, item) in &window.deliveries {
            if places.insert(*item)
                && let Some(stored) = reader.item(*item)?
                && !pushed.contains(&stored.id)
                && let Some(item) = self.visible(world, reader, *item, stored)?
            {
                let bytes = served.bytes + size(&item);
                if bytes > self.max_bytes && !served.items.is_empty() {
                    served.more = true;
                    return Ok(served);
                }
                served.bytes = bytes;
                served.items.push(item);
            }
            served.cursor = *number;
            if served.items.len() >= limits::RESPONSE_ITEMS_MAX {
                served.more = *number < self.up_to;
                return Ok(served);
            }
        }
        served.more = window.more;
        if !window.more {
            served.cursor = self.up_to;
        }
        Ok(served)
    }

    /// The next deliveries of all feeds merged: number → item, each number once.
    fn window(&self, reader: &dyn Reader) -> Result<Window, StoreError> {
        let mut window = Window {
            deliveries: BTreeMap::new(),
            more: false,
        };
        let mut complete_to = self.up_to;
        for group in &self.groups {
            let after = self.cursor.max(group.since);
            let found = reader.deliveries(&group.space, after, self.up_to, WINDOW)?;
            if found.len() >= WINDOW
                && let Some(last) = found.last()
            {
                complete_to = complete_to.min(last.number);
                window.more = true;
            }
            let found = found.into_iter().map(|found| (found.number, found.item));
            window.deliveries.extend(found);
        }
        window.deliveries.retain(|number, _| *number <= complete_to);
        Ok(window)
    }

    /// The item as this device may see it, if at all.
    fn visible(
        &self,
        world: &std::sync::RwLock<World>,
        reader: &dyn Reader,
        place: u64,
        stored: StoredItem,
    ) -> Result<Option<Item>, StoreError> {
        let content = self.may_see_content(&super::read(world), &stored.space);
        let may_see = match stored.kind {
            ItemKind::Operation => true,
            ItemKind::Envelope => {
                let held = stored.envelope.filter(|known| known.held);
                content
                    && held.is_none_or(|held| {
                        let world = super::read(world);
                        self.manages(&world, &stored.space)
                            || self.is_of_own_person(&world, &held.author)
                    })
            }
            // It stands in the feeds of the inviting space and of who invited, and in no other.
            ItemKind::JoinRequest => true,
        };
        if !may_see {
            return Ok(None);
        }
        let wraps = if content && stored.kind == ItemKind::Operation {
            reader.wraps(place, &self.recipients)?
        } else {
            Vec::new()
        };
        // A body that was dropped is covered by a snapshot, which is served in its place.
        let Some(bytes) = stored.bytes else {
            return Ok(None);
        };
        Ok(Some(Item {
            kind: stored.kind,
            receipt: decode_receipt(&stored.receipt)?,
            bytes,
            wraps,
        }))
    }
}

impl Question {
    /// Whether one of the device's groups holds a grant to the space that has not run out.
    fn may_see_content(&self, world: &World, space: &SpaceId) -> bool {
        let nothing = World::default();
        let view = View {
            base: world,
            top: &nothing,
        };
        self.groups.iter().any(|group| {
            let carried = view.carry(&group.space, space) == Some(Carry::Content);
            let own = group.space == *space;
            let member = MemberId::Space(group.space);
            group.content && carried && (own || holds_keys(view, space, member, Some(self.now_ms)))
        })
    }
}

impl Question {
    /// Whether the same person has the author's device, or had: who lost one sees on another what was
    /// typed on it, and may take it over.
    fn is_of_own_person(&self, world: &World, author: &DeviceId) -> bool {
        let nothing = World::default();
        let view = View {
            base: world,
            top: &nothing,
        };
        let person = view.person(&self.device);
        person.is_some() && person == view.person(author)
    }

    /// Whether one of the device's groups manages a space; in a group's own, whether the device
    /// does. A space that was closed is managed by those who did: they decide what becomes of what
    /// was held.
    fn manages(&self, world: &World, space: &SpaceId) -> bool {
        let nothing = World::default();
        let view = View {
            base: world,
            top: &nothing,
        };
        let by_group = self.groups.iter().any(|group| {
            let member = MemberId::Space(group.space);
            group.content && manages(view, space, member, self.now_ms)
        });
        let own = self.groups.iter().any(|group| group.space == *space);
        by_group || (own && manages(view, space, MemberId::Device(self.device), self.now_ms))
    }
}

struct Window {
    deliveries: BTreeMap<u64, u64>,
    more: bool,
}

/// Deliveries read from one feed at a time.
const WINDOW: usize = limits::RESPONSE_ITEMS_MAX;

/// The feeds a device reads now, and of which groups it holds the keys. Looks only at the groups on
/// its own paths, as far as no grant on them has run out.
fn readable(view: View<'_>, device: &DeviceId, now_ms: u64) -> Vec<Group> {
    let standing = view.standing(device);
    if standing == Standing::Revoked {
        // Its own feed ends with the operation that removed it.
        return vec![Group {
            space: device_feed(device),
            since: 0,
            content: false,
        }];
    }
    let Some(person) = view.person(device) else {
        return Vec::new();
    };
    let member = MemberId::Device(*device);
    let with_keys =
        standing == Standing::Admitted && holds_keys(view, &person, member, Some(now_ms));
    let mut content = BTreeMap::from([(person, with_keys)]);
    for (group, every_hop) in reachable(view, &person, Some(now_ms)) {
        *content.entry(group).or_default() |= every_hop && with_keys;
    }
    // Since when is a question of memberships alone: what was delivered does not move when a
    // grant runs out.
    let since = view.groups_of(device);
    let groups = content.into_iter().map(|(space, content)| Group {
        space,
        since: since.get(&space).copied().unwrap_or(0),
        content,
    });
    groups.collect()
}

/// Roughly what an item takes in the response; receipts and frames are rounded up.
fn size(item: &Item) -> usize {
    let wraps: usize = item.wraps.iter().map(|wrap| wrap.bytes.len() + 40).sum();
    item.bytes.len() + wraps + 160 + 34 * item.receipt.path.len()
}
