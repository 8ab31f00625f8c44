//! `nahtlos sync` and `nahtlos status`.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use nahtlos_client::fate::HeldNews;
use nahtlos_client::status::{Status, is_after_an_end};
use nahtlos_client::{Nahtlos, SyncReport};
use serde_json::json;

use super::bundle::carried_in_words;
use super::held::is_open;
use super::team::place_in_words;
use super::{attention, decision, device_wipe, draft, held_news};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates, json};

pub fn sync(context: &Context, all: bool) -> Result<Answer, Failure> {
    let mut nahtlos = context.open()?;
    if all {
        nahtlos.pull_everything_again()?;
    }
    let mut transport = context.transport_of(&nahtlos)?;
    let before = Before {
        returned: decision::returned(&nahtlos)?.len(),
        waiting: nahtlos.rotations_left()?.len(),
        set_aside: set_aside(&nahtlos)?,
    };
    // Draws on standard error, and only where that is a terminal.
    let bar = ProgressBar::new_spinner().with_message("connecting");
    bar.set_style(
        ProgressStyle::with_template("{spinner} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar.enable_steady_tick(Duration::from_millis(120));
    let synced = nahtlos.sync(&mut transport, &mut |progress| {
        bar.set_message(format!(
            "received {}, delivered {}",
            progress.received, progress.delivered
        ));
    });
    bar.finish_and_clear();
    let synced = synced?;
    let news = nahtlos.tell_held_news()?;
    report(&nahtlos, &synced, &before, &news)
}

/// How it was before, to tell what is new.
struct Before {
    /// Decisions that had come back.
    returned: usize,
    /// New keys that had been decided.
    waiting: usize,
    /// Edits of one's own that had been refused.
    set_aside: u64,
}

/// How often edits of one's own were refused, but for those after a right had ended.
fn set_aside(nahtlos: &Nahtlos) -> Result<u64, Failure> {
    let lines = nahtlos.set_aside_edits()?;
    let refused = lines.iter().filter(|line| !is_after_an_end(&line.reason));
    Ok(refused.count() as u64)
}

/// With what a sync found that a person should know.
pub fn noted(answer: Answer, notices: &[String]) -> Answer {
    notices.iter().fold(answer, |answer, notice| {
        answer.note(format!("Note: {notice}."))
    })
}

fn report(
    nahtlos: &Nahtlos,
    report: &SyncReport,
    before: &Before,
    news: &[HeldNews],
) -> Result<Answer, Failure> {
    let returned = decision::returned(nahtlos)?;
    let rotated = before
        .waiting
        .saturating_sub(nahtlos.rotations_left()?.len()) as u64;
    let conflicts: usize = nahtlos
        .cases()?
        .iter()
        .map(|line| line.summary.conflicts)
        .sum();
    let undelivered = nahtlos.status()?.undelivered_edits;
    let page = Page::default().fields([
        (
            "received",
            Some(count(report.envelopes_received, "edit", "edits")),
        ),
        (
            "delivered",
            Some(count(report.envelopes_delivered, "edit", "edits")),
        ),
        (
            "changes of access",
            Some(format!(
                "{} received, {} delivered",
                report.operations_received, report.operations_delivered
            )),
        ),
        (
            "new keys",
            (rotated > 0).then(|| count(rotated, "of those decided", "of those decided")),
        ),
        (
            "brought for others",
            (report.carried_delivered > 0)
                .then(|| count(report.carried_delivered, "item", "items")),
        ),
        ("admitted", listed(&report.admitted)),
        (
            "not delivered",
            (undelivered > 0).then(|| count(undelivered, "edit", "edits")),
        ),
    ]);
    let mut data = json::value(report);
    data["undelivered_edits"] = undelivered.into();
    data["conflicts"] = conflicts.into();
    data["held"] = report
        .held
        .iter()
        .map(|(reason, number)| json!({ "reason": reason, "count": number }))
        .collect();
    data["held_news"] = json::value(&news);
    data["revoked"] = json::value(&nahtlos.own_revocation()?);
    data["removed"] = json::value(&nahtlos.own_removal()?);
    data["institution_left"] = json::value(&nahtlos.own_institution_left()?);
    let teams_left = report
        .teams_left
        .iter()
        .map(device_wipe::team_left_in_words);
    let notices: Vec<String> = report.notices.iter().cloned().chain(teams_left).collect();
    let mut answer = noted(Answer::new(data, page), &notices);
    if let Some(revoked) = nahtlos.own_revocation()? {
        answer = answer
            .note(device_wipe::in_words(&revoked))
            .note(
                "What was typed here before is sent as held, and who manages the sections decides about it. Then \
                 erase this device: `nahtlos device wipe` says first what would be lost.",
            )
            .exit(Exit::PartlyHeld);
    } else if let Some(removed) = nahtlos.own_removal()? {
        answer = answer
            .note(device_wipe::removal_in_words(&removed))
            .note(device_wipe::AFTER_REMOVAL)
            .exit(Exit::PartlyHeld);
    } else if let Some(left) = nahtlos.own_institution_left()? {
        answer = answer
            .note(device_wipe::institution_left_in_words(&left))
            .note(device_wipe::AFTER_INSTITUTION_LEFT)
            .exit(Exit::PartlyHeld);
    }
    if nahtlos.status()?.enrolment == "waiting_for_confirmation" {
        answer = answer.note(
            "This device is added and not let in yet: another administrator than who added it has to confirm it \
             (`nahtlos member waiting` on their device). Until then nothing can be read here.",
        );
    }
    if let Some(order) = attention::ordered(nahtlos)? {
        answer = answer.note(format!("{} {}", order.says, order.next));
    }
    if let Some(copy) = nahtlos.other_copy()? {
        answer = answer
            .note(format!(
                "Nothing was sent: {}. Save what was typed here: `nahtlos held export --to FILE`.",
                copy.sentence
            ))
            .exit(Exit::PartlyHeld);
    }
    answer = attention::enquiries(nahtlos)
        .into_iter()
        .fold(answer, Answer::note);
    if conflicts > 0 {
        answer = answer.note(format!(
            "{}: see `nahtlos conflict`.",
            count(
                conflicts as u64,
                "conflict waits for a person",
                "conflicts wait for a person"
            )
        ));
    }
    let held: u64 = report.held.iter().map(|(_, number)| number).sum();
    if held > 0 {
        answer = answer.note(format!(
            "{} here, nothing of it is lost: see `nahtlos held`.",
            count(held, "item is held", "items are held")
        ));
    }
    // What was refused or held before is in `status`, and fails no later sync.
    let refused = set_aside(nahtlos)?;
    let waits = held > refused || refused > before.set_aside;
    if waits || news.iter().any(HeldNews::needs_a_person) {
        answer = answer.exit(Exit::PartlyHeld);
    }
    for sentence in held_news::sentences(nahtlos, news) {
        answer = answer.note(sentence);
    }
    let open = nahtlos
        .held_list()?
        .iter()
        .filter(|one| is_open(one))
        .count();
    let new = news.iter().filter(|one| one.fate.is_waiting()).count();
    if open > new {
        answer = answer.note(format!(
            "{} for a decision: see `nahtlos held`.",
            count(
                (open - new) as u64,
                "held change still waits",
                "held changes still wait"
            )
        ));
    }
    if let Some(decision) = returned.last() {
        answer = answer.note(format!(
            "{} not carried out, because something changed meanwhile ({}): see `nahtlos decision`.",
            count(
                returned.len() as u64,
                "decision of yours was",
                "decisions of yours were"
            ),
            decision.reason.as_deref().unwrap_or(&decision.what)
        ));
    }
    // What had come back before is said, and fails no later sync.
    if returned.len() > before.returned {
        answer = answer.exit(Exit::Conflict);
    }
    Ok(answer)
}

pub fn status(context: &Context) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let status = nahtlos.status()?;
    let cases = nahtlos.cases()?;
    let conflicts: usize = cases.iter().map(|line| line.summary.conflicts).sum();
    let not_arrived = nahtlos.cases_not_arrived()? as u64;
    let unread: u64 = cases.iter().map(|line| line.unread).sum();
    let enrolment = match status.enrolment {
        "enrolled" => "enrolled",
        "revoked" => "revoked: this device is no device of yours any more",
        "removed" => "no member any more",
        "outside" => "your institution takes no part in the network any more",
        "waiting_for_admission" => "asked to join, not admitted yet",
        "waiting_for_confirmation" => {
            "added, not let in yet: another administrator has to confirm this device"
        }
        "unanswered" => "founding or joining has begun; `nahtlos sync` goes on with it",
        _ => "belongs to nobody yet",
    };
    let synced = status
        .synced_at_ms
        .map_or_else(|| "never".to_owned(), dates::moment);
    let signs = attention::signs(&nahtlos, &status)?;
    let held_edits = nahtlos.held_list()?;
    let held_edits = held_edits.iter().filter(|one| is_open(one)).count();
    let teams = nahtlos.own_teams()?;
    let own_teams: Vec<String> = teams
        .iter()
        .map(|one| place_in_words(&one.team, one.role, one.joined))
        .collect();
    let page = attention::told(Page::default(), &signs);
    let page = attention::enquiries(&nahtlos)
        .into_iter()
        .fold(page, Page::line);
    let page = page.fields([
        ("person", status.person.clone()),
        (
            "team",
            status.team.clone().map(|team| match status.team_left {
                true => format!("{team} (no longer)"),
                false => team,
            }),
        ),
        ("in teams", listed(&own_teams)),
        (
            "no longer in",
            listed(
                &status
                    .teams_left
                    .iter()
                    .map(device_wipe::team_left_in_short)
                    .collect::<Vec<_>>(),
            ),
        ),
        ("institution", status.institution.clone()),
        ("network", status.network.clone()),
        ("fingerprints", Some(fingerprints(&status))),
        ("words", Some(words(&status))),
        ("state", Some(enrolment.to_owned())),
        ("relay", status.relay.clone()),
        ("last sync", Some(synced)),
        (
            "cases",
            Some(match receives_nothing(&status) {
                true => format!(
                    "{} (as received until then; nothing more arrives)",
                    cases.len()
                ),
                false => cases.len().to_string(),
            }),
        ),
        ("new from others", Some(count(unread, "change", "changes"))),
        (
            "not delivered",
            Some(count(status.undelivered_edits, "edit", "edits")),
        ),
        (
            "not with the relay",
            listed(&carried_in_words(&nahtlos, &status.carried)),
        ),
        ("waiting for sync", listed(&status.waiting_decisions)),
        ("typed, not stored", draft::waiting(&nahtlos)?),
        ("open invitations", listed(&status.open_invitations)),
        ("conflicts", Some(conflicts.to_string())),
        ("held", Some((status.held.len() + held_edits).to_string())),
        (
            "not fully arrived",
            (not_arrived > 0).then(|| count(not_arrived, "case", "cases")),
        ),
        (
            "not shown",
            (status.foreign_sections > 0).then(|| {
                let sections = status.foreign_sections as u64;
                format!(
                    "{} of no case: see `nahtlos doctor`",
                    count(sections, "section", "sections")
                )
            }),
        ),
    ]);
    let mut data = json::value(&status);
    data["cases"] = cases.len().into();
    data["cases_not_arrived"] = not_arrived.into();
    data["teams"] = json::value(&teams);
    data["unread"] = unread.into();
    data["conflicts"] = conflicts.into();
    data["enquiries_waiting"] = attention::enquiries(&nahtlos).len().into();
    data["drafts"] = nahtlos.drafts()?.len().into();
    data["home"] = json!(context.home);
    data["attention"] = json::value(&signs);
    let mut answer = Answer::new(data, page);
    let waits = status.undelivered_edits > 0
        || !status.waiting_decisions.is_empty()
        || !status.carried.is_empty();
    if waits && status.institution_left.is_some() {
        answer = answer.note(device_wipe::NEVER_DELIVERED);
    } else if waits && status.restored_backup.is_none() {
        answer = answer.note("`nahtlos sync` delivers what waits.");
    }
    Ok(answer)
}

/// Whether what is here changes no more: the device, its person or its institution is in the network no longer.
fn receives_nothing(status: &Status) -> bool {
    matches!(status.enrolment, "revoked" | "removed" | "outside")
}

/// What one reads to somebody who compares it: who waits as a person, a team or a device has another.
fn fingerprints(status: &Status) -> String {
    let of = |what: &str, fingerprint: &Option<String>| {
        fingerprint.as_ref().map(|text| format!("{what} {text}"))
    };
    let all = [
        of("you", &status.person_fingerprint),
        of("team", &status.team_fingerprint),
        Some(format!("this device {}", status.device)),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// The same as words: `member waiting` on the other screen says whose are compared.
fn words(status: &Status) -> String {
    let device = format!("this device: {}", status.device_words);
    match &status.person_words {
        Some(person) => format!("{device} · you as a person: {person}"),
        None => device,
    }
}

/// A number with its noun.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn listed(items: &[String]) -> Option<String> {
    (!items.is_empty()).then(|| items.join("; "))
}
