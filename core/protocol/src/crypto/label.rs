//! Domain labels: one for each type of object, in every hash, signature, HKDF and HPKE info.
//!
//! All begin with `nahtlos/v1/` and end in a zero byte, which occurs nowhere else in them: so no
//! label is a prefix of another, and nothing that follows a label can turn it into another one.
//! A label never changes its meaning; a changed object gets a new label.

/// Declares the labels and the list of all of them, so that the test cannot miss one.
macro_rules! labels {
    ($($(#[$documentation:meta])* $name:ident = $text:literal;)+) => {
        $($(#[$documentation])* pub const $name: &[u8] = concat!("nahtlos/v1/", $text, "\0").as_bytes();)+

        /// Every label, in the order of declaration.
        pub const ALL: &[&[u8]] = &[$($name),+];
    };
}

labels! {
    /// Hash: a device id over its two public keys.
    DEVICE = "device";
    /// HKDF: a device's Ed25519 seed from its master seed.
    DEVICE_SIGN = "device/sign";
    /// HKDF: a device's X-Wing seed from its master seed.
    DEVICE_KEM = "device/kem";

    /// Hash: an epoch's key id, which commits to its seed.
    KEY_ID = "key-id";
    /// HKDF: an epoch's X-Wing seed, for wraps from the spaces above.
    EPOCH_KEM = "epoch/kem";
    /// HKDF: an epoch's content key, under which envelopes are sealed.
    EPOCH_CONTENT = "epoch/content";
    /// HKDF: an epoch's history key, under which the previous seed is sealed.
    EPOCH_HISTORY = "epoch/history";
    /// HKDF: an epoch's wrap key, for symmetric wraps by its own holders.
    EPOCH_WRAP = "epoch/wrap";
    /// HKDF: an epoch's label key, for small metadata in the log.
    EPOCH_LABEL = "epoch/label";

    /// HPKE info: an epoch seed wrapped to an X-Wing key.
    WRAP_HYBRID = "wrap/hybrid";
    /// HKDF: the one-time key of a symmetric wrap.
    WRAP_SYMMETRIC = "wrap/symmetric";
    /// Hash: a wrap's bytes, which the epoch's operation signs.
    WRAP_HASH = "wrap/hash";
    /// HKDF: the one-time key of a history link.
    HISTORY_LINK = "history-link";
    /// HKDF: key, nonce and commitment of sealed metadata.
    SEALED_LABEL = "sealed-label";

    /// Hash: a space id over its create operation.
    SPACE = "space";
    /// Hash: an operation's id over its signed bytes.
    OPERATION = "operation";
    /// Signature: an operation by its author.
    OPERATION_SIGN = "operation/sign";
    /// Signature: a device countersigns its own admission.
    ADMISSION_SIGN = "admission/sign";
    /// Signature: a one-time claim key.
    CLAIM_SIGN = "claim/sign";
    /// Signature: a one-time invitation key.
    INVITATION_SIGN = "invitation/sign";

    /// Hash: an envelope's id over its bytes.
    ENVELOPE = "envelope";
    /// Signature: an envelope by its author.
    ENVELOPE_SIGN = "envelope/sign";
    /// HKDF: key, nonce and commitment of a batch of changes.
    ENVELOPE_CHANGES = "envelope/changes";
    /// HKDF: key, nonce and commitment of a snapshot.
    ENVELOPE_SNAPSHOT = "envelope/snapshot";
    /// HKDF: key, nonce and commitment of a chunk of a file.
    ENVELOPE_BLOB = "envelope/blob";
    /// HKDF: key, nonce and commitment of an attest of a snapshot.
    ENVELOPE_ATTEST = "envelope/attest";
    /// HKDF label of an envelope that disputes a snapshot.
    ENVELOPE_DISPUTE = "envelope/dispute";
    /// HKDF: key, nonce and commitment of an envelope that says a copy was erased.
    ENVELOPE_ERASURE = "envelope/erasure";
    /// Hash: a case id over the institution that opened it and a nonce.
    CASE = "case";
    /// Hash: an automerge actor over space, device and run nonce.
    ACTOR = "actor";
    /// Signature: a statement, by the device that recorded it (§30).
    STATEMENT_SIGN = "statement/sign";

    /// Hash: an entry of the relay's journal, chained to the one before.
    JOURNAL = "journal";
    /// Hash: a leaf of a receipt's Merkle tree.
    RECEIPT_LEAF = "receipt/leaf";
    /// Hash: an inner node of a receipt's Merkle tree.
    RECEIPT_NODE = "receipt/node";
    /// Hash: a join request's id over its bytes.
    JOIN = "join";
    /// Signature: a join request by its invitation's one-time key.
    JOIN_SIGN = "join/sign";
    /// Hash: what is published of a custodian's share of a recovery key.
    RECOVERY_SHARE = "recovery/share";
    /// HKDF: the key under which a newcomer introduces themselves to who invited them.
    INTRODUCTION = "introduction";
    /// Signature: the relay's receipt for a batch of items it took in.
    RECEIPT_SIGN = "receipt/sign";
    /// Signature: the relay's statement of a journal's or log's head.
    HEAD_SIGN = "head/sign";
    /// Signature: a device's request to a relay.
    REQUEST_SIGN = "request/sign";
    /// Hash: the results in the relay's answer to a request.
    RESULTS = "results";
    /// Signature: the relay's answer to a request.
    RESPONSE_SIGN = "response/sign";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_has_the_prefix_and_one_zero_byte_at_its_end() {
        for label in ALL {
            assert!(label.starts_with(b"nahtlos/v1/"));
            assert_eq!(
                label.iter().position(|byte| *byte == 0),
                Some(label.len() - 1)
            );
        }
    }

    #[test]
    fn no_label_is_another_or_its_prefix() {
        for (position, label) in ALL.iter().enumerate() {
            for (other_position, other) in ALL.iter().enumerate() {
                assert_eq!(
                    other.starts_with(label),
                    position == other_position,
                    "{label:?} {other:?}"
                );
            }
        }
    }
}
