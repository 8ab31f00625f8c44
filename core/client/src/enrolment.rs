//! Enrolment: what a founding or joining device keeps before it sends its one request, so that a
//! lost answer or a power cut is only a repetition of the same bytes.

use minicbor::{Decode, Encode};
use nahtlos_protocol::codec;
use nahtlos_protocol::identifier::{SpaceId, VerifyingKeyBytes};
use nahtlos_protocol::limits;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::wire::claim::ClaimRequest;
use nahtlos_protocol::wire::join::{JoinAnswer, JoinRequest};
use nahtlos_protocol::wire::{CLAIM_PATH, ItemResult, PushItem, Status, SyncResponse};

use crate::directory::DirectoryEdit;
use crate::error::ClientError;
use crate::founding::Home;
use crate::intents::{INTENTS, put_intent};
use crate::nahtlos::{Nahtlos, put_device};
use crate::outbox::OPERATIONS;
use crate::random;
use crate::records::{self, DeviceRecord, Intent, IntentRecord};
use crate::refusal::Refusal;
use crate::transport::{Answer, Transport, TransportError};
use crate::vault::Collection;

/// Key in `Collection::Setting`: the request that has not been answered.
const PENDING: &[u8] = b"pending-enrolment";
/// Key in `Collection::Setting`: what this device asked as a further one of somebody, while it waits.
const ASKED: &[u8] = b"asked-as-device";
/// Key in `Collection::Setting`: cards to publish once the directory can be written.
pub(crate) const CARDS: &[u8] = b"cards-to-publish";

/// Everything a device needs to go on from here.
pub(crate) struct Enrolment<'a> {
    pub home: &'a Home,
    pub network: SpaceId,
    pub relay_url: &'a str,
    pub relay_key: VerifyingKeyBytes,
    /// Carried out once admitted.
    pub intents: Vec<Intent>,
    /// Published once the directory can be written.
    pub cards: Vec<DirectoryEdit>,
    /// Where the request goes.
    pub path: &'a str,
    pub request: Vec<u8>,
    /// The claim or invitation it answers, as text.
    pub answers: String,
}

/// A request kept until it is answered.
#[derive(Encode, Decode)]
#[cbor(array)]
struct PendingRecord {
    #[n(0)]
    path: String,
    #[cbor(n(1), with = "minicbor::bytes")]
    request: Vec<u8>,
    #[n(2)]
    answers: String,
}

/// A further device's request that the relay took, kept until it is let in.
#[derive(Default, Encode, Decode)]
#[cbor(array)]
struct AskedRecord {
    #[n(0)]
    answers: String,
    /// Whose it asked to be, where they work, and their relay: as in [`DeviceRecord`].
    #[n(1)]
    person: Option<SpaceId>,
    #[n(2)]
    institution: Option<SpaceId>,
    #[n(3)]
    network: Option<SpaceId>,
    #[n(4)]
    team: Option<SpaceId>,
    #[n(5)]
    relay_url: Option<String>,
    #[n(6)]
    relay_key: Option<VerifyingKeyBytes>,
}

impl Nahtlos {
    /// Whether there is nothing to be founded or joined anew: this home has an unanswered request for the
    /// same claim or invitation, which is then to be sent again, or the relay took it and it waits to be let
    /// in. A request for another is given up where it is unanswered; where the relay took it, not before it
    /// takes the new one.
    pub(crate) fn has_pending_enrolment(&mut self, answers: &str) -> Result<bool, ClientError> {
        self.require_not_restored()?;
        match self.pending()? {
            Some(pending) if pending.answers == answers => Ok(true),
            Some(_) => {
                self.give_up_enrolment()?;
                Ok(false)
            }
            None if self.waits_as_device() => {
                Ok(self.asked()?.is_some_and(|asked| asked.answers == answers))
            }
            None if self.device.person.is_some() => Err(ClientError::AlreadyEnrolled),
            None => Ok(false),
        }
    }

    /// Keeps everything, the request included, in one transaction; then sends it.
    pub(crate) fn enrol(
        &mut self,
        transport: &mut dyn Transport,
        enrolment: Enrolment<'_>,
    ) -> Result<(), ClientError> {
        let mut device = self.device.clone();
        device.person = Some(enrolment.home.person);
        device.institution = Some(enrolment.home.institution);
        device.team = Some(enrolment.home.team);
        device.network = Some(enrolment.network);
        device.relay_url = Some(enrolment.relay_url.to_owned());
        device.relay_key = Some(enrolment.relay_key);
        let cards =
            serde_json::to_vec(&enrolment.cards).map_err(|error| ClientError::Document {
                reason: error.to_string(),
            })?;
        let pending = records::encode(&PendingRecord {
            path: enrolment.path.to_owned(),
            request: enrolment.request,
            answers: enrolment.answers,
        });
        let now_ms = self.now_ms();
        let intents = enrolment.intents;
        self.store_own(&enrolment.home.prepared, |transaction| {
            put_device(transaction, &device)?;
            for (offset, intent) in (0u64..).zip(intents) {
                let record = IntentRecord {
                    id: random::nonce(&mut random::system()),
                    intent,
                    decided_at: Vec::new(),
                    decided_at_ms: now_ms.saturating_add(offset),
                };
                put_intent(transaction, &record)?;
            }
            transaction.put(Collection::Setting, b"", CARDS, 0, &cards)?;
            transaction.put(Collection::Setting, b"", PENDING, 0, &pending)?;
            Ok(())
        })?;
        self.device = device;
        self.send_pending_enrolment(transport)
    }

    /// Sends the unanswered request, if there is one. Where no answer comes it stays; where the
    /// relay refuses it for good, this home is new again.
    pub(crate) fn send_pending_enrolment(
        &mut self,
        transport: &mut dyn Transport,
    ) -> Result<(), ClientError> {
        let Some(pending) = self.pending()? else {
            return Ok(());
        };
        let answer = transport.post(&pending.path, None, &pending.request)?;
        if answer.status == 200 {
            self.check_answer(&pending, &answer)?;
            return self.enrolment_answered(&pending);
        }
        let refused = ClientError::of_refusal(&answer);
        let ClientError::Refused { refusal, .. } = &refused else {
            return Err(refused);
        };
        // Our own claim or answer to an invitation, whose answer was lost, is "claimed already" or "used"
        // (by us, where the relay was restored meanwhile and others brought us back), or its time is over by now:
        // then it may know us.
        let is_perhaps_ours = matches!(
            refusal,
            Refusal::AlreadyClaimed | Refusal::InvitationUsed | Refusal::InvitationExpired
        );
        if is_perhaps_ours {
            match self.probe(transport) {
                Ok(_) => return self.enrolment_answered(&pending),
                Err(ClientError::NotAdmitted) => {}
                // Whether it knows us was not heard: asked again with the next sync.
                Err(unheard) => return Err(unheard),
            }
        }
        // What waits to be let in is not kept waiting by an invitation that may become known.
        if answer.status < 500 && (!refusal.may_pass() || self.asked()?.is_some()) {
            self.give_up_enrolment()?;
        }
        Err(refused)
    }

    /// The answer must be the relay's own and say that everything was stored.
    fn check_answer(&self, pending: &PendingRecord, answer: &Answer) -> Result<(), ClientError> {
        let not_a_relay = |error: codec::CodecError| TransportError::NotARelay {
            reason: error.to_string(),
        };
        let relay = self.relay_key().ok_or(ClientError::OtherRelay)?;
        if pending.path == CLAIM_PATH {
            let response: SyncResponse =
                codec::decode(&answer.body, limits::SYNC_RESPONSE_BYTES_MAX)
                    .map_err(not_a_relay)?;
            if !response.is_signed_by(&relay, &self.device_id) {
                return Err(ClientError::OtherRelay);
            }
            let taken = |status| matches!(status, Status::Accepted | Status::Duplicate);
            if response.results.iter().all(|result| taken(result.status)) {
                self.keep_founding_receipts(&pending.request, &response.results);
                return Ok(());
            }
            let detail = "the relay did not take the founding operations";
            return Err(ClientError::refused("claim_items", detail));
        }
        let joined: JoinAnswer =
            codec::decode(&answer.body, limits::JOIN_REQUEST_BYTES_MAX).map_err(not_a_relay)?;
        let request =
            JoinRequest::decode(&pending.request).map_err(|error| ClientError::DamagedRecord {
                reason: error.to_string(),
            })?;
        joined
            .receipt
            .verify(&request.id(), &relay)
            .map_err(|_| ClientError::OtherRelay)
    }

    /// The receipts of what was founded: they prove it to whoever gets it otherwise than from the relay.
    fn keep_founding_receipts(&self, request: &[u8], results: &[ItemResult]) {
        let request: Result<ClaimRequest, _> =
            codec::decode(request, limits::SYNC_REQUEST_BYTES_MAX);
        let push = request.map(|request| request.push).unwrap_or_default();
        for (item, result) in push.iter().zip(results) {
            if let (PushItem::Operation { bytes, .. }, Some(receipt)) = (item, &result.receipt)
                && let Ok(signed) = SignedOperation::decode(bytes)
            {
                let id = signed.id().into();
                self.receipt_cache.keep(&signed.space(), id, receipt);
            }
        }
    }

    fn enrolment_answered(&mut self, pending: &PendingRecord) -> Result<(), ClientError> {
        let mut device = self.device.clone();
        // A founder is part of the network at once; who joins waits for the inviter.
        device.admitted = pending.path == CLAIM_PATH;
        let asked = asked_as_device(pending, &device);
        self.commit(|transaction| {
            transaction.delete(Collection::Setting, PENDING)?;
            match &asked {
                Some(asked) => {
                    let value = records::encode(asked);
                    transaction.put(Collection::Setting, b"", ASKED, 0, &value)?;
                }
                None => {
                    transaction.delete(Collection::Setting, ASKED)?;
                }
            }
            put_device(transaction, &device)
        })?;
        self.device = device;
        Ok(())
    }

    fn asked(&self) -> Result<Option<AskedRecord>, ClientError> {
        match self.vault.get(Collection::Setting, ASKED)? {
            Some(bytes) => records::decode(&bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Forgets what was to be founded or joined; what the relay took before waits on. The device keeps its
    /// keys.
    fn give_up_enrolment(&mut self) -> Result<(), ClientError> {
        let mut device = self.device.clone();
        let before = self.asked()?.unwrap_or_default();
        device.person = before.person;
        device.institution = before.institution;
        device.team = before.team;
        device.network = before.network;
        device.relay_url = before.relay_url;
        device.relay_key = before.relay_key;
        self.commit(|transaction| {
            transaction.delete_group(Collection::Sealed, OPERATIONS)?;
            transaction.delete_group(Collection::Intent, INTENTS)?;
            transaction.delete(Collection::Setting, CARDS)?;
            transaction.delete(Collection::Setting, PENDING)?;
            put_device(transaction, &device)
        })?;
        self.device = device;
        Ok(())
    }

    fn pending(&self) -> Result<Option<PendingRecord>, ClientError> {
        match self.vault.get(Collection::Setting, PENDING)? {
            Some(bytes) => records::decode(&bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Whether a founding or joining request is still unanswered.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn is_enrolment_unanswered(&self) -> Result<bool, ClientError> {
        Ok(self.pending()?.is_some())
    }
}

/// What is kept of a request that asks for a further device: the others found something of their own.
fn asked_as_device(pending: &PendingRecord, device: &DeviceRecord) -> Option<AskedRecord> {
    let is_of_device = JoinRequest::decode(&pending.request)
        .is_ok_and(|request| pending.path != CLAIM_PATH && request.device().is_ok());
    is_of_device.then(|| AskedRecord {
        answers: pending.answers.clone(),
        person: device.person,
        institution: device.institution,
        network: device.network,
        team: device.team,
        relay_url: device.relay_url.clone(),
        relay_key: device.relay_key,
    })
}
