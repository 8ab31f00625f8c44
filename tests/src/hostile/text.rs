//! What somebody types or scans: claims, invitations, papers, shares, fingerprints.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::crypto::hash::hash;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::wire::claim::{Claim, InvitationText};
use nahtlos_protocol::wire::device::DeviceInvitation;
use nahtlos_protocol::wire::paper::PaperText;
use nahtlos_protocol::wire::share::ShareText;

/// The bytes as text, and as the body of a text whose checksum is right.
pub fn texts(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        read_back::<Claim>(text);
        read_back::<InvitationText>(text);
        read_back::<DeviceInvitation>(text);
        read_back::<PaperText>(text);
        read_back::<ShareText>(text);
        read_back::<Fingerprint>(text);
        if let Some(id) = SpaceId::from_hex(text) {
            assert_eq!(id.to_string(), text);
        }
    }
    read_back::<Claim>(&checked("nahtlos-claim-", bytes));
    read_back::<InvitationText>(&checked("nahtlos-invite-", bytes));
    read_back::<DeviceInvitation>(&checked("nahtlos-device-", bytes));
    read_back::<PaperText>(&checked("nahtlos-paper-", bytes));
    read_back::<ShareText>(&checked("nahtlos-share-", bytes));
}

/// What is read is written again so that it reads the same.
fn read_back<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let again = value.to_string().parse::<T>().ok();
        assert_eq!(again.as_ref(), Some(&value), "written, it reads otherwise");
    }
}

fn checked(prefix: &str, bytes: &[u8]) -> String {
    let checksum = hash(prefix.as_bytes(), &[bytes]);
    let body = [bytes, &checksum[..4]].concat();
    format!("{prefix}{}", BASE32_NOPAD.encode(&body).to_lowercase())
}
