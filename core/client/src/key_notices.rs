//! Why this device does not hold a key: told from the logs and from the wraps that arrived.

use nahtlos_protocol::identifier::{DeviceId, SpaceId};
use nahtlos_protocol::space::effect::History;
use nahtlos_protocol::space::state::{EndReason, Grant, MemberId};
use nahtlos_protocol::space::{Logs, SpaceState, authority};

use crate::nahtlos::Nahtlos;

/// Why this device does not hold an epoch's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyNotice {
    /// No grant ever led from this device to the space.
    NotGranted,
    /// The space has no epoch yet.
    NoEpoch,
    /// Granted, but no wrap has arrived: a colleague's device must supply it.
    Pending,
    /// Added by somebody without keys: a key holder must compare the fingerprint and confirm.
    WaitsForConfirmation,
    /// Added by somebody whose right had ended, as far as is known: a manager must confirm.
    Suspended,
    /// The grant's time has passed.
    Expired {
        /// Since when, Unix milliseconds.
        since_ms: u64,
    },
    /// The grant was ended.
    Ended {
        /// Since when, by the clock of who ended it, Unix milliseconds.
        since_ms: u64,
        /// Which device ended it.
        by: DeviceId,
    },
    /// Somebody was granted it from a moment on, and this device's person or team then or later; this
    /// was written before.
    CutBefore,
    /// A wrap arrived and does not open.
    BadWrap,
    /// The present key is held, an earlier one is not: its link is missing.
    EarlierContentWaits,
    /// The log of the space has forked: nothing is wrapped or written there until it is healed.
    Forked,
}

impl KeyNotice {
    /// The stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotGranted => "not_granted",
            Self::NoEpoch => "no_epoch",
            Self::Pending => "pending",
            Self::WaitsForConfirmation => "waits_for_confirmation",
            Self::Suspended => "suspended",
            Self::Expired { .. } => "expired",
            Self::Ended { .. } => "ended",
            Self::CutBefore => "cut_before",
            Self::BadWrap => "bad_wrap",
            Self::EarlierContentWaits => "earlier_content_waits",
            Self::Forked => "forked",
        }
    }

    /// In words, without names: [`Nahtlos::key_explanation`] adds them.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NotGranted => "nobody has granted this device's person or team a right here",
            Self::NoEpoch => "the space has no key yet: its first member must sync",
            Self::Pending => {
                "granted, but the key has not arrived: waiting for a colleague's device to sync"
            }
            Self::WaitsForConfirmation => {
                "added, but nobody who holds the key has confirmed it: they must compare the fingerprint"
            }
            Self::Suspended => {
                "added by somebody whose own right had ended: a manager must confirm or refuse it"
            }
            Self::Expired { .. } => "the right has run out",
            Self::Ended { .. } => "the right was withdrawn",
            Self::CutBefore => "written before this device's person or team was let in",
            Self::BadWrap => {
                "the key that arrived does not open: a colleague's device must supply it again"
            }
            Self::EarlierContentWaits => {
                "earlier content waits for a colleague's device that still holds the earlier key"
            }
            Self::Forked => {
                "the log contradicts what the relay confirmed before: nothing is written here until it is healed"
            }
        }
    }
}

impl Nahtlos {
    /// Why this device cannot open everything in a space; none where it can.
    ///
    /// Where the current key is held, the answer may still be [`KeyNotice::CutBefore`] or
    /// [`KeyNotice::EarlierContentWaits`].
    #[must_use]
    pub fn key_notice(&self, space: &SpaceId) -> Option<KeyNotice> {
        let Some(state) = self.logs().state(space) else {
            return Some(KeyNotice::NotGranted);
        };
        if self.is_forked(space) {
            return Some(KeyNotice::Forked);
        }
        let logs = self.logs();
        if authority::right(&logs, &self.device_id, space)
            .role
            .is_none()
        {
            return Some(self.why_no_right(&state));
        }
        let Some(epoch) = state.current_epoch() else {
            return Some(KeyNotice::NoEpoch);
        };
        let ring = self.key_ring();
        if let Err(notice) = ring.open(space, &epoch.key_id) {
            let suspended = self.suspended(&state);
            let mut grants = state.live_grants().filter(|grant| self.leads_here(grant));
            let all_suspended = grants.all(|grant| suspended.contains(&grant.id));
            return Some(if all_suspended {
                KeyNotice::Suspended
            } else {
                notice
            });
        }
        let mut earlier = state.epochs().iter().rev();
        let closed = earlier.find(|epoch| ring.open(space, &epoch.key_id).is_err())?;
        // No link leads across a cut, whomever it was made for: nobody supplies what was before it.
        let mut later = state.epochs().iter();
        let cut = later.any(|epoch| epoch.cut && epoch.began_at > closed.began_at);
        Some(if cut {
            KeyNotice::CutBefore
        } else {
            KeyNotice::EarlierContentWaits
        })
    }

    /// Why this device has no right with keys: the last thing that happened to a grant of its own.
    fn why_no_right(&self, state: &SpaceState) -> KeyNotice {
        let own = || state.grants().iter().filter(|grant| self.leads_here(grant));
        let length = state.length();
        if own().any(|grant| grant.is_live_at(length) && !grant.is_confirmed()) {
            return KeyNotice::WaitsForConfirmation;
        }
        let ends = own().filter_map(|grant| Some((grant, grant.ended?)));
        if let Some((grant, end)) = ends.max_by_key(|(_, end)| end.at) {
            return match (end.reason, grant.not_after_ms) {
                (EndReason::Expired, Some(since_ms)) => KeyNotice::Expired { since_ms },
                _ => KeyNotice::Ended {
                    since_ms: end.claimed_at_ms,
                    by: end.by,
                },
            };
        }
        // The grant stands, and this device is no longer, or not yet, inside its member.
        let beneath = own().filter_map(|grant| match grant.member {
            MemberId::Space(member) => self.logs().state(&member),
            MemberId::Device(_) => None,
        });
        let mut notices = beneath.map(|member| self.why_no_right(&member));
        notices
            .find(|notice| *notice != KeyNotice::NotGranted)
            .unwrap_or(KeyNotice::NotGranted)
    }

    /// Whether a grant is, or was, for this device, its person, or a space they are or were in.
    fn leads_here(&self, grant: &Grant) -> bool {
        if !grant.role.holds_keys() {
            return false;
        }
        match grant.member {
            MemberId::Device(device) => device == self.device_id,
            MemberId::Space(space) => self.logs().state(&space).is_some_and(|state| {
                let grants = state.grants();
                grants.iter().any(|inner| self.leads_here(inner))
            }),
        }
    }

    /// The notice in words, with who and when where that is known.
    #[must_use]
    pub fn key_explanation(&self, space: &SpaceId, notice: KeyNotice) -> String {
        let date = |at_ms| self.date_of(at_ms).unwrap_or_else(|| "?".into());
        match notice {
            KeyNotice::Expired { since_ms } => {
                format!("the right has run out on {}", date(since_ms))
            }
            KeyNotice::Ended { since_ms, by } => {
                let directory = self.shared_directory().unwrap_or_default();
                let who = self.person_in_or_above(&by, space).map_or_else(
                    || "somebody".to_owned(),
                    |person| directory.person_name(&person),
                );
                format!("the right was withdrawn on {} by {who}", date(since_ms))
            }
            KeyNotice::Pending if self.own_institution_left().is_ok_and(|left| left.is_some()) => {
                "granted, but the key had not arrived when your institution left the network: it does not come any more"
                    .to_owned()
            }
            other => other.sentence().to_owned(),
        }
    }

    /// Whether a grant of this state covers only what comes after it.
    pub(crate) fn is_from_now(grant: &Grant) -> bool {
        grant.history == History::FromNow && grant.role.holds_keys()
    }

    /// A day in Switzerland, as people write it.
    fn date_of(&self, at_ms: u64) -> Option<String> {
        let timestamp = jiff::Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()?;
        let zone = jiff::tz::TimeZone::get("Europe/Zurich").unwrap_or(jiff::tz::TimeZone::UTC);
        Some(timestamp.to_zoned(zone).date().to_string())
    }
}
