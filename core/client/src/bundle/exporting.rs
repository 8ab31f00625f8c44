//! Writing a bundle: everything this device has, or a part, each object as it was signed, with the relay's
//! receipt where there is one. What was typed here and is not with the relay is sealed first, as for a
//! sync, and goes along; so does what others' bundles brought.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::wrap::wrap_hybrid;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{EnvelopeId, ItemId, RecipientId, SpaceId};
use nahtlos_protocol::limits::BUNDLE_KEYS_MAX;
use nahtlos_protocol::space::author::wrap_info;
use nahtlos_protocol::space::authority::View;
use nahtlos_protocol::space::kind::Kind;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::space::standing::Position;
use nahtlos_protocol::space::{Logs, Wrap, recipients};
use nahtlos_protocol::wire::ItemKind;
use nahtlos_protocol::wire::bundle::{BUNDLE_VERSION, BundleHead, BundleItem, BundleKey};
use serde::Serialize;

use super::BundleError;
use super::carried::CarriedItem;
use super::file::{FileKind, FileWriter};
use super::request::BundleRequest;
use crate::cases::Case;
use crate::clones::put_sent;
use crate::counting::Standing;
use crate::error::ClientError;
use crate::logs::operation_key;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::{self, HeldItem, HeldRecord, SealedRecord};
use crate::vault::Collection;

/// What goes into a bundle.
#[derive(Clone, Debug, Default)]
pub struct BundleScope {
    /// Of sections only those of these cases; none for all. Everything about people, teams and
    /// institutions goes along always: without it nobody can check what is in the sections.
    pub cases: Option<Vec<Case>>,
    /// Only what another device lacks.
    pub lacking: Option<BundleRequest>,
}

/// What went into a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Changes of access.
    pub operations: u64,
    /// Signed edits and statements.
    pub envelopes: u64,
    /// Of both, what no relay has acknowledged.
    pub pending: u64,
    /// Edits typed here that could not be sealed now: their section waits for a key, or for a sync.
    pub not_sealed: u64,
    /// Changes of access that were decided here and are made at the next sync.
    pub decisions_waiting: u64,
}

/// One item, to be read when it is written.
enum Listed {
    Operation(SpaceId, u64),
    Envelope(EnvelopeId),
}

impl Nahtlos {
    /// Writes a bundle. What was typed here is sealed first and stays as it is until the relay has answered,
    /// so that the same edit never goes out in two forms.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`], [`ClientError::Restored`], [`ClientError::Cloned`];
    /// [`BundleError::OtherNetwork`] where the request is of another one, [`BundleError::Io`]; where the
    /// vault fails. What was sealed stays sealed.
    pub fn export_bundle(
        &mut self,
        output: &mut dyn Write,
        scope: &BundleScope,
    ) -> Result<Exported, ClientError> {
        self.require_sending()?;
        let network = self.network()?;
        if let Some(request) = scope.lacking.as_ref()
            && request.network() != network
        {
            return Err(BundleError::OtherNetwork.into());
        }
        self.remember_access_heads()?;
        let mut exported = Exported {
            not_sealed: self.seal_for_bundle()?,
            decisions_waiting: self.waiting_intents()?.len() as u64,
            ..Exported::default()
        };
        let spaces = self.spaces_in_scope(scope)?;
        let listed = self.listed(&spaces, scope)?;
        let pending = self.pending_items(&spaces)?;
        self.remember_own(&pending)?;
        let head = BundleHead {
            version: BUNDLE_VERSION,
            network,
            device: self.device_id,
            made_at_ms: self.now_ms(),
            is_whole: scope.cases.is_none() && scope.lacking.is_none(),
            keys: self.keys_for_own_devices()?,
        };
        let mut writer = FileWriter::begin(output, FileKind::Bundle).map_err(BundleError::Io)?;
        writer
            .part(&codec::encode(&head))
            .map_err(BundleError::Io)?;
        let mut put = |item: &BundleItem| {
            exported.operations += u64::from(item.kind == ItemKind::Operation);
            exported.envelopes += u64::from(item.kind == ItemKind::Envelope);
            exported.pending += u64::from(item.receipt.is_none());
            writer.part(&codec::encode(item)).map_err(BundleError::Io)
        };
        for one in &listed {
            if let Some(item) = self.read_listed(one)? {
                put(&item)?;
            }
        }
        for item in &pending {
            put(item)?;
        }
        writer.finish().map_err(BundleError::Io)?;
        Ok(exported)
    }

    fn spaces_in_scope(&self, scope: &BundleScope) -> Result<BTreeSet<SpaceId>, ClientError> {
        let spaces = self.known_spaces()?.into_iter();
        let Some(cases) = &scope.cases else {
            return Ok(spaces.collect());
        };
        let sections: BTreeSet<SpaceId> = cases
            .iter()
            .flat_map(|case| case.sections.values().copied())
            .collect();
        let is_group = |space: &SpaceId| {
            let state = self.logs().state(space);
            state.is_some_and(|state| state.kind() != Kind::Section)
        };
        Ok(spaces
            .filter(|space| sections.contains(space) || is_group(space))
            .collect())
    }

    /// What bears a valid receipt, in the order of the relay's journals; operations whose receipt is not
    /// here stand last.
    fn listed(
        &self,
        spaces: &BTreeSet<SpaceId>,
        scope: &BundleScope,
    ) -> Result<Vec<Listed>, ClientError> {
        let receipts = self.receipts();
        let mut placed: Vec<(Option<Position>, Listed)> = Vec::new();
        let lacking = scope.lacking.as_ref();
        for space in spaces {
            let Some(state) = self.logs().state(space) else {
                continue;
            };
            let operations = (0..).map_while(|index| Some((index, state.operation(index)?.id)));
            for (index, id) in operations {
                if self.is_pending(&id.into())? {
                    continue;
                }
                let is_there =
                    lacking.is_some_and(|there| there.has_operation(space, index, false));
                if is_there && self.is_there_with_wraps(lacking, space, index)? {
                    continue;
                }
                let place = receipts.place(&id.into());
                placed.push((place, Listed::Operation(*space, index)));
            }
            for id in self.envelopes_of_space(space)? {
                let is_there = lacking.is_some_and(|there| there.has_envelope(&id));
                let Some(place) = receipts.place(&id.into()).filter(|_| !is_there) else {
                    continue;
                };
                placed.push((Some(place), Listed::Envelope(id)));
            }
        }
        placed.sort_by_key(|(place, _)| (place.is_none(), *place));
        Ok(placed.into_iter().map(|(_, one)| one).collect())
    }

    /// Whether who asks has also the wraps beside an operation that is here with some.
    fn is_there_with_wraps(
        &self,
        lacking: Option<&BundleRequest>,
        space: &SpaceId,
        index: u64,
    ) -> Result<bool, ClientError> {
        let opens = lacking.is_some_and(|there| there.has_operation(space, index, true));
        let operation = self.operation_in_log(space, index)?;
        Ok(opens
            || operation.is_none_or(|signed| recipients::wrapped_recipients(&signed).count() == 0))
    }

    fn operation_in_log(
        &self,
        space: &SpaceId,
        index: u64,
    ) -> Result<Option<SignedOperation>, ClientError> {
        let bytes = self
            .vault
            .get(Collection::Operation, &operation_key(space, index))?;
        Ok(bytes.and_then(|bytes| SignedOperation::decode(&bytes).ok()))
    }

    fn read_listed(&self, one: &Listed) -> Result<Option<BundleItem>, ClientError> {
        let receipts = self.receipts();
        Ok(match one {
            Listed::Operation(space, index) => match self.operation_in_log(space, *index)? {
                Some(signed) => Some(BundleItem {
                    kind: ItemKind::Operation,
                    wraps: self.wraps_at_hand(&signed)?,
                    receipt: receipts.receipt(&signed.id().into()),
                    bytes: signed.bytes().to_vec(),
                }),
                None => None,
            },
            Listed::Envelope(id) => {
                let bytes = self.vault.get(Collection::Envelope, &id.0)?;
                bytes.map(|bytes| BundleItem {
                    kind: ItemKind::Envelope,
                    bytes,
                    wraps: Vec::new(),
                    receipt: receipts.receipt(&(*id).into()),
                })
            }
        })
    }

    /// Envelopes of a space that are here, but for those that managers alone are served.
    pub(super) fn envelopes_of_space(
        &self,
        space: &SpaceId,
    ) -> Result<BTreeSet<EnvelopeId>, ClientError> {
        let (mut ids, mut kept_back) = (BTreeSet::new(), BTreeSet::new());
        for (id, fact) in self.facts(space)? {
            if matches!(fact.standing, Standing::Held { .. }) {
                kept_back.insert(id);
            } else {
                ids.insert(id);
            }
        }
        for (_, bytes) in self.vault.list(Collection::Held, &space.0)? {
            let record: HeldRecord = records::decode(&bytes)?;
            if let HeldItem::Envelope { id } = record.item {
                ids.insert(id);
            }
        }
        ids.retain(|id| !kept_back.contains(id));
        Ok(ids)
    }

    fn is_pending(&self, item: &ItemId) -> Result<bool, ClientError> {
        Ok(self.vault.contains(Collection::Sealed, &item.0)?
            || self.vault.contains(Collection::Carried, &item.0)?)
    }

    /// What no relay has acknowledged: what others' bundles brought, then one's own; operations first.
    fn pending_items(&self, spaces: &BTreeSet<SpaceId>) -> Result<Vec<BundleItem>, ClientError> {
        let mut items = Vec::new();
        for (_, record) in self.carried()? {
            if !record.space().is_some_and(|space| spaces.contains(&space)) || record.refused {
                continue;
            }
            items.push(match record.item {
                CarriedItem::Operation { bytes, wraps } => {
                    pending(ItemKind::Operation, bytes, wraps)
                }
                CarriedItem::Envelope { bytes } => pending(ItemKind::Envelope, bytes, Vec::new()),
            });
        }
        for (_, record) in self.unanswered()? {
            let (space, item) = match record {
                SealedRecord::Operation { bytes, wraps } => {
                    let signed = SignedOperation::decode(&bytes).ok();
                    let space = signed.map(|signed| signed.space());
                    (space, pending(ItemKind::Operation, bytes, wraps))
                }
                SealedRecord::Envelope { bytes, .. } => {
                    let envelope = Envelope::decode(&bytes).ok();
                    let space = envelope.map(|envelope| envelope.header().space);
                    (space, pending(ItemKind::Envelope, bytes, Vec::new()))
                }
            };
            if space.is_some_and(|space| spaces.contains(&space)) {
                items.push(item);
            }
        }
        items.sort_by_key(|item| item.kind != ItemKind::Operation);
        Ok(items)
    }

    /// What comes back of one's own is known then, also where it is sealed anew meanwhile.
    fn remember_own(&mut self, pending: &[BundleItem]) -> Result<(), ClientError> {
        let own: Vec<ItemId> = pending
            .iter()
            .filter_map(|item| super::items::id_of(item.kind, &item.bytes))
            .collect();
        let carried: BTreeSet<ItemId> = self.carried()?.into_iter().map(|(item, _)| item).collect();
        self.commit(|transaction| {
            let mut own = own.iter().filter(|item| !carried.contains(item));
            own.try_for_each(|item| put_sent(transaction, item))
        })
    }

    /// The current key of one's own person, wrapped to each of that person's devices as the log names them:
    /// the relay serves a device its own wraps alone, so a paper's are not at hand otherwise.
    fn keys_for_own_devices(&self) -> Result<Vec<BundleKey>, ClientError> {
        let (logs, person) = (self.logs(), self.person()?);
        let Some(state) = logs.load(&person)? else {
            return Ok(Vec::new());
        };
        let Some(key_id) = state.current_epoch().map(|epoch| epoch.key_id) else {
            return Ok(Vec::new());
        };
        let Ok(seed) = self.key_ring().open_to_hand_on(&person, &key_id) else {
            return Ok(Vec::new());
        };
        let suspended = self.suspended(&state);
        let targets = recipients::effective_recipients(&logs, &state, View::NEWEST, &suspended);
        let targets: BTreeMap<RecipientId, _> = targets.unwrap_or_default();
        let mut keys = Vec::new();
        for (recipient, target) in targets.into_iter().take(BUNDLE_KEYS_MAX) {
            let info = wrap_info(&state.nonce(), &key_id, recipient, target.key());
            let secret = seed.as_secret();
            if let Ok(bytes) = wrap_hybrid(&mut random::system(), target.kem(), &info, secret) {
                let wrap = Wrap { recipient, bytes };
                keys.push(BundleKey {
                    space: person,
                    key_id,
                    wrap,
                });
            }
        }
        Ok(keys)
    }
}

fn pending(kind: ItemKind, bytes: Vec<u8>, wraps: Vec<Wrap>) -> BundleItem {
    BundleItem {
        kind,
        bytes,
        wraps,
        receipt: None,
    }
}
