//! Decoded objects as JSON, field by field, for whoever compares another implementation.

use nahtlos_protocol::envelope::Header;
use nahtlos_protocol::space::Wrap;
use nahtlos_protocol::space::effect::{DeviceKeys, HealedOperation, InvitationProof};
use nahtlos_protocol::space::{Effect, LogHead, Member, Operation, Recipient};
use nahtlos_protocol::wire::sync::{Item, ItemResult};
use nahtlos_protocol::wire::{JournalMark, Receipt};
use serde_json::{Value, json};

use crate::support::hex;
use crate::words::{kind_word, role_word};

fn optional<T>(value: Option<&T>, show: impl Fn(&T) -> Value) -> Value {
    value.map_or(Value::Null, show)
}

fn opaque(bytes: Option<&Vec<u8>>) -> Value {
    optional(bytes, |bytes| json!(hex(bytes)))
}

fn list<T>(values: &[T], show: impl Fn(&T) -> Value) -> Value {
    values.iter().map(show).collect()
}

pub fn operation(operation: &Operation) -> Value {
    json!({
        "version": operation.version,
        "suite": operation.suite,
        "space": optional(operation.space.as_ref(), |id| json!(id.to_string())),
        "index": operation.index,
        "previous": optional(operation.previous.as_ref(), |id| json!(id.to_string())),
        "author": operation.author.to_string(),
        "claimed_at_ms": operation.claimed_at_ms,
        "references": list(&operation.references, head),
        "effects": list(&operation.effects, effect),
    })
}

pub fn head(head: &LogHead) -> Value {
    json!({
        "space": head.space.to_string(),
        "index": head.index,
        "operation": head.operation.to_string(),
    })
}

pub fn effect(effect: &Effect) -> Value {
    let (name, fields) = match effect {
        Effect::Create { .. } | Effect::Add { .. } => additions(effect),
        Effect::Wrap { .. }
        | Effect::Link { .. }
        | Effect::Epoch { .. }
        | Effect::BadWrap { .. } => keys(effect),
        Effect::Confirm { grant, key_id } => (
            "Confirm",
            json!({ "grant": grant.to_string(), "key_id": optional(key_id.as_ref(), |id| json!(id.to_string())) }),
        ),
        Effect::Remove {
            grant,
            member,
            reason,
        } => (
            "Remove",
            json!({
                "grant": optional(grant.as_ref(), |id| json!(id.to_string())),
                "member": optional(member.as_ref(), |id| json!(id.to_string())),
                "reason": reason,
            }),
        ),
        Effect::SetRole { grant, role } => (
            "SetRole",
            json!({ "grant": grant.to_string(), "role": role_word(*role) }),
        ),
        Effect::Expire { grant } => ("Expire", json!({ "grant": grant.to_string() })),
        Effect::Void { envelopes, grants } => (
            "Void",
            json!({
                "envelopes": list(envelopes, |id| json!(id.to_string())),
                "grants": list(grants, |id| json!(id.to_string())),
            }),
        ),
        Effect::Heal { branch } => ("Heal", json!({ "branch": list(branch, healed) })),
        Effect::SetRelay { key } => ("SetRelay", json!({ "key": key.to_string() })),
        Effect::Close {} => ("Close", json!({})),
        Effect::Policy {
            administrators,
            compares,
        } => (
            "Policy",
            json!({ "administrators": administrators, "compares": compares }),
        ),
        Effect::Invite {
            invitation,
            role,
            not_after_ms,
        } => (
            "Invite",
            json!({
                "invitation": invitation.to_string(),
                "role": role_word(*role),
                "not_after_ms": not_after_ms,
            }),
        ),
    };
    json!({ "effect": name, "fields": fields })
}

fn additions(effect: &Effect) -> (&'static str, Value) {
    match effect {
        Effect::Create {
            kind,
            nonce,
            guardian,
            founder,
        } => (
            "Create",
            json!({
                "kind": kind_word(*kind),
                "nonce": nonce.to_string(),
                "guardian": optional(guardian.as_ref(), |id| json!(id.to_string())),
                "founder": optional(founder.as_ref(), device_keys),
            }),
        ),
        Effect::Add {
            grant,
            member,
            role,
            history,
            basis,
            not_after_ms,
            invitation,
        } => (
            "Add",
            json!({
                "grant": grant.to_string(),
                "member": self::member(member),
                "role": role_word(*role),
                "history": *history as u8 + 1,
                "basis": opaque(basis.as_ref()),
                "not_after_ms": not_after_ms,
                "invitation": optional(invitation.as_ref(), proof),
            }),
        ),
        _ => panic!("not an addition"),
    }
}

fn keys(effect: &Effect) -> (&'static str, Value) {
    match effect {
        Effect::Wrap {
            key_id,
            recipients,
            suspended,
        } => (
            "Wrap",
            json!({
                "key_id": key_id.to_string(),
                "recipients": list(recipients, recipient),
                "suspended": list(suspended, |id| json!(id.to_string())),
            }),
        ),
        Effect::Link {
            key_id,
            previous,
            link,
        } => (
            "Link",
            json!({ "key_id": key_id.to_string(), "previous": previous.to_string(), "link": hex(link) }),
        ),
        Effect::Epoch {
            key_id,
            kem,
            previous,
            link,
            label,
            recipients,
            cut,
            suspended,
        } => (
            "Epoch",
            json!({
                "key_id": key_id.to_string(),
                "kem": opaque(kem.as_ref()),
                "previous": optional(previous.as_ref(), |id| json!(id.to_string())),
                "link": opaque(link.as_ref()),
                "label": opaque(label.as_ref()),
                "recipients": list(recipients, recipient),
                "cut": cut,
                "suspended": list(suspended, |id| json!(id.to_string())),
            }),
        ),
        Effect::BadWrap { key_id, recipient } => (
            "BadWrap",
            json!({ "key_id": key_id.to_string(), "recipient": recipient.to_string() }),
        ),
        _ => panic!("not about keys"),
    }
}

fn device_keys(keys: &DeviceKeys) -> Value {
    json!({ "verifying": keys.verifying.to_string(), "kem": hex(&keys.kem) })
}

fn member(member: &Member) -> Value {
    match member {
        Member::Device {
            keys,
            countersignature,
        } => json!({
            "device": device_keys(keys),
            "countersignature": countersignature.to_string(),
        }),
        Member::Space { id } => json!({ "space": id.to_string() }),
    }
}

fn proof(proof: &InvitationProof) -> Value {
    json!({ "invitation": proof.invitation.to_string(), "signature": proof.signature.to_string() })
}

fn recipient(recipient: &Recipient) -> Value {
    json!({
        "id": recipient.id.to_string(),
        "key": recipient.key.to_string(),
        "method": recipient.method as u8 + 1,
        "wrap_hash": recipient.wrap.to_string(),
    })
}

fn healed(healed: &HealedOperation) -> Value {
    json!({ "operation": hex(&healed.operation), "receipt": hex(&healed.receipt) })
}

pub fn header(header: &Header) -> Value {
    json!({
        "version": header.version,
        "suite": header.suite,
        "kind": header.kind as u8 + 1,
        "space": header.space.to_string(),
        "key_id": header.key_id.to_string(),
        "author_device": header.author_device.to_string(),
        "author_sequence": header.author_sequence,
        "access_heads": list(&header.access_heads, head),
        "parents": list(&header.parents, |id| json!(id.to_string())),
        "salt": hex(&header.salt.0),
    })
}

pub fn receipt(receipt: &Receipt) -> Value {
    json!({
        "journal": receipt.journal.to_string(),
        "sequence": receipt.sequence,
        "accepted_at_ms": receipt.accepted_at_ms,
        "count": receipt.count,
        "position": receipt.position,
        "path": list(&receipt.path, |id| json!(id.to_string())),
        "signature": receipt.signature.to_string(),
    })
}

pub fn mark(mark: &JournalMark) -> Value {
    json!({
        "journal": mark.journal.to_string(),
        "sequence": mark.sequence,
        "hash": mark.hash.to_string(),
        "began_after": mark.began_after,
    })
}

pub fn result(result: &ItemResult) -> Value {
    json!({
        "id": result.id.to_string(),
        "status": result.status as u8 + 1,
        "code": optional(result.code.as_ref(), |code| json!(code.word())),
        "receipt": optional(result.receipt.as_ref(), receipt),
        "missing": list(&result.missing, |id| json!(id.to_string())),
    })
}

pub fn item(item: &Item) -> Value {
    json!({
        "kind": item.kind as u8 + 1,
        "bytes": hex(&item.bytes),
        "wraps": list(&item.wraps, wrap),
        "receipt": receipt(&item.receipt),
    })
}

pub fn wrap(wrap: &Wrap) -> Value {
    json!({ "recipient": wrap.recipient.to_string(), "bytes": hex(&wrap.bytes) })
}
