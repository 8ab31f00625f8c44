//! Newcomers whose words are compared with them before they are let in: where their institution asks for
//! it, and always where a colleague brings somebody back. Until then nothing of them is in any log: the
//! join request waits on the device that made the invitation.

use bip39::Language;
use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::space::Logs;
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::operation::SignedOperation;
use nahtlos_protocol::wire::claim::InvitationText;
use nahtlos_protocol::wire::device::DeviceInvitation;
use nahtlos_protocol::wire::join::JoinRequest;

use crate::device_admission::has_device;
use crate::devices::DEVICE_INVITATION_LIFETIME_MS;
use crate::error::ClientError;
use crate::ingest::JOIN_REQUESTS;
use crate::joining::{INVITATION_LIFETIME_MS, Introduction};
use crate::key_report::kind_word;
use crate::nahtlos::Nahtlos;
use crate::records::{self, InvitationRecord};
use crate::repair::{DEVICE, WaitingGrant};
use crate::vault::Collection;

/// Why somebody waits: their words are to be compared with them.
pub(crate) const WAITS_FOR_COMPARISON: &str = "waits_for_comparison";
/// Words of an id.
const WORDS: usize = 6;
/// Bits that one word of the list stands for.
const WORD_BITS: usize = 11;

/// The first 66 bits of an id as six words of BIP-39's English list, for people to read to each other.
#[must_use]
pub fn words_of(id: &[u8; 32]) -> String {
    first_words(id, WORDS)
}

/// The first bits of bytes as words.
pub(crate) fn first_words(bytes: &[u8; 32], count: usize) -> String {
    let bit = |place: usize| {
        let byte = bytes.get(place / 8).copied().unwrap_or(0);
        usize::from(byte >> (7 - place % 8) & 1)
    };
    let word = |number: usize| {
        let first = number * WORD_BITS;
        let index = (first..first + WORD_BITS).fold(0, |index, place| index << 1 | bit(place));
        Language::English.word_list().get(index).copied()
    };
    let words: Vec<&str> = (0..count).filter_map(word).collect();
    words.join(" ")
}

/// Whether what somebody read out is an id's fingerprint, or its words.
pub(crate) fn is_read_out(read_out: &str, fingerprint: &str, words: &str) -> bool {
    // As people write it: small letters, blanks, O for 0.
    let as_fingerprint = read_out.parse::<Fingerprint>();
    if as_fingerprint.is_ok_and(|read| read.to_string() == fingerprint) {
        return true;
    }
    let typed = read_out.to_lowercase();
    let typed = typed.split(|letter: char| !letter.is_alphabetic());
    let typed: Vec<&str> = typed.filter(|word| !word.is_empty()).collect();
    typed.join(" ") == words
}

/// A join request with the invitation of ours that it answers.
struct Answered {
    request: JoinRequest,
    record: InvitationRecord,
}

impl Nahtlos {
    /// Words of this device.
    #[must_use]
    pub fn device_words(&self) -> String {
        words_of(&self.device_id.0)
    }

    /// Whether an institution asks for words to be compared, by its log.
    pub(crate) fn compares(&self, institution: &SpaceId) -> bool {
        let state = self.logs().state(institution);
        state.is_some_and(|state| state.policy().compares)
    }

    /// Whether who answered an invitation of ours waits until somebody compared their words.
    pub(crate) fn waits_for_comparison(
        &self,
        request: &JoinRequest,
        record: &InvitationRecord,
    ) -> bool {
        let is_asked_for = match institution_of(record) {
            Some((institution, person)) => {
                self.compares(&institution)
                    || person.is_some_and(|person| Some(person) != self.device.person)
            }
            // An institution's newcomer is an institution: who compares is the network's matter.
            None => false,
        };
        is_asked_for && (record.compared.is_none() || record.compared != device_of(request))
    }

    /// Newcomers whose words wait to be compared, on this device.
    pub(crate) fn waiting_newcomers(&self) -> Result<Vec<WaitingGrant>, ClientError> {
        let mut waiting = Vec::new();
        for answered in self.answered_invitations()? {
            if self.waits_for_comparison(&answered.request, &answered.record) {
                waiting.extend(self.waiting_newcomer(&answered)?);
            }
        }
        Ok(waiting)
    }

    /// Notes that the words of a newcomer were compared with them; the next sync lets them in.
    pub(crate) fn note_compared(&mut self, waiting: &WaitingGrant) -> Result<(), ClientError> {
        self.change_invitation(waiting, |record, device| record.compared = Some(device))
    }

    /// This very process holds the newcomer's device too: there is nobody to compare with.
    pub(crate) fn note_own_newcomer(
        &mut self,
        invitation: &DeviceInvitation,
        device: DeviceId,
    ) -> Result<(), ClientError> {
        let key = invitation.invitation();
        let Some(bytes) = self.vault.get(Collection::Invitation, &key.0)? else {
            return Ok(());
        };
        let mut record: InvitationRecord = records::decode(&bytes)?;
        record.compared = Some(device);
        let value = records::encode(&record);
        self.commit(|transaction| {
            transaction.put(Collection::Invitation, b"", &key.0, 0, &value)?;
            Ok(())
        })
    }

    /// Lets a newcomer go whose words were others: their request is gone and the invitation used up,
    /// whatever the institution asks for later.
    pub(crate) fn refuse_newcomer(&mut self, waiting: &WaitingGrant) -> Result<(), ClientError> {
        for Answered {
            request,
            mut record,
        } in self.answered_invitations()?
        {
            if SpaceId(request.id().0).to_string() != waiting.grant {
                continue;
            }
            record.completed = true;
            record.refused = Some(true);
            let (invitation, value) = (request.invitation(), records::encode(&record));
            self.commit(|transaction| {
                transaction.put(Collection::Invitation, b"", &invitation.0, 0, &value)?;
                transaction.delete(Collection::Intent, &request.id().0)?;
                Ok(())
            })?;
        }
        Ok(())
    }

    fn change_invitation(
        &mut self,
        waiting: &WaitingGrant,
        change: impl Fn(&mut InvitationRecord, DeviceId),
    ) -> Result<(), ClientError> {
        for Answered {
            request,
            mut record,
        } in self.answered_invitations()?
        {
            if SpaceId(request.id().0).to_string() != waiting.grant {
                continue;
            }
            let (Some(device), invitation) = (device_of(&request), request.invitation()) else {
                continue;
            };
            change(&mut record, device);
            let value = records::encode(&record);
            self.commit(|transaction| {
                transaction.put(Collection::Invitation, b"", &invitation.0, 0, &value)?;
                Ok(())
            })?;
        }
        Ok(())
    }

    fn answered_invitations(&self) -> Result<Vec<Answered>, ClientError> {
        let mut answered = Vec::new();
        for (_, bytes) in self.vault.list(Collection::Intent, JOIN_REQUESTS)? {
            let Ok(request) = JoinRequest::decode(&bytes) else {
                continue;
            };
            let key = request.invitation();
            let Some(bytes) = self.vault.get(Collection::Invitation, &key.0)? else {
                continue;
            };
            let record: InvitationRecord = records::decode(&bytes)?;
            if !record.completed {
                answered.push(Answered { request, record });
            }
        }
        Ok(answered)
    }

    /// As the list shows them; none where the request will come to nothing.
    fn waiting_newcomer(&self, answered: &Answered) -> Result<Option<WaitingGrant>, ClientError> {
        let Answered { request, record } = answered;
        let inviting = request.body().inviting;
        let (Some(device), Some(state)) = (device_of(request), self.logs().load(&inviting)?) else {
            return Ok(None);
        };
        let open = state.invitations().get(&request.invitation());
        let Some(open) = open.filter(|open| open.used.is_none()) else {
            return Ok(None);
        };
        let (of_device, seed) = match record.text.parse::<DeviceInvitation>() {
            Ok(text) => (true, text.seed),
            Err(_) => (false, record.text.parse::<InvitationText>()?.seed),
        };
        if of_device && has_device(&state, request) {
            return Ok(None);
        }
        let Some(introduction) = Introduction::open(&seed, &request.body().introduction) else {
            return Ok(None);
        };
        let directory = self.shared_directory().unwrap_or_default();
        let place = directory.name(&inviting);
        let lifetime_ms = match of_device {
            true => DEVICE_INVITATION_LIFETIME_MS,
            false => INVITATION_LIFETIME_MS,
        };
        Ok(Some(WaitingGrant {
            grant: SpaceId(request.id().0).to_string(),
            space: inviting.to_string(),
            member: match of_device {
                true if introduction.name.is_empty() => format!("a new device of {place}"),
                true => format!("{}, a new device of {place}", introduction.name),
                false => introduction.name,
            },
            in_space: place,
            kind: kind_word(state.kind()),
            fingerprint: Fingerprint::of(&device.0).to_string(),
            words: words_of(&device.0),
            words_of: DEVICE,
            role: if of_device { Role::Manage } else { open.role }.word(),
            added_by: self
                .device
                .person
                .map_or_else(String::new, |person| directory.person_name(&person)),
            added_at_ms: record.not_after_ms.saturating_sub(lifetime_ms),
            reason: WAITS_FOR_COMPARISON,
            can_confirm: true,
            can_refuse: true,
        }))
    }
}

/// The institution into which an invitation leads, and the person whose device it brings.
fn institution_of(record: &InvitationRecord) -> Option<(SpaceId, Option<SpaceId>)> {
    if let Ok(text) = record.text.parse::<DeviceInvitation>() {
        return Some((text.institution, Some(text.person)));
    }
    let text = record.text.parse::<InvitationText>().ok()?;
    Some((text.guardian?, None))
}

/// The device that asks: the one named, or the one that founded the newcomer.
fn device_of(request: &JoinRequest) -> Option<DeviceId> {
    if let Ok((device, _)) = request.device() {
        return Some(device);
    }
    let founding = request.body().operations.iter().find_map(|bytes| {
        let signed = SignedOperation::decode(&bytes.0).ok()?;
        (signed.operation().index == 0 && signed.space() == request.body().newcomer)
            .then_some(signed)
    });
    founding.map(|signed| signed.operation().author)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_an_id_are_its_first_66_bits() {
        assert_eq!(words_of(&[0; 32]), ["abandon"; 6].join(" "));
        assert_eq!(words_of(&[0xff; 32]), ["zoo"; 6].join(" "));
        let mut id = [0; 32];
        // The last of 66 bits is the second one of the ninth byte; the next is in no word.
        id[8] = 0b0110_0000;
        assert_eq!(
            words_of(&id),
            "abandon abandon abandon abandon abandon ability"
        );
        id[8] = 0b0010_0000;
        assert_eq!(words_of(&id), ["abandon"; 6].join(" "));
    }

    #[test]
    fn what_is_read_out_is_the_words_or_the_fingerprint_however_it_is_typed() {
        let id = [7; 32];
        let (fingerprint, words) = (Fingerprint::of(&id).to_string(), words_of(&id));
        let is_it = |read: &str| is_read_out(read, &fingerprint, &words);
        for read in [
            words.clone(),
            format!("  {}, ", words.to_uppercase().replace(' ', " - ")),
            fingerprint.to_lowercase().replace('-', " "),
        ] {
            assert!(is_it(&read), "{read}");
        }
        let five = words.rsplit_once(' ').unwrap().0;
        for read in ["", five, &words_of(&[8; 32]), "abandon"] {
            assert!(!is_it(read), "{read}");
        }
    }
}
