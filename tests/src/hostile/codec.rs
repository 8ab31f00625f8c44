//! Operations and envelopes, and what holds for every form: whatever is accepted is the one
//! deterministic encoding of its value.

use minicbor::{Decode, Encode};
use nahtlos_protocol::codec;
use nahtlos_protocol::envelope::{Envelope, Header};
use nahtlos_protocol::limits;
use nahtlos_protocol::space::{Effect, Operation, SignedOperation};

use super::fixture;

/// Decodes; what is accepted encodes to exactly these bytes, by our encoder and by the rules.
pub fn canonical<T>(bytes: &[u8], limit: usize) -> Option<T>
where
    T: for<'b> Decode<'b, ()> + Encode<()>,
{
    let value: T = codec::decode(bytes, limit).ok()?;
    assert!(bytes.len() <= limit, "longer than its limit");
    assert_eq!(
        codec::encode(&value),
        bytes,
        "another encoding was accepted"
    );
    assert!(
        is_deterministic(bytes),
        "accepted, but not deterministic CBOR"
    );
    Some(value)
}

pub fn operation(bytes: &[u8]) {
    let _unreadable = SignedOperation::space_of_unreadable(bytes);
    let Ok(signed) = SignedOperation::decode(bytes) else {
        return;
    };
    assert_eq!(signed.bytes(), bytes);
    assert!(is_deterministic(bytes));
    within_limits(signed.operation());
    assert_eq!(signed.head().operation, signed.id());
    assert!(!signed.is_signed_by(&fixture::signing(0).verifying_key()) || signed_here(bytes));
}

/// The corpus holds operations of the fixture's keys; a changed one must not verify.
fn signed_here(bytes: &[u8]) -> bool {
    let signed = SignedOperation::decode(bytes).expect("decoded before");
    let again = SignedOperation::sign(signed.operation().clone(), &fixture::signing(0));
    again.bytes() == bytes
}

pub fn operation_body(bytes: &[u8]) {
    let _effect = canonical::<Effect>(bytes, limits::OPERATION_BYTES_MAX);
    let Some(operation) = canonical::<Operation>(bytes, limits::OPERATION_BYTES_MAX) else {
        return;
    };
    // What somebody admitted can make of it: signed, offered, replayed as a founding operation.
    let signed = SignedOperation::sign(operation, &fixture::signing(0));
    if let Ok(decoded) = SignedOperation::decode(signed.bytes()) {
        assert_eq!(decoded, signed);
        within_limits(decoded.operation());
    }
    fixture::replay_alone(&signed);
}

fn within_limits(operation: &Operation) {
    assert!(operation.effects.len() <= limits::EFFECTS_MAX);
    assert!(operation.references.len() <= limits::REFERENCES_MAX);
    for effect in &operation.effects {
        if let Effect::Epoch { recipients, .. } | Effect::Wrap { recipients, .. } = effect {
            assert!(recipients.len() <= limits::RECIPIENTS_MAX);
        }
    }
}

pub fn envelope(bytes: &[u8]) {
    let Ok(envelope) = Envelope::decode(bytes) else {
        return;
    };
    assert_eq!(envelope.bytes(), bytes);
    assert!(is_deterministic(bytes));
    header_holds(envelope.header());
    let _verdict = envelope.verify(&fixture::signing(0).verifying_key());
    let _opened = envelope.open(&fixture::epoch());
}

pub fn header(bytes: &[u8]) {
    canonical::<Header>(bytes, limits::ENVELOPE_HEADER_BYTES_MAX);
    // As it comes in: within an envelope, whose form says nothing about it.
    let whole = fixture::envelope_around(bytes);
    if let Ok(envelope) = Envelope::decode(&whole) {
        assert_eq!(codec::encode(envelope.header()), bytes);
        header_holds(envelope.header());
    }
}

fn header_holds(header: &Header) {
    assert!(header.parents.len() <= limits::PARENTS_MAX);
    assert!(header.access_heads.len() <= limits::REFERENCES_MAX);
    assert!(header.parents.is_sorted_by(|left, right| left < right));
    assert!(
        header
            .access_heads
            .is_sorted_by(|left, right| left.space < right.space)
    );
    assert!(header.author_sequence > 0);
}

/// RFC 8949 §4.2 without our codec: one item, definite lengths, shortest integers. Maps, tags and
/// floating point numbers occur in no form of ours.
pub fn is_deterministic(bytes: &[u8]) -> bool {
    let (mut rest, mut waiting) = (bytes, 1u64);
    while waiting > 0 {
        let Some((argument, major, after)) = head(rest) else {
            return false;
        };
        waiting -= 1;
        rest = after;
        match major {
            0 | 1 => {}
            2 | 3 => match usize::try_from(argument)
                .ok()
                .and_then(|length| rest.split_at_checked(length))
            {
                Some((_, after)) => rest = after,
                None => return false,
            },
            4 => waiting = waiting.saturating_add(argument),
            7 if (20..=22).contains(&argument) => {}
            _ => return false,
        }
    }
    rest.is_empty()
}

/// Argument and major type of the first item, and what follows its head.
fn head(bytes: &[u8]) -> Option<(u64, u8, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (major, short) = (first >> 5, first & 0x1f);
    let (argument, minimum, rest) = match short {
        0..24 => return Some((u64::from(short), major, rest)),
        24 => {
            let (number, rest) = rest.split_first()?;
            (u64::from(*number), 24, rest)
        }
        25 => {
            let (number, rest) = rest.split_first_chunk()?;
            (u64::from(u16::from_be_bytes(*number)), 1 << 8, rest)
        }
        26 => {
            let (number, rest) = rest.split_first_chunk()?;
            (u64::from(u32::from_be_bytes(*number)), 1 << 16, rest)
        }
        27 => {
            let (number, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(*number), 1 << 32, rest)
        }
        _ => return None,
    };
    (argument >= minimum && major != 7).then_some((argument, major, rest))
}
