//! Identifiers. All are fixed-length byte strings: hashes of what they name (so they certify
//! themselves) or random. To an outsider every one of them is random.

use data_encoding::HEXLOWER;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// Length in bytes.
            pub const BYTES: usize = $length;

            /// The raw bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// Reads an id of exactly the right length.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// Reads the lower-case hexadecimal form that [`std::fmt::Display`] writes.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                Self::from_slice(&HEXLOWER.decode(text.as_bytes()).ok()?)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let hex = HEXLOWER.encode(&self.0);
                write!(formatter, "{}({}…)", stringify!($name), hex.get(..8).unwrap_or(&hex))
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                encoder: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                encoder.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                decoder: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                Self::from_slice(decoder.bytes()?)
                    .ok_or_else(|| minicbor::decode::Error::message("identifier of a wrong length"))
            }
        }
    };
}

identifier!(
    /// SHA-256("nahtlos/v1/device\0" ‖ Ed25519 public key ‖ X-Wing public key).
    DeviceId, 32
);
identifier!(
    /// Hash of a space's create operation.
    SpaceId, 32
);
identifier!(
    /// Hash of a signed operation's exact bytes.
    OperationId, 32
);
identifier!(
    /// Hash of an envelope's exact bytes.
    EnvelopeId, 32
);
identifier!(
    /// Names an epoch and commits to its seed.
    KeyId, 32
);
identifier!(
    /// Hash of one wrap's exact bytes; the epoch's operation signs it.
    WrapHash, 32
);
identifier!(
    /// Who a wrap is for: a device or a member space.
    RecipientId, 32
);
identifier!(
    /// Random; names one grant within its space.
    GrantId, 16
);
identifier!(
    /// Random; names one life of a relay's journal. A restored relay starts a new one.
    JournalId, 16
);
identifier!(
    /// Hash of any item of the journal, as its own type computes it.
    ItemId, 32
);
identifier!(
    /// Ed25519 public key of a one-time invitation or claim; also its identity.
    InvitationId, 32
);

impl From<DeviceId> for RecipientId {
    fn from(id: DeviceId) -> Self {
        Self(id.0)
    }
}
impl From<SpaceId> for RecipientId {
    fn from(id: SpaceId) -> Self {
        Self(id.0)
    }
}
impl From<OperationId> for ItemId {
    fn from(id: OperationId) -> Self {
        Self(id.0)
    }
}
impl From<EnvelopeId> for ItemId {
    fn from(id: EnvelopeId) -> Self {
        Self(id.0)
    }
}
identifier!(
    /// An Ed25519 signature as bytes (RFC 8032).
    SignatureBytes, 64
);
identifier!(
    /// An Ed25519 public key as bytes; parsed and checked before it verifies anything.
    VerifyingKeyBytes, 32
);
identifier!(
    /// Random bytes that make a founding operation unique.
    Nonce, 16
);
