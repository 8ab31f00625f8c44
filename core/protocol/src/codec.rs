//! Deterministic CBOR (RFC 8949 §4.2): definite lengths, shortest integers, structs as arrays in
//! field order, enums as `[variant, [fields…]]`, ids and blobs as byte strings.
//!
//! A decoder here accepts exactly what the encoder writes: decoding is followed by a comparison
//! with the re-encoding. What is *signed or hashed* is always the bytes as received; the
//! comparison only refuses forms that a second implementation might read differently.

use minicbor::{Decode, Encode};

/// Why bytes are not a value of the expected form.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum CodecError {
    /// Longer than the limit for its form; nothing was decoded.
    #[error("{found} bytes, the limit is {limit}")]
    TooLong {
        /// Bytes found.
        found: usize,
        /// Limit for this form.
        limit: usize,
    },
    /// Not the expected CBOR form.
    #[error("not a valid encoding: {reason}")]
    Malformed {
        /// What the decoder said.
        reason: String,
    },
    /// More elements than an array of its form may have; they were not read.
    #[error("more elements than allowed")]
    TooMany,
    /// A variant this version does not know: a newer program wrote it.
    #[error("written by a newer version")]
    UnknownVariant,
    /// Decodes, but is not the one deterministic encoding of its value (or has unknown fields).
    #[error("not the deterministic encoding")]
    NotCanonical,
}

/// Encodes a value deterministically.
#[must_use]
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a Vec cannot fail and no type here has a failing encoder.
    let _infallible = minicbor::encode(value, &mut bytes);
    bytes
}

/// Decodes a value of at most `limit` bytes, refusing everything but its deterministic encoding.
///
/// # Errors
/// [`CodecError`] as its variants say.
pub fn decode<T>(bytes: &[u8], limit: usize) -> Result<T, CodecError>
where
    T: for<'b> Decode<'b, ()> + Encode<()>,
{
    if bytes.len() > limit {
        return Err(CodecError::TooLong {
            found: bytes.len(),
            limit,
        });
    }
    let value: T = minicbor::decode(bytes).map_err(|error| {
        if error.is_unknown_variant() {
            CodecError::UnknownVariant
        } else if error.is_custom() {
            CodecError::TooMany
        } else {
            CodecError::Malformed {
                reason: error.to_string(),
            }
        }
    })?;
    if encode(&value) == bytes {
        Ok(value)
    } else {
        Err(CodecError::NotCanonical)
    }
}

/// The one custom error of our decoders.
#[derive(Debug, thiserror::Error)]
#[error("more elements than allowed")]
struct TooMany;

/// Decodes an array of at most `MAX` elements: for `#[cbor(decode_with)]`. The count is checked
/// before anything is allocated, since a byte or two can announce an element of a hundred.
pub(crate) fn bounded<'b, C, T, const MAX: usize>(
    decoder: &mut minicbor::Decoder<'b>,
    context: &mut C,
) -> Result<Vec<T>, minicbor::decode::Error>
where
    T: Decode<'b, C>,
{
    let announced = decoder
        .array()?
        .and_then(|count| usize::try_from(count).ok());
    let count = announced
        .filter(|count| *count <= MAX)
        .ok_or_else(|| minicbor::decode::Error::custom(TooMany))?;
    let mut elements = Vec::with_capacity(count.min(1024));
    for _ in 0..count {
        elements.push(decoder.decode_with(context)?);
    }
    Ok(elements)
}

/// Reads the first two fields, version and suite, before anything else: what follows them may be of
/// a form this program does not know.
pub(crate) fn prologue(bytes: &[u8]) -> Result<(u8, u8), CodecError> {
    let malformed = |error: minicbor::decode::Error| CodecError::Malformed {
        reason: error.to_string(),
    };
    let mut decoder = minicbor::Decoder::new(bytes);
    decoder.array().map_err(malformed)?;
    let version = decoder.u8().map_err(malformed)?;
    let suite = decoder.u8().map_err(malformed)?;
    Ok((version, suite))
}

/// Implements CBOR for a fieldless enum with stable numbers, refusing unknown ones.
macro_rules! numbered_enum {
    ($name:ident { $($variant:ident = $number:literal),+ $(,)? }) => {
        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                encoder: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                encoder.u8(match self { $(Self::$variant => $number),+ })?.ok()
            }
        }
        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                decoder: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                match decoder.u8()? {
                    $($number => Ok(Self::$variant),)+
                    other => Err(minicbor::decode::Error::unknown_variant(i64::from(other))),
                }
            }
        }
    };
}
pub(crate) use numbered_enum;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_round_trips_and_every_other_encoding_of_it_is_refused() {
        let bytes = encode(&(7u64, true));
        assert_eq!(decode::<(u64, bool)>(&bytes, 100).unwrap(), (7, true));
        // 7 as a two-byte integer: the same value, another encoding.
        let longer = [0x82, 0x18, 0x07, 0xf5];
        assert_eq!(
            decode::<(u64, bool)>(&longer, 100),
            Err(CodecError::NotCanonical)
        );
        let mut trailing = bytes.clone();
        trailing.push(0);
        assert_eq!(
            decode::<(u64, bool)>(&trailing, 100),
            Err(CodecError::NotCanonical)
        );
        assert!(matches!(
            decode::<(u64, bool)>(&bytes[..2], 100),
            Err(CodecError::Malformed { .. })
        ));
        assert!(matches!(
            decode::<(u64, bool)>(&bytes, 1),
            Err(CodecError::TooLong { .. })
        ));
    }
}
