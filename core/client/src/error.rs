//! What can go wrong in a client, with the stable code and the cause kept.

use nahtlos_casework::edit::ApplyError;
use nahtlos_casework::fields::FieldError;
use nahtlos_document::{DocumentError, GateError};
use nahtlos_protocol::space::author::AuthorError;
use nahtlos_protocol::space::replay::ReplayError;
use nahtlos_protocol::wire::claim::TextError;

use crate::key_notices::KeyNotice;
use crate::transport::TransportError;
use crate::vault::VaultError;

/// Why a client could not do what was asked. Nothing that a person typed is lost by any of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A record in the vault is not what this program wrote.
    #[error("a record of the vault is damaged: {reason}")]
    DamagedRecord {
        /// What does not fit.
        reason: String,
    },
    /// A field.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// An edit that does not apply.
    #[error(transparent)]
    Edit(#[from] ApplyError),
    /// The document engine refused an edit.
    #[error("the document refused the edit: {reason}")]
    Document {
        /// What it said.
        reason: String,
    },
    /// What is held cannot be opened on this device, or does not fit what is here.
    #[error("the held edit cannot be opened here, or needs something that is not here")]
    HeldNotOpened,
    /// The relay could not be reached or did not answer as a relay.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The relay refused the request as a whole.
    #[error("the relay refused: {detail}")]
    Refused {
        /// What it means for what to do next.
        refusal: crate::refusal::Refusal,
        /// The relay's stable code.
        code: String,
        /// In words.
        detail: String,
    },
    /// The answer was not signed by the relay this network names.
    #[error("the answer is not from the relay of this network")]
    OtherRelay,
    /// An operation of one's own would not be valid.
    #[error("the change of access is not possible: {0}")]
    Replay(#[from] ReplayError),
    /// An operation of one's own could not be made.
    #[error("the change of access could not be prepared: {0}")]
    Author(#[from] AuthorError),
    /// A claim or invitation text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// This home has not founded or joined anything yet.
    #[error("this home belongs to nobody yet")]
    NotEnrolled,
    /// This home has already founded or joined.
    #[error("this home is already enrolled")]
    AlreadyEnrolled,
    /// This device asked to join and has not been admitted yet.
    #[error("this device asked to join and is not admitted yet")]
    NotAdmitted,
    /// Nothing of this name is known here.
    #[error("no {what} matches \"{input}\"")]
    NotFound {
        /// A case, a team, a person …
        what: &'static str,
        /// What was looked for.
        input: String,
    },
    /// A section that this device knows nothing of: it was not shared, or does not exist.
    #[error("the section {section} of this case is not shared with you")]
    NotShared {
        /// Its code.
        section: String,
    },
    /// An invitation for the other kind of newcomer.
    #[error("this invitation is for the other kind of newcomer")]
    OtherInvitation {
        /// Whom it is for: an institution, otherwise a person.
        for_institution: bool,
    },
    /// The section is closed: nobody writes there any more.
    #[error("the section is closed: nobody writes there any more")]
    Closed {
        /// Who can still withdraw access to it, each with the institution.
        managers: Vec<String>,
    },
    /// Several match.
    #[error("\"{input}\" matches several {what}: {}", matches.join(", "))]
    Ambiguous {
        /// Cases, teams, persons …
        what: &'static str,
        /// What was looked for.
        input: String,
        /// What matches.
        matches: Vec<String>,
    },
    /// This device may not do this.
    #[error("no right to {action}: {reason}")]
    NoRight {
        /// What was asked.
        action: &'static str,
        /// Why not.
        reason: String,
    },
    /// What was read out is neither the words nor the fingerprint of who was added.
    #[error("what was read out is neither the words nor the fingerprint of who was added")]
    OtherFingerprint,
    /// Somebody has a device still: they, and not a colleague, let a further one in.
    #[error("{person} has a device still: {}", devices.join(", "))]
    HasDevices {
        /// Who.
        person: String,
        /// Fingerprints of their devices that are not revoked; a paper is one.
        devices: Vec<String>,
    },
    /// It is as it was asked for already.
    #[error("it is so already")]
    NothingToChange,
    /// A discard of this held edit waits for the next sync.
    #[error("this edit was discarded, which waits for the next sync")]
    DiscardWaits,
    /// It would end the last path with `manage`: nobody could ever let anybody in again.
    #[error("it would end the last `manage` there: grant `manage` to somebody else first")]
    LastManager,
    /// The institution of who is to read is in the network no more: its devices get nothing, and what is sealed
    /// to its keys should not be more.
    #[error("{institution} left the network")]
    InstitutionLeft {
        /// The team or person, by name.
        member: String,
        /// The institution, by name.
        institution: String,
    },
    /// The team was merged into another: what is new is shared with that one.
    #[error("{team} was merged into {into}")]
    TeamMerged {
        /// The team that ended as one of its own.
        team: String,
        /// The team that took over.
        into: String,
    },
    /// The right would go on although the consent it rests on is withdrawn.
    #[error("the consent {consent} is withdrawn: the right that rests on it must end")]
    ConsentIsWithdrawn {
        /// What people name the consent by.
        consent: String,
    },
    /// Something is still open from a relay that went back.
    #[error("the relay lacks something still since it went back")]
    IncidentOpen(crate::incidents::OpenIncident),
    /// The section's key is not held here.
    #[error("the section cannot be opened: {}", .0.sentence())]
    NoKey(KeyNotice),
    /// The section's key is held here, and what its epoch says of it is nothing: no honest program founds one.
    #[error("the section does not say what it is: {reason}")]
    NoLabel {
        /// What is wrong with what stands there.
        reason: String,
    },
    /// A newer program wrote it; it is read-only here.
    #[error("written by a newer nahtlos; it can be read but not changed here")]
    NeedsNewer,
    /// Its log has forked, and the other branch is not carried back yet.
    #[error(
        "another history of who has access here came back with an old state of the relay: nothing is written until a device has joined the two; run 'nahtlos sync'"
    )]
    Forked,
    /// Another copy of this vault has written.
    #[error(
        "another copy of this home has written: this one writes nothing any more; export what is not delivered and join with a new home"
    )]
    Cloned,
    /// This home was restored from a backup: it is read, and never acts as the device it was.
    #[error(
        "this home was restored from a backup: it can be read, and neither writes nor syncs; export what is not delivered and join with a new home"
    )]
    Restored,
    /// No code for a case number is left on this device.
    #[error("no case number is left for this device")]
    NoCaseNumber,
    /// The case has this section already.
    #[error("the case has the section {section} already")]
    SectionExists {
        /// Its code.
        section: String,
    },
    /// Shares of a recovery key.
    #[error(transparent)]
    Recovery(#[from] crate::recovery::RecoveryError),
    /// The relay knows no device that the paper's words make.
    #[error("the relay does not know this paper")]
    PaperUnknown,
    /// The paper was revoked.
    #[error("this paper was revoked")]
    PaperRevoked,
    /// What is to be changed came by a bundle, and no relay has it yet.
    #[error(
        "this came by a bundle and the relay does not have it yet: it can be read, not changed"
    )]
    OnlyCarried,
    /// A bundle file, or the request for one.
    #[error(transparent)]
    Bundle(#[from] crate::bundle::BundleError),
    /// A relay URL that is not allowed.
    #[error("the relay address {url} is not usable: {reason}")]
    BadUrl {
        /// The address.
        url: String,
        /// Why.
        reason: &'static str,
    },
}

impl ClientError {
    /// A stable code for programs and the exit status.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Vault(error) => vault_code(error),
            Self::DamagedRecord { .. } => "vault_damaged",
            Self::Field(error) => error.code,
            Self::Edit(error) => error.code(),
            Self::Document { .. } => "document",
            Self::HeldNotOpened => "held_not_opened",
            Self::Transport(error) => error.code(),
            Self::Refused { .. } => "relay_refused",
            Self::OtherRelay => "other_relay",
            Self::Replay(_) | Self::Author(_) => "operation_invalid",
            Self::Text(error) => match error {
                TextError::OtherKind { .. } => "text_other_kind",
                TextError::Mistyped => "text_mistyped",
                TextError::NeedsNewer => "needs_newer",
            },
            Self::NotEnrolled => "not_enrolled",
            Self::AlreadyEnrolled => "already_enrolled",
            Self::NotAdmitted => "not_admitted",
            Self::NotFound { .. } | Self::NotShared { .. } => "not_found",
            Self::OtherInvitation { .. } => "other_invitation",
            Self::Closed { .. } => "section_closed",
            Self::Ambiguous { .. } => "ambiguous",
            Self::NoRight { .. } => "no_right",
            Self::OtherFingerprint => "other_fingerprint",
            Self::HasDevices { .. } => "has_devices",
            Self::NothingToChange => "nothing_to_change",
            Self::DiscardWaits => "discard_waits",
            Self::LastManager => "last_manager",
            Self::InstitutionLeft { .. } => "institution_left",
            Self::TeamMerged { .. } => "team_merged",
            Self::IncidentOpen(_) => "incident_open",
            Self::ConsentIsWithdrawn { .. } => "consent_withdrawn",
            Self::NoKey(notice) => notice.word(),
            Self::NoLabel { .. } => "no_label",
            Self::NeedsNewer => "needs_newer",
            Self::Forked => "forked",
            Self::Cloned => "cloned",
            Self::Restored => "restored",
            Self::NoCaseNumber => "no_case_number",
            Self::SectionExists { .. } => "section_exists",
            Self::Recovery(error) => error.code(),
            Self::PaperUnknown => "paper_unknown",
            Self::PaperRevoked => "paper_revoked",
            Self::OnlyCarried => "only_carried",
            Self::Bundle(error) => error.code(),
            Self::BadUrl { .. } => "bad_url",
        }
    }
}

fn vault_code(error: &VaultError) -> &'static str {
    match error {
        VaultError::EmptyPassphrase => "passphrase_empty",
        VaultError::WrongPassphrase => "passphrase_wrong",
        VaultError::NotFound => "vault_not_found",
        VaultError::Wiped => "vault_wiped",
        VaultError::AlreadyExists => "vault_exists",
        VaultError::FileExists => "file_exists",
        VaultError::NotClosed => "not_a_backup",
        VaultError::InUse => "vault_in_use",
        VaultError::Damaged { .. } => "vault_damaged",
        VaultError::UnknownFormat { .. } => "vault_unknown_format",
        VaultError::DerivationRefused { .. } => "vault_derivation_refused",
        VaultError::TooLarge { .. } => "too_large",
        VaultError::DiskFull => "disk_full",
        VaultError::Unsure(_) => "vault_unsure",
        _ => "vault_io",
    }
}

impl From<DocumentError> for ClientError {
    fn from(error: DocumentError) -> Self {
        Self::Document {
            reason: error.to_string(),
        }
    }
}

impl From<GateError> for ClientError {
    fn from(error: GateError) -> Self {
        Self::Document {
            reason: error.to_string(),
        }
    }
}
