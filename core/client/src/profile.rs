//! The person's own document: what the devices of one person tell each other, sealed under the person's
//! key. So far, what each device is called.

use std::collections::BTreeMap;

use nahtlos_document::{Editor, Value, WriteError};
use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use nahtlos_protocol::identifier::{DeviceId, EnvelopeId};
use nahtlos_protocol::space::authority;
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::state::MemberId;
use serde::{Deserialize, Serialize};

use crate::edits::TypedEdit;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

/// Top-level maps of a person's document.
pub(crate) const CONTAINERS: &[&str] = &[DEVICES];
const DEVICES: &str = "devices";
/// Characters of a fingerprint or id by which a device may be named.
const INPUT_CHARACTERS_MIN: usize = 4;

/// An edit of one's own person's document, re-appliable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileEdit {
    /// What a device is called.
    DeviceName {
        /// Hexadecimal device id.
        device: String,
        /// Its name.
        name: String,
    },
}

impl ProfileEdit {
    pub(crate) fn apply(&self, editor: &mut Editor<'_>) -> Result<(), WriteError> {
        let Self::DeviceName { device, name } = self;
        let path = [DEVICES, device.as_str()];
        editor.put(path.as_slice(), Value::String(name.clone()))
    }
}

impl Nahtlos {
    /// Calls a device of one's own by another name, wherever this person's devices list it. Others never
    /// see it. Works offline. Returns its fingerprint and the name it had.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ambiguous`] by its name or the beginning of its
    /// fingerprint or id; [`ClientError::NoRight`] where this device was revoked;
    /// [`ClientError::NoKey`] while it lacks the person's key.
    pub fn rename_device(
        &mut self,
        input: &str,
        name: &str,
    ) -> Result<(String, Option<String>), ClientError> {
        let person = self.person()?;
        let (device, before) = self.own_device(input)?;
        let right = authority::right(&self.logs(), &self.device_id, &person);
        if !right.at_least(Role::Write) {
            return Err(ClientError::NoRight {
                action: "rename a device",
                reason: "this device was revoked".into(),
            });
        }
        let edit = ProfileEdit::DeviceName {
            device: device.to_string(),
            name: name.to_owned(),
        };
        self.edit_space(&person, &[TypedEdit::Profile(edit)])?;
        Ok((Fingerprint::of(&device.0).to_string(), before))
    }

    /// A device of one's own, revoked ones too, by its name or the beginning of its fingerprint or id.
    fn own_device(&self, input: &str) -> Result<(DeviceId, Option<String>), ClientError> {
        let person = self.person()?;
        let wanted = input.trim().to_lowercase();
        let state = self.logs().load(&person)?.ok_or(ClientError::NotAdmitted)?;
        let names = self.device_names();
        let mut found = Vec::new();
        for id in state.devices().keys() {
            let name = self.device_name(&state, id, &names);
            let starts = |text: String| text.to_lowercase().starts_with(&wanted);
            let is_called = name
                .as_ref()
                .is_some_and(|name| name.to_lowercase() == wanted);
            let is_shown = wanted.len() >= INPUT_CHARACTERS_MIN
                && (starts(id.to_string()) || starts(Fingerprint::of(&id.0).to_string()));
            if is_called || is_shown {
                found.push((*id, name));
            }
        }
        if found.len() > 1 {
            let matches = found
                .iter()
                .map(|(id, _)| Fingerprint::of(&id.0).to_string());
            return Err(ClientError::Ambiguous {
                what: "devices",
                input: input.to_owned(),
                matches: matches.collect(),
            });
        }
        found.pop().ok_or_else(|| ClientError::NotFound {
            what: "device of yours",
            input: input.to_owned(),
        })
    }

    /// Whether an envelope of the person's own space was sealed when none of the devices was there that stand
    /// now: nobody can open it any more. It says at most what devices were called.
    pub(crate) fn is_closed_for_good(&self, id: &EnvelopeId) -> Result<bool, ClientError> {
        let Some(envelope) = self.stored_envelope(id)? else {
            return Ok(false);
        };
        let header = envelope.header();
        let state = match self.device.person {
            Some(person) if person == header.space => self.logs().load(&person)?,
            _ => None,
        };
        let Some(state) = state else {
            return Ok(false);
        };
        let mut standing = state.live_grants().filter_map(|grant| match grant.member {
            MemberId::Device(device) => Some(device),
            MemberId::Space(_) => None,
        });
        Ok(!standing.any(|device| self.keys_open_to(&state, &device).contains(&header.key_id)))
    }

    /// What this person's devices are called since they were added, by hexadecimal id; nothing while this
    /// device lacks the person's key.
    pub(crate) fn device_names(&self) -> BTreeMap<String, String> {
        let document = self
            .person()
            .and_then(|person| self.shared_document(&person));
        let Ok(document) = document else {
            return BTreeMap::new();
        };
        let reader = document.read();
        let named = reader.keys([DEVICES].as_slice()).into_iter();
        let named = named.filter_map(|device| {
            let value = reader.get([DEVICES, device.as_str()].as_slice())?;
            let name = value.as_str()?.to_owned();
            Some((device, name))
        });
        named.collect()
    }
}
