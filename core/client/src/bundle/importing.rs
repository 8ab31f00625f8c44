//! Taking in a bundle: read once to see whether it is whole, then operations, then envelopes, all of it in
//! one transaction. What bears a receipt of this network's relay goes through the door that a sync uses
//! ([`crate::ingest`]); the rest is carried ([`super::carried`]). Nothing in a file is believed because it
//! stands there, and no file moves this device's place in the relay's journal.

use std::collections::BTreeSet;
use std::io::{BufReader, Read, Seek, SeekFrom};

use nahtlos_protocol::codec;
use nahtlos_protocol::envelope::EnvelopeKind;
use nahtlos_protocol::identifier::{ItemId, SpaceId};
use nahtlos_protocol::limits::BUNDLE_PART_BYTES_MAX;
use nahtlos_protocol::wire::bundle::{BUNDLE_VERSION, BundleHead};
use nahtlos_protocol::wire::{Item, ItemKind};
use serde::Serialize;

use super::carried::Refused;
use super::file::{FileKind, FileReader};
use super::items::{Brought, Object, id_of};
use super::{BundleError, BundleOrigin};
use crate::clones;
use crate::error::ClientError;
use crate::ingest::Source;
use crate::nahtlos::Nahtlos;
use crate::vault::Collection;

/// Bytes and items looked at in one go; one item comes however large it is.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
const BATCH_ITEMS: usize = 5_000;

/// What a bundle brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Who wrote it and when.
    pub origin: BundleOrigin,
    /// Changes of access that are new here and bear the relay's receipt.
    pub operations: u64,
    /// Signed edits and statements that are new here and bear the relay's receipt.
    pub envelopes: u64,
    /// Of these and of what waited before, part of a document now.
    pub applied: u64,
    /// New here, and no relay has acknowledged it yet.
    pub pending: u64,
    /// What was here already, or is this device's own.
    pub known: u64,
    /// Of sections that are not shared with this device: left out.
    pub not_shared: u64,
    /// Written by a newer program, without a receipt: left out.
    pub needs_newer: u64,
    /// What was not taken in because it is not what it claims to be, or because only a relay's receipt would
    /// make it good.
    pub refused: Vec<Refusal>,
}

/// Something that was not taken in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Refusal {
    /// Whose it claims to be.
    pub author: String,
    /// Hexadecimal id of the space it is for.
    pub space: String,
    /// Stable word.
    pub reason: &'static str,
    /// How many of them.
    pub count: u64,
}

/// What was read of a file so far.
#[derive(Default)]
struct Taking {
    operations: u64,
    envelopes: u64,
    applied: u64,
    known: u64,
    not_shared: u64,
    needs_newer: u64,
    touched: BTreeSet<SpaceId>,
    /// Without a receipt; kept at the end.
    unproven: Vec<Brought>,
    refused: Vec<Refused>,
}

impl Nahtlos {
    /// Takes in a bundle: all of it that proves itself, or nothing where the file is not whole. The same
    /// file, or one that overlaps with it, may be taken in as often as one likes and in any order.
    ///
    /// # Errors
    /// [`ClientError::Bundle`], [`ClientError::NotEnrolled`], [`ClientError::Restored`], and where the vault
    /// fails; nothing is changed then.
    pub fn import_bundle<R: Read + Seek>(
        &mut self,
        input: &mut R,
    ) -> Result<Imported, ClientError> {
        self.require_not_restored()?;
        let network = self.network()?;
        let head = examine(input, &network)?;
        self.take_bundle(input, &head)
    }

    /// Takes in a file that was found whole.
    pub(super) fn take_bundle<R: Read + Seek>(
        &mut self,
        input: &mut R,
        head: &BundleHead,
    ) -> Result<Imported, ClientError> {
        // The file may bring the end of a right: what was typed before goes to the held lane by what was known then.
        self.remember_access_heads()?;
        let mut taking = Taking::default();
        let pending = self.all_or_nothing(|replica| {
            // What an envelope is judged by comes first, wherever it stands in the file.
            for kind in [ItemKind::Operation, ItemKind::Envelope] {
                replica.take_all_of(input, kind, &mut taking)?;
            }
            replica.settle_bundle(&mut taking)
        })?;
        Ok(self.told(head, taking, pending))
    }

    fn take_all_of<R: Read + Seek>(
        &mut self,
        input: &mut R,
        kind: ItemKind,
        taking: &mut Taking,
    ) -> Result<(), ClientError> {
        let mut reader = open(input)?;
        let _head = reader.next()?;
        let (mut batch, mut bytes) = (Vec::new(), 0);
        // Whoever changes the file between two readings changes its digest: everything is undone then.
        while let Some(part) = reader.next()? {
            let brought = Brought::read(&part)?;
            if brought.item.kind != kind {
                continue;
            }
            bytes += part.len();
            batch.push(brought);
            if bytes >= BATCH_BYTES || batch.len() >= BATCH_ITEMS {
                bytes = 0;
                self.take_batch(std::mem::take(&mut batch), taking)?;
            }
        }
        self.take_batch(batch, taking)
    }

    /// What bears a receipt is taken in; a receipt may be by a key that the operations before it named.
    fn take_batch(&mut self, batch: Vec<Brought>, taking: &mut Taking) -> Result<(), ClientError> {
        let mut left = batch;
        loop {
            let receipts = self.receipts();
            let (proven, unproven): (Vec<_>, Vec<_>) = left.into_iter().partition(|brought| {
                let receipt = brought.item.receipt.as_ref();
                receipt.is_some_and(|receipt| receipts.is_the_relays(&brought.id, receipt))
            });
            left = unproven;
            let mut items = Vec::new();
            for brought in proven {
                items.extend(self.to_take_in(brought, taking)?);
            }
            if items.is_empty() {
                break;
            }
            self.take_in_items(&items, taking)?;
        }
        for brought in left {
            match &brought.object {
                None => taking.needs_newer += 1,
                Some(object) if self.is_here(&brought.id, object)? => taking.known += 1,
                Some(Object::Envelope(envelope)) if self.is_not_for_us(envelope)? => {
                    taking.not_shared += 1;
                }
                Some(_) => taking.unproven.push(brought),
            }
        }
        Ok(())
    }

    fn take_in_items(&mut self, items: &[Item], taking: &mut Taking) -> Result<(), ClientError> {
        let position = self.sync_record()?;
        let ingested = self.take_in_from(Source::Bundle, items, position)?;
        taking.operations += ingested.operations;
        taking.envelopes += ingested.envelopes;
        taking.touched.extend(ingested.touched);
        let ids: Vec<ItemId> = items
            .iter()
            .filter_map(|item| id_of(item.kind, &item.bytes))
            .collect();
        self.offer_what_the_relay_may_have_lost(&ids)
    }

    /// As a sync would have served it; none where it is here, or is not for this device.
    fn to_take_in(
        &self,
        mut brought: Brought,
        taking: &mut Taking,
    ) -> Result<Option<Item>, ClientError> {
        let Some(receipt) = brought.item.receipt.clone() else {
            return Ok(None);
        };
        match &brought.object {
            // Wraps beside an operation that is here may be new.
            Some(Object::Operation(signed)) => {
                let is_aside =
                    self.is_healed(signed) || self.lost_operation(&signed.id())?.is_some();
                let is_known = is_aside || self.logs().contains(signed);
                taking.known += u64::from(is_known);
                let space = signed.space();
                if self.is_erased(&space)? || self.is_section_erased(&space)? {
                    brought.item.wraps.clear();
                }
                if is_aside || (is_known && brought.item.wraps.is_empty()) {
                    return Ok(None);
                }
            }
            Some(Object::Envelope(envelope)) => {
                let id = envelope.id();
                let has_receipt = self.vault.contains(Collection::Receipt, &id.0)?;
                if has_receipt && self.vault.contains(Collection::Envelope, &id.0)? {
                    taking.known += 1;
                    return Ok(None);
                }
                if self.is_not_for_us(envelope)? {
                    taking.not_shared += 1;
                    return Ok(None);
                }
            }
            None => {}
        }
        Ok(Some(brought.served(receipt)))
    }

    /// Whether it is stored here, or this device's own.
    fn is_here(&mut self, id: &ItemId, object: &Object) -> Result<bool, ClientError> {
        let is_own = object.author() == self.device_id;
        let (is_here, is_from_elsewhere) = match object {
            Object::Operation(signed) => (
                self.logs().contains(signed) || self.is_healed(signed),
                self.is_operation_from_elsewhere(signed)?,
            ),
            Object::Envelope(envelope) => (
                self.vault.contains(Collection::Envelope, &id.0)?,
                self.is_envelope_from_elsewhere(envelope)?,
            ),
        };
        if is_own && !is_here && is_from_elsewhere {
            let (item, now_ms) = (*id, self.now_ms());
            self.commit(|transaction| clones::put_cloned(transaction, item, now_ms))?;
        }
        Ok(is_own || is_here)
    }

    /// Whether an envelope is of a space that this device does not read, as far as its author knew the log.
    fn is_not_for_us(
        &self,
        envelope: &nahtlos_protocol::envelope::Envelope,
    ) -> Result<bool, ClientError> {
        let header = envelope.header();
        if header.kind != EnvelopeKind::Erasure && self.is_section_erased(&header.space)? {
            return Ok(true);
        }
        let Some(state) = self.logs().load(&header.space)? else {
            // The log may still come, with another bundle or a sync.
            return Ok(false);
        };
        let mut heads = header.access_heads.iter();
        let knows_more =
            heads.any(|head| head.space == header.space && head.index >= state.length());
        Ok(!knows_more && !self.reads(&header.space))
    }

    /// Items of an ended journal, numbered after the present one began, may be lost there: they are offered
    /// as if this device had had them when it noticed.
    fn offer_what_the_relay_may_have_lost(&mut self, items: &[ItemId]) -> Result<(), ClientError> {
        let Some(mark) = self.sync_record()?.mark else {
            return Ok(());
        };
        let receipts = self.receipts();
        let lost: Vec<ItemId> = items
            .iter()
            .filter(|item| {
                receipts.place(item).is_some_and(|place| {
                    place.journal < mark.journal && place.sequence > mark.began_after
                })
            })
            .copied()
            .collect();
        self.offer_held(&lost)
    }

    /// What was taken in is applied, and what no relay has acknowledged is kept. Returns which of it is new.
    fn settle_bundle(&mut self, taking: &mut Taking) -> Result<Vec<ItemId>, ClientError> {
        let new = self.keep_carried(std::mem::take(&mut taking.unproven))?;
        let settled = self.settle_carried()?;
        taking.refused = settled.refused;
        taking.touched.extend(settled.touched);
        for (_, record) in self.carried()? {
            taking.touched.extend(record.space());
        }
        if taking.operations > 0 || !taking.touched.is_empty() {
            taking.touched.extend(self.spaces_waiting_for_keys()?);
        }
        let applied = self.apply_waiting(&taking.touched)?;
        taking.applied = applied.envelopes;
        taking.touched.extend(applied.changed);
        let touched = taking.touched.clone();
        self.carry_out_erasures(&touched)?;
        taking.touched.extend(self.leave_out_what_is_voided()?);
        self.refresh_after_sync(&taking.touched)?;
        // A document that was built meanwhile may let one of those be read that waited for it.
        let again = self.settle_carried()?;
        taking.refused.extend(again.refused);
        self.settled()?;
        Ok(new)
    }

    fn told(&self, head: &BundleHead, taking: Taking, new: Vec<ItemId>) -> Imported {
        let is_carried = |item: &ItemId| {
            let carried = self.vault.contains(Collection::Carried, &item.0);
            carried.unwrap_or(false)
        };
        let mut refused: Vec<Refusal> = Vec::new();
        for one in &taking.refused {
            let (author, space) = (self.author_in_words(&one.author), one.space.to_string());
            let same = refused.iter_mut().find(|known| {
                known.author == author && known.space == space && known.reason == one.reason
            });
            match same {
                Some(known) => known.count += 1,
                None => refused.push(Refusal {
                    author,
                    space,
                    reason: one.reason,
                    count: 1,
                }),
            }
        }
        refused.sort();
        Imported {
            origin: self.origin(head),
            operations: taking.operations,
            envelopes: taking.envelopes,
            applied: taking.applied,
            pending: new.iter().filter(|item| is_carried(item)).count() as u64,
            known: taking.known,
            not_shared: taking.not_shared,
            needs_newer: taking.needs_newer,
            refused,
        }
    }

    pub(super) fn origin(&self, head: &BundleHead) -> BundleOrigin {
        BundleOrigin {
            by: self.author_in_words(&head.device),
            made_at_ms: head.made_at_ms,
            is_whole: head.is_whole,
        }
    }
}

/// Reads a whole file and looks whether it is one, of this network. Nothing else happens.
pub(crate) fn examine<R: Read + Seek>(
    input: &mut R,
    network: &SpaceId,
) -> Result<BundleHead, BundleError> {
    let mut reader = open(input)?;
    let first = reader.next()?.ok_or(BundleError::Damaged)?;
    let head = codec::decode::<BundleHead>(&first, BUNDLE_PART_BYTES_MAX);
    let mut is_sound = true;
    while let Some(part) = reader.next()? {
        is_sound &= Brought::read(&part).is_ok();
    }
    // Only a file that came through whole says something about itself.
    let head = head.map_err(|_| BundleError::Damaged)?;
    if head.version != BUNDLE_VERSION {
        return Err(BundleError::NeedsNewer);
    }
    if !is_sound {
        return Err(BundleError::Damaged);
    }
    if head.network != *network {
        return Err(BundleError::OtherNetwork);
    }
    Ok(head)
}

fn open<R: Read + Seek>(input: &mut R) -> Result<FileReader<BufReader<&mut R>>, BundleError> {
    input.seek(SeekFrom::Start(0))?;
    FileReader::begin(BufReader::new(input), FileKind::Bundle)
}
