//! Every error of the client as what a person is told.

use nahtlos_casework::edit::ApplyError;
use nahtlos_client::bundle::BundleError;
use nahtlos_client::incidents::OpenIncident;
use nahtlos_client::{ClientError, KeyNotice};

use super::{Failure, recovery, relay, vault};
use crate::exit::Exit;

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let code = error.code();
        let say =
            |exit, what: &str, why: &str, next: &str| Failure::new(exit, code, what, why, next);
        match &error {
            ClientError::Vault(error) => vault::failure(code, error),
            ClientError::Field(error) => Failure::field(error),
            ClientError::Edit(error) => edit(code, error),
            ClientError::Transport(error) => relay::transport(code, error),
            ClientError::Refused {
                refusal,
                code,
                detail,
            } => relay::refused(*refusal, code, detail),
            ClientError::NoKey(notice) => no_key(*notice),
            ClientError::NoLabel { reason } => say(
                Exit::Failed,
                "This section does not say what it is, so it cannot be opened.",
                &format!("No honest program founds such a section: {reason}."),
                "Ask who shared it. Everything else goes on without it.",
            ),
            ClientError::LastManager => say(
                Exit::NoRight,
                "This would end the last right to manage it.",
                "Nobody could ever let anybody in again.",
                "Let somebody else manage it first, then `nahtlos sync`, then this command again. Of a section: `nahtlos share role CASE \
                 SECTION manage --for TEAM`; of a team: `nahtlos member role PERSON --team TEAM --role manage`; of the network: \
                 `nahtlos network manager INSTITUTION`.",
            ),
            ClientError::InstitutionLeft {
                member,
                institution,
            } => say(
                Exit::Failed,
                &format!("{institution} left the network; nothing was shared with {member}."),
                "Its devices receive nothing any more. An institution that came back is another one, with teams of its own, also where \
                 it has the same name.",
                "Share with a team of an institution that is in the network: `nahtlos team` lists them. What it may open already ends \
                 with `nahtlos share withdraw CASE --from TEAM`.",
            ),
            ClientError::TeamMerged { team, into } => say(
                Exit::Failed,
                &format!("{team} was merged into {into}; nothing was shared."),
                &format!(
                    "Its people are in {into}, where new cases are opened. What {team} may open already stays as it is."
                ),
                &format!("Share with the other team: `--to \"{into}\"`."),
            ),
            ClientError::OtherFingerprint => say(
                Exit::NoRight,
                "These are neither the words nor the fingerprint of who asks; nobody was confirmed.",
                "They were misread or mistyped, stand beside something else on their screen, or somebody else asks than the person you spoke to.",
                "Let them read again from `nahtlos status` on their device what stands beside the word that `nahtlos member waiting` \
                 names. If it stays another one, refuse: `nahtlos member refuse NUMBER`.",
            ),
            ClientError::HasDevices { person, devices } => say(
                Exit::Failed,
                &format!("{person} has a device still: {}.", devices.join(", ")),
                "A colleague lets a device in only for somebody who has none left.",
                "If they are lost, end each: `nahtlos device revoke DEVICE --lost --now`.",
            ),
            ClientError::NothingToChange => say(
                Exit::Failed,
                "It is so already; nothing was changed.",
                "What you asked for holds, or waits for the next sync.",
                "See it: `nahtlos institution policy`.",
            ),
            ClientError::DiscardWaits => say(
                Exit::Conflict,
                "You have discarded this change, and that waits for the next sync; nothing was changed.",
                "Both at once would be told to its author and to nobody.",
                "To decide otherwise take it back first: `nahtlos decision` shows its ID, `nahtlos decision drop ID` takes it back.",
            ),
            ClientError::NoRight { action, reason } => say(
                Exit::NoRight,
                &format!("You have no right to {action}."),
                &format!("{}.", super::capitalised(reason)),
                whom_to_ask(action),
            ),
            ClientError::ConsentIsWithdrawn { consent } => say(
                Exit::Conflict,
                "The end of this right cannot be dropped; nothing was changed.",
                &format!(
                    "It rests on consent {consent}, which is withdrawn in the ledger: without this end \
                     they would read on without a consent."
                ),
                "`nahtlos sync` carries it out. If the person agrees again, record that as a new consent: \
                 `nahtlos consent give CASE --help`.",
            ),
            ClientError::IncidentOpen(open) => incident_open(*open),
            ClientError::DamagedRecord { reason } => say(
                Exit::Failed,
                "The vault is damaged.",
                &format!("A record is not what this program wrote: {reason}."),
                "Copy the whole home directory somewhere safe first, then run `nahtlos doctor`.",
            ),
            ClientError::Document { reason } => say(
                Exit::Failed,
                "The document refused the edit; nothing was changed.",
                &format!("{}.", super::capitalised(reason)),
                "Shorten the entry and try again; if it stays, run `nahtlos doctor`.",
            ),
            ClientError::HeldNotOpened => say(
                Exit::Failed,
                "This change cannot be opened on this device, or needs something that is not here; nothing was changed.",
                "Its key has not come, or no device that stands has it any more.",
                "`nahtlos sync` brings what a colleague's device supplies. It can be decided without: `nahtlos held discard ID`.",
            ),
            ClientError::OtherRelay => say(
                Exit::Failed,
                "Another relay answered than the one of your network. Your edits are safe here.",
                "Its answer is not signed with the key that your network's members named; nothing of it was taken.",
                "Go on working offline. Run `nahtlos sync` again over another connection (another Wi-Fi, the telephone's); \
                 if this stays, tell the relay's operator and send the answer of `nahtlos doctor`.",
            ),
            ClientError::Replay(error) => say(
                Exit::Failed,
                "This change of access is not possible.",
                &format!("{}.", super::capitalised(&error.to_string())),
                "Run `nahtlos sync` to see the present state, then `nahtlos share list CASE`.",
            ),
            ClientError::Author(error) => say(
                Exit::Failed,
                "This change of access could not be prepared.",
                &format!("{}.", super::capitalised(&error.to_string())),
                "Run `nahtlos sync`, then the command again.",
            ),
            ClientError::Text(error) => say(
                Exit::Usage,
                "This is not a whole claim or invitation.",
                &format!("{}.", super::capitalised(&error.to_string())),
                "Copy the whole text, from its first to its last character, and run the command again. \
                 A claim begins with nahtlos-claim-, an invitation with nahtlos-invite-, that of a further device \
                 with nahtlos-device-.",
            ),
            ClientError::NotEnrolled => say(
                Exit::Locked,
                "This device does not belong to anybody yet.",
                "It has neither founded a network nor joined one.",
                vault::NO_HOME_NEXT,
            ),
            ClientError::AlreadyEnrolled => say(
                Exit::Failed,
                "This device has already founded or joined.",
                "One home is one person in one network.",
                "See `nahtlos status`; to join as somebody else, name an empty directory with `--home DIR`.",
            ),
            ClientError::Recovery(error) => recovery::failure(code, error),
            ClientError::PaperUnknown => say(
                Exit::Failed,
                "The relay does not know this paper; nothing was done.",
                "The device on which it was made may not have synced since, or the network is another one.",
                "If that device still works, run `nahtlos sync` there, then this command here. Else ask who administers \
                 your institution to let a new device of yours in: `nahtlos device add --for YOU`.",
            ),
            ClientError::PaperRevoked => say(
                Exit::NoRight,
                "This paper was revoked: it brings nobody back. Nothing was done.",
                "A device of yours, or your institution, ended it; the relay says so.",
                "Use a newer paper, or `nahtlos device add` on a device that you have; without either, ask \
                 who administers your institution to let a new device of yours in: `nahtlos device add --for YOU`.",
            ),
            ClientError::NotAdmitted => say(
                Exit::Locked,
                "This device asked to join and is not admitted yet.",
                "Who invited you has not synced since (for a further device of yours, the device that made the invitation), or has to compare your words first, or has refused this device (then they say so when you call).",
                "Ask them to sync, or sync your other device, and read the words of `nahtlos status` to them if they ask; then run `nahtlos sync` here.",
            ),
            ClientError::NotFound { what, input } => not_found(what, input),
            ClientError::NotShared { section } => say(
                Exit::NoRight,
                &format!("The section `{section}` of this case is not shared with you."),
                "No right leads to you or your team, so this device holds no key and cannot open it.",
                "See what you can open: `nahtlos section list CASE`. The case lead's team can share it.",
            ),
            ClientError::OtherInvitation { for_institution } => other_invitation(*for_institution),
            ClientError::Closed { managers } => say(
                Exit::NoRight,
                "This section is closed; nothing was changed.",
                "Nobody writes there or is let in any more, whatever they were granted, and it is never opened again.",
                &closed_next(managers),
            ),
            ClientError::Ambiguous {
                what,
                input,
                matches,
            } => ambiguous(what, input, matches),
            ClientError::NeedsNewer => say(
                Exit::Failed,
                "This was written by a newer nahtlos: it can be read here, but not changed.",
                "Changing it could lose what this version does not know.",
                "Update nahtlos, then run the command again; `nahtlos --version` shows the one you have.",
            ),
            ClientError::NoCaseNumber => say(
                Exit::Failed,
                "No case number is left for this device.",
                "A person's first device can open 4999 cases, ten further ones 500 each, in one of the institution's first 36 teams.",
                "Open the case on your first device or a colleague's.",
            ),
            ClientError::SectionExists { section } => say(
                Exit::Failed,
                &format!("This case has the section `{section}` already; nothing was changed."),
                "A case has each section once.",
                "See it with `nahtlos section show CASE SECTION`.",
            ),
            ClientError::Bundle(BundleError::Io(error)) => Failure::new(
                Exit::Failed,
                code,
                "The file could not be read or written; nothing was changed.",
                super::system_says(error),
                "Check the disk or stick, then run the command again.",
            ),
            ClientError::OnlyCarried => say(
                Exit::Conflict,
                "What you want to change came by a bundle, and the relay does not have it yet; nothing was stored.",
                "Until then it is shown here and nothing is built upon it: it may arrive in another form.",
                "Run `nahtlos sync`, which brings it there, then run the command again.",
            ),
            ClientError::BadUrl { url, reason } => say(
                Exit::Usage,
                &format!("The relay address {url} is not usable."),
                &format!("{}.", super::capitalised(reason)),
                "Ask for a claim or invitation with the relay's present address.",
            ),
            ClientError::Forked => say(
                Exit::Failed,
                "This is read-only here for now; nothing was changed.",
                "The relay went back to an old state and then took other changes of access: there are two histories, and they must be joined first.",
                "Run `nahtlos sync`: a device that knows both joins them. `nahtlos status` says whether it is done.",
            ),
            ClientError::Cloned => say(
                Exit::Failed,
                "This home writes nothing any more: another copy of it has written under its name.",
                "An old copy was restored, or two copies are in use; both would give the same numbers to different things.",
                &format!(
                    "Go on with the other copy. Save what was typed here with `nahtlos held export --to FILE`; without the other \
                     copy, come back with a new `--home DIR`. {COME_BACK}"
                ),
            ),
            ClientError::Restored => say(
                Exit::Failed,
                "This home was restored from a backup: it can be read, but nothing is done in it.",
                "The device the backup was made on may have gone on meanwhile; two under one name would contradict each other.",
                &format!(
                    "Save what was never delivered: `nahtlos held export --to FILE`. To work on, come back with a new `--home \
                     DIR`, and end this device as lost (`nahtlos device revoke`). {COME_BACK}"
                ),
            ),
            // A later version of the client; its own words are better than none.
            other => say(
                Exit::Failed,
                &format!("{}.", super::capitalised(&other.to_string())),
                "",
                "Run `nahtlos doctor`.",
            ),
        }
    }
}

/// How somebody comes back who has no device that works.
const COME_BACK: &str = "With your paper: `nahtlos device restore --paper`. Without it, ask who administers your \
     institution to let a new device of yours in (`nahtlos device add --for YOU`), and answer with `nahtlos device \
     join FILE`.";

/// Of a case its lead decides, of a team who manages it, of people and devices who administers the institution.
fn whom_to_ask(action: &str) -> &'static str {
    if action == "write on this device" {
        "Use another device of yours. `nahtlos status` says since when; `nahtlos device wipe` empties this one."
    } else if action == "rename what belongs to a merged institution" {
        "Ask one of them to rename it: `nahtlos institution show INSTITUTION` says who administers it."
    } else if OF_THE_NETWORK.contains(&action) {
        "Ask an institution that manages the network to do it: `nahtlos network list` says which."
    } else if OF_A_TEAM.contains(&action) {
        "Ask one of those who manage the team, named above. If none of them is left, custodians open it: `nahtlos recovery use --help`."
    } else if OF_THE_INSTITUTION.contains(&action) {
        "Ask somebody who administers your institution to do it: `nahtlos institution policy` lists them."
    } else {
        "`nahtlos share explain CASE SECTION --for YOU` says why; ask the case lead's team for the right."
    }
}

/// The client's words for what is decided for the whole network.
const OF_THE_NETWORK: [&str; 2] = ["say who manages the network", "invite an institution"];

/// The client's words for what who manages a team decides about it.
const OF_A_TEAM: [&str; 4] = [
    "invite into this team",
    "add a member",
    "merge this team",
    "let the recovery key cover this team",
];

/// The client's words for what is decided about people and teams, and not about a case.
const OF_THE_INSTITUTION: [&str; 11] = [
    "remove somebody from this group",
    "end the right of a device",
    "found a team",
    "rename a team",
    "merge teams",
    "rename the institution",
    "add an administrator",
    "end somebody's part in administering",
    "say how your institution admits",
    "order a hand-over",
    "set up a recovery key",
];

fn edit(code: &str, error: &ApplyError) -> Failure {
    let say = |exit, what: String, why: &str, next: &str| Failure::new(exit, code, what, why, next);
    match error {
        ApplyError::Invalid(error) => Failure::field(error),
        ApplyError::Missing { what } => say(
            Exit::Failed,
            format!("The {what} does not exist in this section."),
            "It was removed, or has not arrived here yet.",
            "Run `nahtlos sync`, look at the list, then run the command again.",
        ),
        ApplyError::Deleted { .. } => say(
            Exit::Conflict,
            "It was deleted.".into(),
            "What you typed was not stored, because nobody would see it.",
            "Bring it back with `nahtlos task restore CASE TASK`, or `nahtlos section restore CASE \
             SECTION ENTRY`, then run the command again.",
        ),
        ApplyError::Changed { what } => say(
            Exit::Conflict,
            format!("{} has changed meanwhile.", super::capitalised(what)),
            "Your edit was made on an older state and was not stored.",
            "Look at it (`nahtlos plan show CASE`, `nahtlos section show CASE SECTION`), then run \
             the command again.",
        ),
        ApplyError::NoPayer => say(
            Exit::Failed,
            "Nobody pays this step yet, so there is nothing to approve.".into(),
            "",
            "Say who pays: `nahtlos plan step payers CASE STEP \"INSTITUTION=100\"`.",
        ),
        ApplyError::NotEntitled { rule, .. } => say(
            Exit::NoRight,
            "You have no right to do this.".into(),
            &format!("{}; your institution does not.", super::capitalised(rule)),
            "See who pays: `nahtlos plan show CASE`; who leads: `nahtlos case show CASE`.",
        ),
        ApplyError::Write(_) => say(
            Exit::Failed,
            "The document refused the edit; nothing was changed.".into(),
            "The entry does not fit the section's form.",
            "Shorten it and try again; if it stays, run `nahtlos doctor`.",
        ),
    }
}

/// What can still be done in a closed section, and by whom.
fn closed_next(managers: &[String]) -> String {
    let still = "Read it with `nahtlos section show CASE SECTION`; what is new goes into another section, \
                 for example `nahtlos journal add CASE`";
    match managers {
        [] => format!("{still}."),
        _ => format!(
            "{still}. Access to it is still withdrawn with `nahtlos share withdraw CASE SECTION --from \
             MEMBER`, by: {}.",
            managers.join(", ")
        ),
    }
}

fn other_invitation(for_institution: bool) -> Failure {
    let (whom, next) = if for_institution {
        (
            "an institution",
            "Use `nahtlos institution join --invitation FILE`.",
        )
    } else {
        ("a person", "Use `nahtlos member join --invitation FILE`.")
    };
    Failure::new(
        Exit::Failed,
        "other_invitation",
        format!("This invitation is for {whom}; nothing was done."),
        "Institutions and people join by different commands.",
        next,
    )
}

fn incident_open(open: OpenIncident) -> Failure {
    let part = |number: u64, one: &str, more: &str| {
        let words = if number == 1 { one } else { more };
        (number > 0).then(|| format!("{number} {words}"))
    };
    let parts = [
        part(
            open.waiting,
            "item waits to be offered to the relay again",
            "items wait to be offered to the relay again",
        ),
        part(
            open.forks,
            "log has two histories that are not joined",
            "logs have two histories that are not joined",
        ),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    Failure::new(
        Exit::Failed,
        "incident_open",
        "This is not over yet, so it stays on the list.",
        format!("{}. All of it is safe on this device.", parts.join("; ")),
        "Run `nahtlos sync`, then this command again; a colleague's device may have to sync too. What nobody \
         has brought after 30 days can be noted as missing.",
    )
}

fn no_key(notice: KeyNotice) -> Failure {
    let (exit, next) = match notice {
        KeyNotice::NotGranted => (
            Exit::NoRight,
            "Ask the case lead's team to share it; `nahtlos share explain CASE SECTION --for YOU` says why.",
        ),
        KeyNotice::Expired { .. } | KeyNotice::Ended { .. } | KeyNotice::CutBefore => (
            Exit::NoRight,
            "See who ended it and why: `nahtlos share explain CASE SECTION --for YOU`. The case lead's team can share it again; what you read before stays readable here.",
        ),
        KeyNotice::WaitsForConfirmation | KeyNotice::Suspended => (
            Exit::Locked,
            "Ask who manages it to compare your fingerprint and confirm you, then run `nahtlos sync` here.",
        ),
        KeyNotice::Forked => (
            Exit::Locked,
            "Run `nahtlos sync`; if it stays, tell the relay's operator.",
        ),
        KeyNotice::NoEpoch
        | KeyNotice::Pending
        | KeyNotice::BadWrap
        | KeyNotice::EarlierContentWaits => (
            Exit::Locked,
            "Ask a colleague who can open it to sync, then run `nahtlos sync` here.",
        ),
    };
    Failure::new(
        exit,
        notice.word(),
        "This section cannot be opened on this device.",
        format!("{}.", super::capitalised(notice.sentence())),
        next,
    )
}

fn not_found(what: &str, input: &str) -> Failure {
    if what == "team" {
        return Failure::new(
            Exit::Failed,
            "not_found",
            format!("No team of your institution matches \"{input}\"."),
            "Who is in another institution's team is decided there; what you share with that team you can withdraw.",
            "See `nahtlos team` for yours; `nahtlos share withdraw CASE --from TEAM` ends what it reads of a case.",
        );
    }
    let next = match what {
        "case" => {
            "See `nahtlos case`; a case that was shared with you arrives with `nahtlos sync`."
        }
        "team or person" => {
            "Run `nahtlos sync` (they may be new), then see `nahtlos network`, and name a team or a person of it."
        }
        "version of the plan" | "version of the plan that waits for signatures" => {
            "See its versions: `nahtlos plan show CASE`; the lead proposes one with `nahtlos plan propose CASE`."
        }
        "consent" => "See `nahtlos consent CASE`, then run the command again.",
        "held edit" => "See `nahtlos held`, then run the command again.",
        "decision" => "See `nahtlos decision`, then run the command again.",
        "round table" => "See them with their numbers: `nahtlos meeting list CASE`.",
        "point of the agenda" | "invitee" | "decision of the round table" => {
            "See them with their numbers: `nahtlos meeting show CASE`, then run the command again."
        }
        "section" => "See which sections you can open: `nahtlos section list CASE`.",
        "person" => "See `nahtlos member`, then run the command again.",
        "institution" => "See `nahtlos institution`, then run the command again.",
        "device" => "See `nahtlos device`, then run the command again.",
        _ => "Look at the list again, then run the command again.",
    };
    let why = match is_short_beginning(input) {
        true => {
            "Nothing of this name is known on this device; of an id at least the first 8 characters are needed."
        }
        false => "Nothing of this name is known on this device.",
    };
    Failure::new(
        Exit::Failed,
        "not_found",
        format!("No {what} matches \"{input}\"."),
        why,
        next,
    )
}

/// Whether this may be the beginning of an id, and too little of it: by few characters a mistyped name could
/// be somebody else.
fn is_short_beginning(input: &str) -> bool {
    let input = input.trim();
    (2..8).contains(&input.len()) && input.chars().all(|one| one.is_ascii_hexdigit())
}

fn ambiguous(what: &str, input: &str, matches: &[String]) -> Failure {
    let several = match what {
        "person" => "people",
        "team" => "teams",
        "institution" => "institutions",
        "team or person" => "teams or people",
        plural => plural,
    };
    let mut failure = Failure::new(
        Exit::Failed,
        "ambiguous",
        format!("\"{input}\" matches several {several}."),
        "Any of these could be meant:",
        "Write more of the name or number, so that only one matches; where an id stands beside it, the id does.",
    );
    failure.details = matches.into();
    failure
}

#[cfg(test)]
mod tests {
    use nahtlos_protocol::identifier::DeviceId;

    use super::*;

    #[test]
    fn who_types_too_little_of_an_id_is_told_how_much_is_needed() {
        for (input, says_so) in [("a446", true), ("a446b1c", true), ("Keller", false)] {
            let why = not_found("person", input).why;
            assert_eq!(
                why.contains("at least the first 8 characters"),
                says_so,
                "{why}"
            );
        }
        assert!(!not_found("person", "a446b1c2").why.contains("at least"));
    }

    #[test]
    fn every_reason_for_not_holding_a_key_says_why_and_the_next_command() {
        let by = DeviceId([7; 32]);
        let since_ms = 1_800_000_000_000;
        let notices = [
            (KeyNotice::NotGranted, Exit::NoRight),
            (KeyNotice::NoEpoch, Exit::Locked),
            (KeyNotice::Pending, Exit::Locked),
            (KeyNotice::WaitsForConfirmation, Exit::Locked),
            (KeyNotice::Suspended, Exit::Locked),
            (KeyNotice::Expired { since_ms }, Exit::NoRight),
            (KeyNotice::Ended { since_ms, by }, Exit::NoRight),
            (KeyNotice::CutBefore, Exit::NoRight),
            (KeyNotice::BadWrap, Exit::Locked),
            (KeyNotice::EarlierContentWaits, Exit::Locked),
            (KeyNotice::Forked, Exit::Locked),
        ];
        let mut said = Vec::new();
        for (notice, exit) in notices {
            let failure = no_key(notice);
            assert_eq!(failure.exit, exit, "{notice:?}");
            assert_eq!(failure.code, notice.word());
            assert!(!said.contains(&failure.why), "{notice:?}: {}", failure.why);
            assert!(failure.next.ends_with('.'), "{notice:?}: {}", failure.next);
            assert!(
                failure.next.contains("`nahtlos "),
                "{notice:?}: {}",
                failure.next
            );
            said.push(failure.why);
        }
    }
}
