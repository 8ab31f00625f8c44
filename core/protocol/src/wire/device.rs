//! A further device of one person: the text that a device of the person hands to the new one, and what
//! the new one's join request carries where a newcomer's has founding operations.

use minicbor::{Decode, Encode};

use super::claim::{InvitationText, TEXT_BYTES_MAX, TextError, read_text, to_text};
use super::join::{JoinError, JoinRequest};
use crate::codec;
use crate::crypto::kem::KemPublicKey;
use crate::crypto::label;
use crate::crypto::secret::Secret32;
use crate::crypto::signature::{Signature, VerifyingKey};
use crate::identifier::{DeviceId, InvitationId, SpaceId, VerifyingKeyBytes};
use crate::limits;
use crate::space::admission_message;
use crate::space::effect::Member;

const DEVICE_PREFIX: &str = "nahtlos-device-";

/// An invitation to be a further device of a person, as one line of text. It has a form of its own, so
/// that nobody takes it for an invitation of somebody else, or the other way round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInvitation {
    /// Where the relay is reached.
    pub url: String,
    /// The relay's signing key.
    pub relay: VerifyingKeyBytes,
    /// The network.
    pub network: SpaceId,
    /// The person: their own space invites.
    pub person: SpaceId,
    /// The person's institution.
    pub institution: SpaceId,
    /// The team in which the person works.
    pub team: SpaceId,
    /// Seed of the one-time invitation key.
    pub seed: Secret32,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct DeviceInvitationBody {
    #[n(0)]
    version: u8,
    #[n(1)]
    url: String,
    #[n(2)]
    relay: VerifyingKeyBytes,
    #[n(3)]
    network: SpaceId,
    #[n(4)]
    person: SpaceId,
    #[n(5)]
    institution: SpaceId,
    #[n(6)]
    team: SpaceId,
    #[n(7)]
    seed: VerifyingKeyBytes,
}

/// Why a join request does not bring in a device.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone, Copy)]
pub enum DeviceRequestError {
    /// It carries something else than one device, or keys that are not valid.
    #[error("it does not hold a device's keys")]
    NoDevice,
    /// The keys are another device's than the one it asks for.
    #[error("it names another device than the one whose keys it holds")]
    OtherDevice,
    /// The device has not signed that it belongs to this person.
    #[error("the device whose keys it holds did not agree to belong to this person")]
    NotAgreed,
}

impl DeviceInvitation {
    /// As an invitation by the person's own space.
    #[must_use]
    pub fn as_invitation(&self) -> InvitationText {
        InvitationText {
            url: self.url.clone(),
            relay: self.relay,
            network: self.network,
            inviting: self.person,
            guardian: Some(self.institution),
            seed: self.seed.clone(),
        }
    }

    /// The invitation's public key, which stands in the inviting operation.
    #[must_use]
    pub fn invitation(&self) -> InvitationId {
        self.as_invitation().invitation()
    }
}

impl JoinRequest {
    /// Signs a request to be a further device of a person. `member` is what the person's log is to
    /// name: the device's keys and its consent to belong to that person.
    ///
    /// # Errors
    /// As [`Self::sign`].
    pub fn of_device(
        invitation: &DeviceInvitation,
        device: DeviceId,
        member: &Member,
        introduction: Vec<u8>,
    ) -> Result<Self, JoinError> {
        let newcomer = SpaceId(device.0);
        let carried = vec![codec::encode(member)];
        Self::sign(&invitation.as_invitation(), newcomer, carried, introduction)
    }

    /// The device that this request brings in, and its member as the `Add` will name it. Its keys make
    /// its id, and it has signed that it belongs to the inviting person.
    ///
    /// # Errors
    /// [`DeviceRequestError`].
    pub fn device(&self) -> Result<(DeviceId, Member), DeviceRequestError> {
        let body = self.body();
        let [carried] = body.operations.as_slice() else {
            return Err(DeviceRequestError::NoDevice);
        };
        let member: Member = codec::decode(&carried.0, limits::JOIN_REQUEST_BYTES_MAX)
            .map_err(|_| DeviceRequestError::NoDevice)?;
        let Member::Device {
            keys,
            countersignature,
        } = &member
        else {
            return Err(DeviceRequestError::NoDevice);
        };
        let verifying = VerifyingKey::from_bytes(&keys.verifying.0)
            .map_err(|_| DeviceRequestError::NoDevice)?;
        KemPublicKey::from_bytes(&keys.kem).map_err(|_| DeviceRequestError::NoDevice)?;
        let device = keys.device_id();
        if device.0 != body.newcomer.0 {
            return Err(DeviceRequestError::OtherDevice);
        }
        let message = admission_message(Some(body.inviting), device);
        let signature = Signature::from_bytes(countersignature.0);
        verifying
            .verify(label::ADMISSION_SIGN, &message, &signature)
            .map_err(|_| DeviceRequestError::NotAgreed)?;
        Ok((device, member))
    }
}

impl std::fmt::Display for DeviceInvitation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = DeviceInvitationBody {
            version: 1,
            url: self.url.clone(),
            relay: self.relay,
            network: self.network,
            person: self.person,
            institution: self.institution,
            team: self.team,
            seed: VerifyingKeyBytes(*self.seed.expose()),
        };
        formatter.write_str(&to_text(DEVICE_PREFIX, &codec::encode(&body)))
    }
}

impl std::str::FromStr for DeviceInvitation {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let body: DeviceInvitationBody = read_text(DEVICE_PREFIX, text, TEXT_BYTES_MAX)?;
        Ok(Self {
            url: body.url,
            relay: body.relay,
            network: body.network,
            person: body.person,
            institution: body.institution,
            team: body.team,
            seed: Secret32::from_bytes(body.seed.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::device_key::{DeviceKeys as OwnKeys, DeviceSeed};
    use crate::identifier::SignatureBytes;
    use crate::space::effect::DeviceKeys;

    fn invitation() -> DeviceInvitation {
        DeviceInvitation {
            url: "https://relay.example".into(),
            relay: VerifyingKeyBytes([1; 32]),
            network: SpaceId([2; 32]),
            person: SpaceId([3; 32]),
            institution: SpaceId([4; 32]),
            team: SpaceId([5; 32]),
            seed: Secret32::from_bytes([6; 32]),
        }
    }

    fn own(number: u8) -> OwnKeys {
        DeviceSeed::from_secret(Secret32::from_bytes([number; 32])).keys()
    }

    fn id(keys: &OwnKeys) -> DeviceId {
        DeviceId(keys.public_keys().device_id())
    }

    /// The keys of one device with the consent of another to belong to a person.
    fn member(keys: &OwnKeys, signs: &OwnKeys, person: SpaceId) -> Member {
        let public = keys.public_keys();
        let message = admission_message(Some(person), id(keys));
        let signature = signs.signing.sign(label::ADMISSION_SIGN, &message);
        Member::Device {
            keys: DeviceKeys {
                verifying: VerifyingKeyBytes(*public.verifying.as_bytes()),
                kem: public.kem.as_bytes().to_vec(),
            },
            countersignature: SignatureBytes(*signature.as_bytes()),
        }
    }

    fn request(device: DeviceId, member: &Member) -> JoinRequest {
        JoinRequest::of_device(&invitation(), device, member, vec![7; 400]).unwrap()
    }

    /// PROTOCOL §27.
    #[test]
    fn the_text_of_an_invitation_is_as_it_was() {
        let text = concat!(
            "nahtlos-device-raaxk2duoryhgorpf5zgk3dbpexgk6dbnvygyzkyeaaqcaibaeaqcaibaeaqcaiba",
            "eaqcaibaeaqcaibaeaqcaibaeaqcwbaaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqca",
            "ibfqiadambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydanmcabaeaqcaibaeaqcaibaea",
            "qcaibaeaqcaibaeaqcaibaeaqcaibaelaqakbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifa",
            "ucqkbkyeadambqgaydambqgaydambqgaydambqgaydambqgaydambqgaydanxqeieba",
        );
        assert_eq!(invitation().to_string(), text);
        assert_eq!(text.parse::<DeviceInvitation>(), Ok(invitation()));
    }

    #[test]
    fn a_text_for_a_device_is_no_invitation_and_an_invitation_is_none_for_a_device() {
        let text = invitation().to_string();
        assert_eq!(text.parse::<DeviceInvitation>(), Ok(invitation()));
        let expected = "nahtlos-invite-";
        assert_eq!(
            text.parse::<InvitationText>(),
            Err(TextError::OtherKind { expected })
        );
        let other = invitation().as_invitation().to_string();
        let expected = DEVICE_PREFIX;
        assert_eq!(
            other.parse::<DeviceInvitation>(),
            Err(TextError::OtherKind { expected })
        );
        let cut = &text[..text.len() - 3];
        assert_eq!(cut.parse::<DeviceInvitation>(), Err(TextError::Mistyped));
    }

    #[test]
    fn a_device_that_agreed_is_read_and_any_other_is_refused_by_its_own_word() {
        let (one, other) = (own(8), own(9));
        let person = invitation().person;
        let agreed = member(&one, &one, person);
        let read = request(id(&one), &agreed).device();
        assert_eq!(read, Ok((id(&one), agreed.clone())));

        let named = request(id(&other), &agreed).device();
        assert_eq!(named, Err(DeviceRequestError::OtherDevice));
        let forged = request(id(&one), &member(&one, &other, person)).device();
        assert_eq!(forged, Err(DeviceRequestError::NotAgreed));
        let elsewhere = request(id(&one), &member(&one, &one, SpaceId([9; 32]))).device();
        assert_eq!(elsewhere, Err(DeviceRequestError::NotAgreed));
        let space = Member::Space {
            id: SpaceId([9; 32]),
        };
        let none = request(id(&one), &space).device();
        assert_eq!(none, Err(DeviceRequestError::NoDevice));
        let two = vec![codec::encode(&agreed), codec::encode(&agreed)];
        let text = invitation().as_invitation();
        let two = JoinRequest::sign(&text, SpaceId(id(&one).0), two, Vec::new()).unwrap();
        assert_eq!(two.device(), Err(DeviceRequestError::NoDevice));
    }
}
