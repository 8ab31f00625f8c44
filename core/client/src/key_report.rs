//! What this device holds of each space's keys, in words.

use nahtlos_protocol::identifier::{KeyId, SpaceId};
use nahtlos_protocol::space::Logs;
use nahtlos_protocol::space::kind::Kind;
use serde::Serialize;

use crate::directory::Directory;
use crate::error::ClientError;
use crate::key_notices::KeyNotice;
use crate::nahtlos::Nahtlos;

/// What this device holds of a space's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyLine {
    /// Name of the space, or section code and case number.
    pub space: String,
    /// Kind of space.
    pub kind: &'static str,
    /// Hexadecimal space id.
    pub id: String,
    /// Epochs there have been.
    pub epochs: usize,
    /// `held` where the current key is; otherwise the reason why not.
    pub state: &'static str,
    /// In words, where the current key or an earlier one is not held.
    pub explanation: Option<String>,
    /// Whom the current epoch is wrapped to.
    pub wrapped_to: Vec<String>,
}

impl Nahtlos {
    /// Every space this device has a path to, and whether it holds the current key.
    ///
    /// # Errors
    /// Where the vault cannot be read.
    pub fn key_lines(&self) -> Result<Vec<KeyLine>, ClientError> {
        let directory = self.directory()?;
        let own = [
            self.device.person,
            self.device.team,
            self.device.institution,
            self.device.network,
        ];
        let mut lines = Vec::new();
        for space in own.into_iter().flatten() {
            let name = if Some(space) == self.device.network {
                directory
                    .network
                    .as_ref()
                    .map_or_else(|| "network".into(), |card| card.name.clone())
            } else {
                directory.name(&space)
            };
            lines.extend(self.key_line(&space, name, &directory));
        }
        // Of enquiries as well: they are no cases, and have keys.
        for case in self.case_lines()? {
            for (code, space) in &case.sections {
                if let Some(space) = SpaceId::from_hex(space) {
                    let number = case.summary.case_number.clone();
                    let name = format!("{} {code}", number.unwrap_or_else(|| case.id.clone()));
                    lines.extend(self.key_line(&space, name, &directory));
                }
            }
        }
        Ok(lines)
    }

    fn key_line(&self, space: &SpaceId, name: String, directory: &Directory) -> Option<KeyLine> {
        let state = self.logs().state(space)?;
        let notice = self.key_notice(space);
        let is_held = state
            .current_epoch()
            .is_some_and(|epoch| self.key_ring().open(space, &epoch.key_id).is_ok());
        let wrapped_to = state.current_epoch().map_or_else(Vec::new, |epoch| {
            epoch
                .recipients
                .keys()
                .map(|id| self.recipient_name(&id.0, directory))
                .collect()
        });
        Some(KeyLine {
            space: name,
            kind: kind_word(state.kind()),
            id: space.to_string(),
            epochs: state.epochs().len(),
            state: notice.filter(|_| !is_held).map_or("held", KeyNotice::word),
            explanation: notice.map(|notice| self.key_explanation(space, notice)),
            wrapped_to,
        })
    }

    fn recipient_name(&self, id: &[u8; 32], directory: &Directory) -> String {
        if *id == self.device_id.0 {
            return "this device".into();
        }
        let space = SpaceId(*id);
        if self.logs().state(&space).is_some() {
            return directory.name(&space);
        }
        format!(
            "device {}",
            nahtlos_protocol::crypto::fingerprint::Fingerprint::of(id)
        )
    }

    /// Keys of a section this device can open now: for tests that try them on stored ciphertext.
    #[must_use]
    pub fn openable_epochs(&self, space: &SpaceId) -> Vec<KeyId> {
        let Some(state) = self.logs().state(space) else {
            return Vec::new();
        };
        state
            .epochs()
            .iter()
            .map(|epoch| epoch.key_id)
            .filter(|key_id| self.key_ring().open(space, key_id).is_ok())
            .collect()
    }
}

pub(crate) fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Person => "person",
        Kind::Team => "team",
        Kind::Institution => "institution",
        Kind::Network => "network",
        Kind::Section => "section",
    }
}
