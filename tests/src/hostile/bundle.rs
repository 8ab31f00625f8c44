//! Bundle files and requests for them, as somebody hands them over.

use nahtlos_client::bundle::BundleRequest;
use nahtlos_client::untrusted as read;
use nahtlos_protocol::limits::{BUNDLE_KEYS_MAX, BUNDLE_PART_BYTES_MAX, REQUEST_ENVELOPES_MAX};
use nahtlos_protocol::wire::bundle::{BundleHead, BundleItem, KnownEnvelopes, RequestHead};

use super::codec::canonical;

/// The bytes as a file, as one part, and as parts with their lengths, in a file whose digest is right.
pub fn files(bytes: &[u8]) {
    if let Ok(parts) = read::bundle_parts(bytes) {
        assert_eq!(
            read::bundle_of(&parts),
            bytes,
            "written, it reads otherwise"
        );
    }
    if let Ok(parts) = read::request_parts(bytes) {
        assert_eq!(
            read::request_of(&parts),
            bytes,
            "written, it reads otherwise"
        );
    }
    one_part(bytes);
    let parts = split(bytes);
    assert_eq!(
        read::bundle_parts(&read::bundle_of(&parts)),
        Ok(parts.clone())
    );
    if let Ok(request) = BundleRequest::read(read::request_of(&parts).as_slice()) {
        assert!(!format!("{request:?}").is_empty());
    }
}

fn one_part(bytes: &[u8]) {
    if let Some(head) = canonical::<BundleHead>(bytes, BUNDLE_PART_BYTES_MAX) {
        assert!(head.keys.len() <= BUNDLE_KEYS_MAX);
    }
    let _head = canonical::<RequestHead>(bytes, BUNDLE_PART_BYTES_MAX);
    if let Some(known) = canonical::<KnownEnvelopes>(bytes, BUNDLE_PART_BYTES_MAX) {
        assert!(known.ids.len() <= REQUEST_ENVELOPES_MAX);
    }
    if let Some(item) = canonical::<BundleItem>(bytes, BUNDLE_PART_BYTES_MAX) {
        super::codec::operation(&item.bytes);
        super::codec::envelope(&item.bytes);
    }
}

/// Each with its length (u16, big-endian) before it; empty ones are left out.
fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut parts, mut rest) = (Vec::new(), bytes);
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (part, after) = after.split_at(length);
        if !part.is_empty() {
            parts.push(part.to_vec());
        }
        rest = after;
    }
    parts
}
