//! A custodian's share of an institution's recovery key on its way to whoever carries a recovery out:
//! one line of text that only that person's devices open.

use minicbor::{Decode, Encode};

use super::claim::{TextError, read_text, to_text};
use crate::codec;
use crate::identifier::SpaceId;
use crate::space::Wrap;

const SHARE_PREFIX: &str = "nahtlos-share-";
/// Bytes of a text: wraps for as many devices as a person has.
const BYTES_MAX: usize = 64 * 1024;

/// A sealed share, as one line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareText {
    /// The set it belongs to: the recovery person.
    pub set: SpaceId,
    /// Which of the set, from 1.
    pub index: u8,
    /// The share, wrapped to each device of the person it is for.
    pub sealed: Vec<Wrap>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct ShareBody {
    #[n(0)]
    version: u8,
    #[n(1)]
    set: SpaceId,
    #[n(2)]
    index: u8,
    #[n(3)]
    sealed: Vec<Wrap>,
}

impl std::fmt::Display for ShareText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = ShareBody {
            version: 1,
            set: self.set,
            index: self.index,
            sealed: self.sealed.clone(),
        };
        formatter.write_str(&to_text(SHARE_PREFIX, &codec::encode(&body)))
    }
}

impl std::str::FromStr for ShareText {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let body: ShareBody = read_text(SHARE_PREFIX, text, BYTES_MAX)?;
        Ok(Self {
            set: body.set,
            index: body.index,
            sealed: body.sealed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::RecipientId;

    fn share() -> ShareText {
        ShareText {
            set: SpaceId([1; 32]),
            index: 2,
            sealed: vec![Wrap {
                recipient: RecipientId([3; 32]),
                bytes: vec![4; 1168],
            }],
        }
    }

    /// PROTOCOL §21: prefix, CBOR array of four, then the checksum.
    #[test]
    fn a_share_survives_being_copied_and_a_mistyped_or_foreign_text_is_refused() {
        let text = share().to_string();
        assert!(text.starts_with("nahtlos-share-qqavqiabaeaqcaib"), "{text}");
        let copied = format!(" {}\n{} ", &text[..40].to_uppercase(), &text[40..]);
        assert_eq!(copied.parse::<ShareText>(), Ok(share()));
        let cut = &text[..text.len() - 2];
        assert_eq!(cut.parse::<ShareText>(), Err(TextError::Mistyped));
        let other = text.replace(SHARE_PREFIX, "nahtlos-paper-");
        let expected = SHARE_PREFIX;
        assert_eq!(
            other.parse::<ShareText>(),
            Err(TextError::OtherKind { expected })
        );
    }
}
