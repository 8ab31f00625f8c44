//! What needs somebody's attention, worst first, each with the next command: for `status` and
//! `doctor`.

use nahtlos_casework::view::EnquiryStatus;
use nahtlos_client::Nahtlos;
use nahtlos_client::backups::RestoredBackup;
use nahtlos_client::enquiry::EnquiryState;
use nahtlos_client::fate::Fate;
use nahtlos_client::held::HeldEnvelope;
use nahtlos_client::incidents::Incident;
use nahtlos_client::intents::returned::Decision;
use nahtlos_client::repair::WaitingGrant;
use nahtlos_client::silence::InstitutionHeard;
use nahtlos_client::status::{HeldLine, Status, is_after_an_end};
use nahtlos_protocol::identifier::SpaceId;
use serde::Serialize;

use super::held::is_open;
use super::held_page::{place_of, who};
use super::sync::count;
use super::{case_handover, decision, device_wipe, newcomer};
use crate::failure::Failure;
use crate::output::{Page, dates};

/// One thing that needs attention.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Sign {
    /// Stable word.
    pub code: &'static str,
    /// What happened and why, in words.
    pub says: String,
    /// What to do, with the command in backticks.
    pub next: String,
}

/// Silence of an institution that is worth a question.
const SILENT_AFTER_MS: u64 = 14 * 24 * 60 * 60 * 1000;

/// The client's word for a founding operation that the relay refuses for good.
const FOUNDING_REFUSED: &str = "founding_refused";

/// Characters of an enquiry's identifier that tell it apart.
const ENQUIRY_ID_SHOWN: usize = 8;

/// Signs that `status` shows; the rest is in `doctor`.
const SHOWN_MAX: usize = 5;

/// Everything, worst first.
///
/// # Errors
/// Where the vault cannot be read.
pub fn signs(nahtlos: &Nahtlos, status: &Status) -> Result<Vec<Sign>, Failure> {
    let mut signs = Vec::new();
    signs.extend(status.revoked.as_ref().map(|revoked| Sign {
        code: "revoked",
        says: device_wipe::in_words(revoked),
        next: "Deliver what was typed before with `nahtlos sync`, where it is held for others to decide; then \
               `nahtlos device wipe`."
            .into(),
    }));
    let decided = nahtlos.erasures_decided()?;
    if !decided.is_empty() {
        let cases = super::sync::count(decided.len() as u64, "case is", "cases are");
        signs.push(Sign {
            code: "erasure_decided",
            says: format!(
                "{cases} decided to be erased with the next sync, for everybody and for good."
            ),
            next: "`nahtlos sync` carries it out; `nahtlos case erase CASE --take-back` takes it back (`nahtlos case` \
                   shows which)."
                .into(),
        });
    }
    let removed = status.removed.as_ref();
    let removed = removed.filter(|_| status.revoked.is_none());
    signs.extend(removed.map(|removed| Sign {
        code: "removed",
        says: device_wipe::removal_in_words(removed),
        next: device_wipe::AFTER_REMOVAL.into(),
    }));
    let left = status.institution_left.as_ref();
    let left = left.filter(|_| status.revoked.is_none() && status.removed.is_none());
    signs.extend(left.map(|left| Sign {
        code: "institution_left",
        says: device_wipe::institution_left_in_words(left),
        next: device_wipe::AFTER_INSTITUTION_LEFT.into(),
    }));
    signs.extend(status.other_copy.as_ref().map(|copy| Sign {
        code: "other_copy",
        says: format!("{}.", capitalised(copy.sentence)),
        next: "Save what was typed here: `nahtlos held export --to FILE`.".into(),
    }));
    signs.extend(status.restored_backup.as_ref().map(restored));
    for fork in &status.forks {
        signs.push(Sign {
            code: "forked",
            says: format!(
                "{} is read-only since {}: {}.",
                named(nahtlos, &fork.space),
                dates::moment(fork.noticed_at_ms),
                fork.sentence
            ),
            next: "Run `nahtlos sync`; go on reading meanwhile.".into(),
        });
    }
    signs.extend(status.incidents.iter().filter_map(incident));
    signs.extend(came_back(&decision::returned(nahtlos)?));
    signs.extend(waiting(&nahtlos.waiting_members()?));
    signs.extend(ordered(nahtlos)?);
    let edits = nahtlos.held_list()?;
    signs.extend(held(nahtlos, &edits));
    signs.extend(discarded(nahtlos, &edits, &status.held));
    let refused = status.held.iter();
    let refused = refused.filter(|line| line.reason == FOUNDING_REFUSED);
    let refused: Vec<String> = refused
        .map(|line| named(nahtlos, line.space.as_deref().unwrap_or_default()))
        .collect();
    signs.extend(founding_refused(&refused));
    signs.extend(set_aside(status));
    for addition in &status.lost_additions {
        signs.push(Sign {
            code: "lost_addition",
            says: format!(
                "{} was to {} in {}, but the relay lost that decision and took another one in its place.",
                addition.name.as_deref().unwrap_or("A device"),
                addition.role,
                named(nahtlos, &addition.space)
            ),
            next: "Who manages it decides it anew: `nahtlos share grant CASE --help`.".into(),
        });
    }
    for clone in nahtlos.clones()? {
        signs.push(Sign {
            code: "cloned_device",
            says: format!(
                "The device {} has written twice under one number in {}: its home was copied. Both edits count.",
                clone.device.get(..8).unwrap_or(&clone.device),
                named(nahtlos, &clone.space)
            ),
            next: "Tell its institution to revoke it: `nahtlos device revoke DEVICE --dry-run`.".into(),
        });
    }
    signs.extend(foreign(status));
    if let Some(synced_at_ms) = status.synced_at_ms {
        signs.extend(silent(&status.institutions_heard, synced_at_ms));
    }
    Ok(signs)
}

fn restored(backup: &RestoredBackup) -> Sign {
    let made = backup.made_at_ms.map(dates::moment);
    let made = made.map_or_else(String::new, |made| format!(" The backup is of {made}."));
    Sign {
        code: "restored_backup",
        says: format!("{}.{made}", capitalised(backup.sentence)),
        next: "Save what was never delivered: `nahtlos held export --to FILE`. To work on, come back as a new \
               device in a new home: with your paper, `nahtlos device restore --paper --home NEW_DIR`; without it, by who \
               administers your institution (`nahtlos device add --for YOU`)."
            .into(),
    }
}

/// The worst of them on a page, as `status` shows them.
pub fn told(page: Page, signs: &[Sign]) -> Page {
    let mut page = page;
    for sign in signs.iter().take(SHOWN_MAX) {
        page = page
            .line(format!("! {}", sign.says))
            .line(format!("  {}", sign.next));
    }
    match signs.len().saturating_sub(SHOWN_MAX) {
        0 => page,
        more => page.line(format!("! {more} more: `nahtlos doctor` lists everything.")),
    }
}

/// Anonymous enquiries that wait for somebody of this institution: to answer, to tell more, or to open the case. Who
/// can read none, e.g. before being admitted, is told of none.
pub fn enquiries(nahtlos: &Nahtlos) -> Vec<String> {
    let all = nahtlos.enquiries().unwrap_or_default();
    let mut said = Vec::new();
    for enquiry in all {
        if enquiry.state == EnquiryState::Withdrawn {
            continue;
        }
        let id: String = enquiry.id.chars().take(ENQUIRY_ID_SHOWN).collect();
        let asked = enquiry.to.as_deref().unwrap_or("Who was asked");
        said.push(match (enquiry.is_own, enquiry.content.status) {
            (false, EnquiryStatus::Open | EnquiryStatus::MoreTold) => format!(
                "An anonymous enquiry of {} waits for your team's answer: `nahtlos enquiry show {id}`.",
                enquiry.from
            ),
            (true, EnquiryStatus::MoreWanted) => format!(
                "{asked} wants to know more before they answer your enquiry: `nahtlos enquiry show {id}`."
            ),
            (true, EnquiryStatus::Accepted) if enquiry.case.is_none() => format!(
                "{asked} takes part; your enquiry is no case yet: `nahtlos enquiry show {id}`."
            ),
            (true, EnquiryStatus::Declined) => format!(
                "{asked} declined your enquiry: `nahtlos enquiry show {id}`; `nahtlos enquiry withdraw {id}` puts it away."
            ),
            _ => continue,
        });
    }
    said
}

/// The relay went back, something is open from that, and nobody took note of it.
fn incident(incident: &Incident) -> Option<Sign> {
    if incident.acknowledged_at_ms.is_some() {
        return None;
    }
    let offered = incident.taken_back + incident.known_there + incident.refused;
    let open = incident.waiting > 0 || incident.refused > 0 || incident.forks > 0;
    let gap = incident.common_up_to.map_or_else(
        || "it does not say since when".to_owned(),
        |number| format!("it may have lost whatever came after its number {number}"),
    );
    let says = format!(
        "The relay went back to an earlier state, noticed on {} ({gap}). {} offered again: {} taken \
         back, {} were there already, {} refused; {}.",
        dates::moment(incident.noticed_at_ms),
        count(offered, "item was", "items were"),
        incident.taken_back,
        incident.known_there,
        incident.refused,
        count(incident.waiting, "item waits", "items wait")
    );
    open.then(|| Sign {
        code: "relay_went_back",
        says,
        next: if incident.waiting > 0 {
            "Run `nahtlos sync` until none waits, and tell the relay's operator.".into()
        } else {
            "Tell the relay's operator; what this device has is safe here. Then take note of it: \
             `nahtlos doctor --acknowledge`."
                .into()
        },
    })
}

fn came_back(returned: &[Decision]) -> Option<Sign> {
    let first = returned.first()?;
    Some(Sign {
        code: "decision_came_back",
        says: format!(
            "{} came back to you and {} not carried out: {} ({}).",
            count(returned.len() as u64, "decision", "decisions"),
            if returned.len() == 1 { "is" } else { "are" },
            first.what,
            first.reason.as_deref().unwrap_or("decide again")
        ),
        next: "Look at it with `nahtlos decision`.".into(),
    })
}

fn waiting(waiting: &[WaitingGrant]) -> Option<Sign> {
    let mut yours = waiting.iter().filter(|one| one.can_confirm);
    let first = yours.next()?;
    Some(Sign {
        code: "waits_for_confirmation",
        says: format!(
            "{} for you: {} in {} ({}). They receive no key until then.",
            count(1 + yours.count() as u64, "newcomer waits", "newcomers wait"),
            first.member,
            first.in_space,
            newcomer::why(first)
        ),
        next: "Compare words or fingerprints, then confirm: `nahtlos member waiting`.".into(),
    })
}

/// A hand-over to this person that was ordered and is not carried out.
pub fn ordered(nahtlos: &Nahtlos) -> Result<Option<Sign>, Failure> {
    let Some(own) = nahtlos.identity().person.map(|id| id.to_string()) else {
        return Ok(None);
    };
    // Who is not admitted yet has no directory.
    let orders = nahtlos.ordered_handovers().unwrap_or_default();
    for order in orders.into_iter().filter(|order| order.to_id == own) {
        let ids = SpaceId::from_hex(&order.from_id).zip(SpaceId::from_hex(&order.to_id));
        let Some((from, to)) = ids else {
            continue;
        };
        let cases = nahtlos.plan_handover(&from, &to, &[])?.cases.len() as u64;
        if cases > 0 {
            let by = order.ordered_by.as_deref().unwrap_or("Somebody");
            return Ok(Some(Sign {
                code: "handover_ordered",
                says: format!(
                    "{by} ordered that you take over the cases of {}: {} here.",
                    order.from,
                    count(cases, "case", "cases")
                ),
                next: "See which: `nahtlos case handover --ordered --dry-run`; then without `--dry-run`."
                    .into(),
            }));
        }
    }
    let unreached = nahtlos.orders_out_of_reach().unwrap_or_default();
    Ok(unreached.first().map(|order| Sign {
        code: "handover_out_of_reach",
        says: case_handover::out_of_reach(order),
        next: "What can be done: `nahtlos case handover --ordered --dry-run`.".into(),
    }))
}

fn held(nahtlos: &Nahtlos, edits: &[HeldEnvelope]) -> Option<Sign> {
    let open = || edits.iter().filter(|one| is_open(one));
    let first = open().find(|one| one.may_adopt).or_else(|| open().next())?;
    let number = open().count() as u64;
    let place = place_of(nahtlos, &first.space);
    Some(Sign {
        code: "held",
        says: format!(
            "{} not count: {} by {}, {}. Nothing of it is lost.",
            count(number, "change is held and does", "changes are held and do"),
            place,
            who(first),
            first.sentence
        ),
        next: "Look at it with `nahtlos held`.".into(),
    })
}

/// What was founded here and the relay will never take, by name.
fn founding_refused(spaces: &[String]) -> Option<Sign> {
    let first = spaces.first()?;
    Some(Sign {
        code: FOUNDING_REFUSED,
        says: format!(
            "The relay refused for good what was founded here: {first}{}. It is not sent again; what \
             you typed in it stays readable on this device, and nobody else sees it.",
            match spaces.len() {
                1 => String::new(),
                more => format!(" and {} more", more - 1),
            }
        ),
        next: "Keep a copy with `nahtlos section export CASE SECTION`, open it anew, and tell the relay's \
               operator (`nahtlos held` says why)."
            .into(),
    })
}

/// One's own edits that a manager discarded, until their author has put them away.
fn discarded(nahtlos: &Nahtlos, edits: &[HeldEnvelope], lines: &[HeldLine]) -> Option<Sign> {
    let own = edits
        .iter()
        .filter(|one| one.own && one.discarded.is_none());
    let own = own.map(|one| (one.fate, one.space.as_str(), one.id.as_str()));
    let aside = lines.iter().filter_map(|line| {
        let id = line.id.as_deref()?;
        Some((line.fate?, line.space.as_deref().unwrap_or_default(), id))
    });
    let discarded: Vec<_> = own
        .chain(aside)
        .filter(|(fate, ..)| fate.is_discarded())
        .collect();
    let (fate, space, id) = *discarded.first()?;
    let word = match fate {
        Fate::RelaySaysDiscarded => "The relay says that a manager discarded",
        _ => "A manager discarded",
    };
    Some(Sign {
        code: "held_discarded",
        says: format!(
            "{word} {}: {}. You keep what you typed.",
            count(
                discarded.len() as u64,
                "change of yours",
                "changes of yours"
            ),
            named(nahtlos, space)
        ),
        next: format!(
            "Look at it with `nahtlos held`; `nahtlos held discard {}` puts it away.",
            id.get(..8).unwrap_or(id)
        ),
    })
}

/// What could not be delivered or applied.
fn set_aside(status: &Status) -> Option<Sign> {
    // What one typed after a right had ended is kept, and no fault of this device.
    let faults: Vec<&HeldLine> = status
        .held
        .iter()
        .filter(|line| !is_after_an_end(&line.reason) && line.reason != FOUNDING_REFUSED)
        .collect();
    let first = faults.first()?;
    if let Some(forged) = faults.iter().find(|line| line.reason == "bad_signature") {
        return Some(Sign {
            code: "forged",
            says: format!(
                "{} not be delivered or applied; one of them {}.",
                count(faults.len() as u64, "item could", "items could"),
                forged.sentence
            ),
            next:
                "Run `nahtlos sync --all`: it forgets what is not signed and asks for everything \
                   again. If this comes back, tell the relay's operator."
                    .into(),
        });
    }
    if let Some(outside) = faults.iter().find(|line| line.reason == "not_admitted") {
        return Some(Sign {
            code: "outside_the_network",
            says: format!(
                "{} not be delivered: it {}.",
                count(faults.len() as u64, "item could", "items could"),
                outside.sentence
            ),
            next: "What you typed is kept: `nahtlos held export --to FILE` writes it. Only an institution that manages \
                   the network can invite yours again."
                .into(),
        });
    }
    Some(Sign {
        code: "not_applied",
        says: format!(
            "{} not be delivered or applied: it {}.",
            count(faults.len() as u64, "item could", "items could"),
            first.sentence
        ),
        next: "See `nahtlos held`; `nahtlos sync --all` asks again for what is missing.".into(),
    })
}

fn foreign(status: &Status) -> Option<Sign> {
    (status.foreign_sections > 0).then(|| Sign {
        code: "foreign_sections",
        says: format!(
            "{} shared with you claim a case they are no part of and are not shown: opened twice at \
             once by colleagues, or by a modified program.",
            count(status.foreign_sections as u64, "section", "sections")
        ),
        next: "Tell the coordinating office; nothing is to be done here.".into(),
    })
}

/// Measured at the last sync: who has not synced has heard of nobody.
fn silent(heard: &[InstitutionHeard], synced_at_ms: u64) -> Option<Sign> {
    let long: Vec<String> = heard
        .iter()
        .filter(|one| {
            one.heard_at_ms
                .is_some_and(|at_ms| synced_at_ms.saturating_sub(at_ms) > SILENT_AFTER_MS)
        })
        .map(|one| {
            let since = one.heard_at_ms.map(dates::moment).unwrap_or_default();
            format!("{} (last {since})", one.name)
        })
        .collect();
    (!long.is_empty()).then(|| Sign {
        code: "silent_institution",
        says: format!(
            "Nothing has arrived for two weeks or more from {}. They may have written nothing; a relay \
             that withholds their work looks the same.",
            long.join(", ")
        ),
        next: "Ask them by telephone when they last wrote; then `nahtlos sync --all`.".into(),
    })
}

/// Case number and section; else what group it is.
fn named(nahtlos: &Nahtlos, space: &str) -> String {
    match place_of(nahtlos, space) {
        place if place.is_empty() => {
            let known = nahtlos.key_lines().unwrap_or_default();
            let line = known.into_iter().find(|line| line.id == space);
            line.map_or_else(|| "a group".into(), |line| line.space)
        }
        place => place,
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident_with(waiting: u64, refused: u64, forks: u64) -> Incident {
        Incident {
            noticed_at_ms: 1_800_000_000_000,
            journal_before: "01".into(),
            sequence_before: 50,
            journal_after: "02".into(),
            sequence_after: 45,
            common_up_to: Some(40),
            taken_back: 3,
            known_there: 2,
            refused,
            forks,
            waiting,
            acknowledged_at_ms: None,
        }
    }

    #[test]
    fn an_incident_is_told_while_something_of_it_is_open() {
        assert_eq!(incident(&incident_with(0, 0, 0)), None);
        let sign = incident(&incident_with(4, 1, 0)).unwrap();
        assert!(sign.says.contains("after its number 40"), "{}", sign.says);
        assert!(
            sign.says.contains("6 items were offered again"),
            "{}",
            sign.says
        );
        assert!(sign.says.contains("4 items wait"), "{}", sign.says);
        assert!(sign.next.contains("`nahtlos sync`"));
        assert!(
            incident(&incident_with(0, 1, 0))
                .unwrap()
                .next
                .contains("operator")
        );
        assert!(incident(&incident_with(0, 0, 1)).is_some());
        let mut noted = incident_with(0, 0, 1);
        noted.acknowledged_at_ms = Some(1_800_000_000_001);
        assert_eq!(incident(&noted), None);
    }

    #[test]
    fn what_the_relay_refused_for_good_is_named_with_what_to_do() {
        assert_eq!(founding_refused(&[]), None);
        let sign = founding_refused(&["BE-1 core".into(), "BE-1 plan".into()]).unwrap();
        assert!(sign.says.contains("BE-1 core and 1 more"), "{}", sign.says);
        assert!(sign.says.contains("not sent again"), "{}", sign.says);
        assert!(sign.next.contains("`nahtlos section export CASE SECTION`"));
    }

    #[test]
    fn an_institution_is_silent_after_two_weeks_and_not_before() {
        let heard = |heard_at_ms| {
            vec![InstitutionHeard {
                institution: "00".into(),
                name: "IV-Stelle".into(),
                heard_at_ms,
            }]
        };
        let now = 100 * SILENT_AFTER_MS;
        assert_eq!(silent(&heard(Some(now)), now), None);
        assert_eq!(silent(&heard(Some(now - SILENT_AFTER_MS)), now), None);
        assert_eq!(silent(&heard(None), now), None, "nothing was ever shared");
        let sign = silent(&heard(Some(now - SILENT_AFTER_MS - 1)), now).unwrap();
        assert!(sign.says.contains("IV-Stelle"), "{}", sign.says);
    }

    #[test]
    fn status_shows_the_worst_and_says_how_many_more_there_are() {
        let sign = |number: usize| Sign {
            code: "held",
            says: format!("sign {number}"),
            next: "`nahtlos held`".into(),
        };
        let drawn = |number: usize| {
            let signs: Vec<Sign> = (0..number).map(sign).collect();
            format!("{:?}", told(Page::default(), &signs))
        };
        assert!(!drawn(SHOWN_MAX).contains("more:"));
        let many = drawn(SHOWN_MAX + 2);
        assert!(many.contains("2 more: `nahtlos doctor`"), "{many}");
        assert!(!many.contains("sign 5"), "{many}");
    }
}
