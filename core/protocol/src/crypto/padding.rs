//! Padding that hides how long a payload is.
//!
//! Layout: payload length (u32, little-endian) ‖ payload ‖ zero bytes. The total is the next
//! multiple of 256 up to 4,096 bytes, and a Padmé length above: Padmé leaks O(log log length) bits
//! and costs at most 12 %, here less than 6.3 % (Nikitin et al., "Reducing Metadata Leakage from
//! Encrypted Files and Communication with PURBs", PoPETs 2019, §4; <https://lbarman.ch/blog/padme/>).

use thiserror::Error;

/// Bytes of the length before the payload.
pub const LENGTH_BYTES: usize = 4;
/// Totals up to [`SMALL_TOTAL_BYTES`] are multiples of this.
pub const STEP_BYTES: usize = 256;
/// Largest total that is padded in steps; above, Padmé applies.
pub const SMALL_TOTAL_BYTES: usize = 4096;
/// Largest payload that can be padded, 1 GiB. The limits of the protocol are far below.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 30;

/// Pads a payload.
///
/// # Errors
/// [`PaddingError::TooLong`] above [`MAX_PAYLOAD_BYTES`].
pub fn pad(payload: &[u8]) -> Result<Vec<u8>, PaddingError> {
    pad_reserving(payload, 0)
}

/// Reads the payload out of padded bytes.
///
/// # Errors
/// [`PaddingError`] unless the bytes are exactly what [`pad`] makes of the payload.
pub fn unpad(padded: &[u8]) -> Result<&[u8], PaddingError> {
    let (length, rest) = padded
        .split_first_chunk::<LENGTH_BYTES>()
        .ok_or(PaddingError::Length)?;
    let payload_bytes =
        usize::try_from(u32::from_le_bytes(*length)).map_err(|_| PaddingError::Length)?;
    if padded_length(payload_bytes) != Some(padded.len()) {
        return Err(PaddingError::Length);
    }
    let (payload, filling) = rest
        .split_at_checked(payload_bytes)
        .ok_or(PaddingError::Length)?;
    if filling.iter().any(|byte| *byte != 0) {
        return Err(PaddingError::Filling);
    }
    Ok(payload)
}

/// Total bytes that a payload of `payload_bytes` is padded to; `None` above
/// [`MAX_PAYLOAD_BYTES`].
#[must_use]
pub fn padded_length(payload_bytes: usize) -> Option<usize> {
    if payload_bytes > MAX_PAYLOAD_BYTES {
        return None;
    }
    let total = payload_bytes + LENGTH_BYTES;
    if total <= SMALL_TOTAL_BYTES {
        return Some(total.next_multiple_of(STEP_BYTES));
    }
    let exponent = total.ilog2();
    let significant_bits = exponent.ilog2() + 1;
    let mask = (1_usize << (exponent - significant_bits)) - 1;
    Some((total + mask) & !mask)
}

/// Why bytes cannot be padded or are not padded bytes.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum PaddingError {
    /// The payload exceeds [`MAX_PAYLOAD_BYTES`].
    #[error("the payload exceeds 1 GiB")]
    TooLong,
    /// The length before the payload does not belong to the total.
    #[error("the padded length does not fit the payload's length")]
    Length,
    /// A byte after the payload is not zero.
    #[error("a padding byte is not zero")]
    Filling,
}

/// [`pad`] into a vector that can grow by `spare_bytes` without moving: a moved vector would leave
/// a copy of the payload behind in freed memory.
pub(crate) fn pad_reserving(payload: &[u8], spare_bytes: usize) -> Result<Vec<u8>, PaddingError> {
    let total = padded_length(payload.len()).ok_or(PaddingError::TooLong)?;
    let length = u32::try_from(payload.len()).map_err(|_| PaddingError::TooLong)?;
    let mut padded = Vec::with_capacity(total + spare_bytes);
    padded.extend_from_slice(&length.to_le_bytes());
    padded.extend_from_slice(payload);
    padded.resize(total, 0);
    Ok(padded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_payloads_share_the_same_lengths() {
        for (payload_bytes, total) in [
            (0, 256),
            (252, 256),
            (253, 512),
            (4092, 4096),
            (4093, 4352),
            (8188, 8192),
            (8189, 8704),
            (1_000_000, 1_015_808),
        ] {
            assert_eq!(padded_length(payload_bytes), Some(total), "{payload_bytes}");
        }
    }

    #[test]
    fn a_payload_above_the_limit_has_no_padded_length() {
        assert!(padded_length(MAX_PAYLOAD_BYTES).is_some());
        assert_eq!(padded_length(MAX_PAYLOAD_BYTES + 1), None);
        assert_eq!(padded_length(usize::MAX), None);
    }

    #[test]
    fn bytes_without_a_fitting_length_are_refused() {
        let padded = pad(&[1; 300]).unwrap();
        assert_eq!(unpad(&padded), Ok([1; 300].as_slice()));
        for wrong in [
            &[][..],
            &[0; 3][..],
            &[0; 4][..],
            &[0xff; 256][..],
            &padded[..256],
            &padded[..511],
            &[padded.as_slice(), &[0; 256]].concat(),
        ] {
            assert_eq!(unpad(wrong), Err(PaddingError::Length));
        }
    }

    #[test]
    fn a_padding_byte_that_is_not_zero_is_refused() {
        let padded = pad(&[1; 250]).unwrap();
        for position in 254..256 {
            let mut wrong = padded.clone();
            wrong[position] = 1;
            assert_eq!(unpad(&wrong), Err(PaddingError::Filling));
        }
    }

    proptest! {
        #[test]
        fn a_padded_payload_comes_back(payload in proptest::collection::vec(any::<u8>(), 0..9000)) {
            let padded = pad(&payload).unwrap();
            prop_assert_eq!(Some(padded.len()), padded_length(payload.len()));
            prop_assert_eq!(unpad(&padded), Ok(payload.as_slice()));
        }

        #[test]
        fn a_padded_length_is_stable_grows_and_costs_at_most_12_percent(
            payload_bytes in 0..=MAX_PAYLOAD_BYTES - 1,
        ) {
            let total = padded_length(payload_bytes).unwrap();
            prop_assert!(total >= payload_bytes + LENGTH_BYTES);
            prop_assert!(total <= padded_length(payload_bytes + 1).unwrap());
            if total < MAX_PAYLOAD_BYTES {
                prop_assert_eq!(padded_length(total - LENGTH_BYTES), Some(total));
            }
            if payload_bytes + LENGTH_BYTES > SMALL_TOTAL_BYTES {
                let overhead = total - payload_bytes - LENGTH_BYTES;
                prop_assert!(overhead * 100 <= 12 * (payload_bytes + LENGTH_BYTES));
            } else {
                prop_assert_eq!(total % STEP_BYTES, 0);
            }
        }

        #[test]
        fn no_bytes_make_unpad_panic(
            length in any::<u32>(),
            rest in proptest::collection::vec(any::<u8>(), 0..600),
        ) {
            let bytes = [length.to_le_bytes().as_slice(), &rest].concat();
            if let Ok(payload) = unpad(&bytes) {
                prop_assert_eq!(pad(payload).unwrap(), bytes);
            }
        }
    }
}
