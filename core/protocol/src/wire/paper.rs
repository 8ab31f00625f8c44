//! What stands on a person's paper beside its 24 words: where the network is that the words open, and
//! whose words they are. It is no secret, and opens nothing.

use minicbor::{Decode, Encode};

use super::claim::{TEXT_BYTES_MAX, TextError, read_text, to_text};
use crate::codec;
use crate::crypto::fingerprint::Fingerprint;
use crate::identifier::{SpaceId, VerifyingKeyBytes};

const PAPER_PREFIX: &str = "nahtlos-paper-";

/// The text of a paper device, as one line. It is short enough to be typed from paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaperText {
    /// Where the relay is reached.
    pub url: String,
    /// The relay's signing key.
    pub relay: VerifyingKeyBytes,
    /// The network.
    pub network: SpaceId,
    /// Of the device that the words make: a wrong word, or another paper's, is known before anything is
    /// sent.
    pub device: Fingerprint,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct PaperBody {
    #[n(0)]
    version: u8,
    #[n(1)]
    url: String,
    #[n(2)]
    relay: VerifyingKeyBytes,
    #[n(3)]
    network: SpaceId,
    #[cbor(n(4), with = "minicbor::bytes")]
    device: [u8; Fingerprint::BYTES],
}

impl std::fmt::Display for PaperText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body = PaperBody {
            version: 1,
            url: self.url.clone(),
            relay: self.relay,
            network: self.network,
            device: self.device.to_bytes(),
        };
        formatter.write_str(&to_text(PAPER_PREFIX, &codec::encode(&body)))
    }
}

impl std::str::FromStr for PaperText {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let body: PaperBody = read_text(PAPER_PREFIX, text, TEXT_BYTES_MAX)?;
        Ok(Self {
            url: body.url,
            relay: body.relay,
            network: body.network,
            device: Fingerprint::from_bytes(body.device),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paper() -> PaperText {
        PaperText {
            url: "https://relay.example".into(),
            relay: VerifyingKeyBytes([1; 32]),
            network: SpaceId([2; 32]),
            device: Fingerprint::of(&[3; 32]),
        }
    }

    /// PROTOCOL §27.
    #[test]
    fn the_text_of_a_paper_is_as_it_was() {
        assert_eq!(paper().to_string(), TEXT);
        assert_eq!(TEXT.parse::<PaperText>(), Ok(paper()));
    }

    #[test]
    fn a_text_typed_with_gaps_is_read_and_a_mistyped_or_another_one_is_refused() {
        let text = paper().to_string();
        let typed = format!(" {}\n{} ", &text[..30].to_uppercase(), &text[30..]);
        assert_eq!(typed.parse::<PaperText>(), Ok(paper()));
        let cut = &text[..text.len() - 2];
        assert_eq!(cut.parse::<PaperText>(), Err(TextError::Mistyped));
        let other = text.replace(PAPER_PREFIX, "nahtlos-device-");
        let expected = PAPER_PREFIX;
        assert_eq!(
            other.parse::<PaperText>(),
            Err(TextError::OtherKind { expected })
        );
    }

    const TEXT: &str = concat!(
        "nahtlos-paper-quaxk2duoryhgorpf5zgk3dbpexgk6dbnvygyzkyeaaqcaibaeaqcaibaeaqcaibae",
        "aqcaibaeaqcaibaeaqcaibaeaqcwbaaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcai",
        "beuaydambqgaydambqghpybk4q",
    );
}
