//! `nahtlos device wipe`, and what a device says whose right has ended.

use nahtlos_client::former_people::{InstitutionLeft, MemberRemoval, TeamLeft};
use nahtlos_client::revocation::Revocation;
use nahtlos_client::wiping::WipePreview;
use serde_json::json;

use super::ending;
use super::held_page::place_of;
use super::sync::count;
use crate::arguments::Answered;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates, json};

pub fn wipe(context: &Context, answered: Answered) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let preview = nahtlos.preview_wipe()?;
    let places: Vec<(String, u64)> = preview
        .undelivered
        .iter()
        .map(|one| (place_of(&nahtlos, &one.space), one.edits))
        .collect();
    let page = preview_page(context, &preview, &places);
    let data = |done: &str| {
        json!({
            "done": done,
            "home": context.home,
            "wipe": json::value(&preview),
            "loses_something": preview.loses_something(),
        })
    };
    if let Some(answer) = ending::unless_confirmed(answered, page, "Wipe this home?", data)? {
        return Ok(answer);
    }
    nahtlos.wipe()?;
    let said = format!(
        "Wiped: the key of this home is destroyed and its files are removed ({}).",
        context.home.display()
    );
    let answer = Answer::sentence(data("wiped"), said).note(
        "Backups and copies of this home that lie elsewhere are not reached: they open with the passphrase \
         they had.",
    );
    Ok(match (&preview.revoked, &preview.removed) {
        (Some(_), _) => answer,
        (None, Some(_)) => answer.note(format!(
            "It still stands as a device of yours. Tell who administers your institution that it is wiped: they \
             end it with `nahtlos device revoke {}`.",
            preview.device
        )),
        (None, None) => answer.note(
            "Its right still stands. End it on another device of yours, or ask your institution: \
             `nahtlos device revoke DEVICE`.",
        ),
    })
}

fn preview_page(context: &Context, preview: &WipePreview, places: &[(String, u64)]) -> Page {
    let mut page = Page::default().title(format!(
        "Wipe this device, {} ({})",
        preview.device,
        context.home.display()
    ));
    page = match (&preview.revoked, &preview.removed) {
        (Some(revoked), _) => page.line(in_words(revoked)),
        (None, Some(removed)) => page.line(removal_in_words(removed)),
        (None, None) => {
            page.line("It is still a device of yours: wiping it does not end its right.")
        }
    };
    let mut rows: Vec<Vec<String>> = places
        .iter()
        .map(|(place, edits)| {
            let place = if place.is_empty() { "a section" } else { place };
            vec![
                count(*edits, "edit", "edits"),
                format!("typed in {place}, not delivered"),
            ]
        })
        .collect();
    if preview.refused_edits > 0 {
        rows.push(vec![
            count(preview.refused_edits, "edit", "edits"),
            "refused by the relay, kept only here".into(),
        ]);
    }
    if preview.discarded > 0 {
        rows.push(vec![
            count(preview.discarded, "change", "changes"),
            "discarded by who manages the section, kept only here".into(),
        ]);
    }
    if preview.drafts > 0 {
        rows.push(vec![
            count(preview.drafts, "draft", "drafts"),
            "typed and not stored: `nahtlos draft`".into(),
        ]);
    }
    let decided = preview.decisions.iter();
    rows.extend(decided.map(|what| vec!["decision".into(), what.clone()]));
    let invited = preview.open_invitations.iter();
    rows.extend(invited.map(|note| vec!["invitation".into(), format!("for {note}, not answered")]));
    page = page.table(
        &["lost for good", ""],
        rows,
        "Nothing would be lost: everything that was typed here is at the relay.",
    );
    if preview.held_elsewhere > 0 {
        page = page.line(format!(
            "{} for a decision: who manages the sections has them too, and they stay there.",
            count(
                preview.held_elsewhere,
                "change of yours waits",
                "changes of yours wait"
            )
        ));
    }
    if preview.loses_something() {
        page = page.line(match preview.institution_left {
            true => NEVER_DELIVERED,
            false => {
                "Deliver first with `nahtlos sync`, or keep what was typed: `nahtlos held export --to FILE`."
            }
        });
    }
    if preview.only_device == Some(true) && preview.removed.is_none() {
        page = page.line(
            "You have no other device: without a paper (`nahtlos key paper`) you come back only by who administers \
             your institution (`nahtlos device add --for YOU`).",
        );
    }
    page.line("First its key is destroyed, so that nothing in it opens any more, then its files.")
}

/// When, by whom and why a device's right ended.
pub fn in_words(revoked: &Revocation) -> String {
    let by = revoked.by.as_ref();
    let by = by.map_or_else(String::new, |by| format!(" by {by}"));
    let reason = because(revoked.reason);
    format!(
        "This device was revoked on {}{by}{reason}: it receives nothing more.",
        dates::moment(revoked.refused_since_ms.unwrap_or(revoked.revoked_at_ms))
    )
}

/// When, by whom and why this device's person ceased to be a member.
pub fn removal_in_words(removed: &MemberRemoval) -> String {
    let by = removed.by.as_ref();
    format!(
        "You are no member of {} any more since {}{}{}: this device receives nothing more of what was shared \
         with you there.",
        removed.from,
        dates::moment(removed.at_ms),
        by.map_or_else(String::new, |by| format!(", by {by}")),
        because(removed.reason)
    )
}

/// What who left does with their device.
pub const AFTER_REMOVAL: &str = "What you had received stays readable here: `nahtlos case list --all`. What was typed before is sent as held \
    with `nahtlos sync`, and who manages the sections decides about it; `nahtlos held export --to FILE` keeps a \
    copy. Then erase this device: `nahtlos device wipe` says first what would be lost.";

/// When and by whom the part of this device's institution in the network ended.
pub fn institution_left_in_words(left: &InstitutionLeft) -> String {
    let by = left.by.as_ref().map(|by| match &left.by_institution {
        Some(institution) => format!(", by {by} ({institution})"),
        None => format!(", by {by}"),
    });
    format!(
        "{} takes no part in the network any more since {}{}: this device receives nothing more of it.",
        left.institution,
        dates::moment(left.at_ms),
        by.unwrap_or_default()
    )
}

/// What its people do then.
pub const AFTER_INSTITUTION_LEFT: &str = "What you had received stays readable here: `nahtlos case list --all`. What was typed and \
    has not arrived, and what is typed from now on, the relay does not take: `nahtlos held export --to FILE` writes \
    it. An institution that manages the network can invite yours again, as a new one: in a new home (`--home NEW_DIR`), and \
    the cases of this one do not come along. A device that is not needed any more is \
    erased with `nahtlos device wipe`, which says first what would be lost.";

/// Of what waits on a device whose institution left.
pub const NEVER_DELIVERED: &str = "What was typed here and has not arrived never will: your institution takes no part in the \
    network any more, and no `nahtlos sync` delivers it. `nahtlos held export --to FILE` writes it out.";

/// When, by whom and why a person left one team, and stays in another.
pub fn team_left_in_words(left: &TeamLeft) -> String {
    format!(
        "you are in the team {} no longer: {} ended it on {}{}; what you had received stays readable here, nothing \
         more of its cases arrives, and what you typed there before you knew is held for the team to decide (`nahtlos held` lists \
         it, `nahtlos held export --to FILE` keeps a copy). Your other teams and their cases stay as they are",
        left.team,
        left.by.as_deref().unwrap_or("somebody"),
        dates::moment(left.at_ms),
        because(left.reason)
    )
}

/// The same for `status`, as long as it holds.
pub fn team_left_in_short(left: &TeamLeft) -> String {
    format!(
        "{} since {}{}{}",
        left.team,
        dates::moment(left.at_ms),
        left.by
            .as_ref()
            .map_or_else(String::new, |by| format!(", by {by}")),
        because(left.reason)
    )
}

fn because(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| {
        format!(" ({})", reason.replace('_', " "))
    })
}
