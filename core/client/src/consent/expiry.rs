//! What time does to consents: at the first sync of a day a device of the case's institution ends the
//! rights whose consent holds no more, and makes a task where a representative's consent is about to end
//! because the person comes of age.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, TaskEdit};
use nahtlos_casework::fields::{Date, EntryId, Field, Line};
use nahtlos_casework::record::{ConsentScope, ConsentScopes};
use nahtlos_casework::view::ConsentView;
use nahtlos_protocol::space::Logs;
use sha2::{Digest, Sha256};

use super::resting::Resting;
use crate::cases::Case;
use crate::edits::TypedEdit;
use crate::ending::Reason;
use crate::error::ClientError;
use crate::intents::put_intent;
use crate::nahtlos::Nahtlos;
use crate::records;
use crate::vault::Collection;

/// Key in `Collection::Setting`: the day on which the consents were last looked at.
const LOOKED_AT: &[u8] = b"consents-looked-at";
/// How long before the person comes of age the task is made.
const TASK_DAYS_BEFORE: i32 = 60;
/// What makes the task's identifier from the case and the day.
const TASK_LABEL: &[u8] = b"nahtlos/task/coming-of-age\0";

impl Nahtlos {
    /// Once a day, by the earlier of this device's clock and the relay's, since one of them may be ahead: ends what rests on consents that
    /// hold no more, and makes the tasks that are due. A case that cannot be read here is left to who can.
    pub(crate) fn look_after_consents(&mut self) -> Result<(), ClientError> {
        if self.require_sending().is_err() {
            return Ok(());
        }
        let today = Self::day_of(self.sure_now_ms()?)?;
        let looked_at = self.vault.get(Collection::Setting, LOOKED_AT)?;
        let looked_at: Option<String> =
            looked_at.map(|bytes| records::decode(&bytes)).transpose()?;
        if looked_at.as_deref() == Some(today.canonical().as_str()) {
            return Ok(());
        }
        for line in self.cases()? {
            let Ok(case) = self.case(&line.id) else {
                continue;
            };
            if !case.sections.contains_key(&SectionKind::Consent)
                || self.require_home(&case, "look after its consents").is_err()
            {
                continue;
            }
            let Ok(consents) = self.known_consents(&case) else {
                continue;
            };
            self.end_what_no_consent_covers(&case, &consents, today)?;
            self.make_coming_of_age_task(&case, &consents, today)?;
        }
        let value = records::encode(&today.canonical());
        self.commit(|transaction| {
            transaction.put(Collection::Setting, b"", LOOKED_AT, 0, &value)?;
            Ok(())
        })
    }

    fn end_what_no_consent_covers(
        &mut self,
        case: &Case,
        consents: &ConsentView,
        today: Date,
    ) -> Result<(), ClientError> {
        for given in &consents.given {
            let Some(consent) = given.id.known() else {
                continue;
            };
            let ended = no_longer_covered(consents, consent, today);
            let Ok(ended) = ConsentScopes::new(ended) else {
                continue;
            };
            // A section that this device does not manage, or does not know, is left to others.
            let Ok(mut resting) = self.resting_on(case, consent, &ended) else {
                continue;
            };
            for resting in &mut resting {
                self.leave_to_the_clock(resting)?;
            }
            let ends = self.decisions_to_end(&resting, Reason::BasisEnded)?;
            if ends.is_empty() {
                continue;
            }
            self.commit(|transaction| {
                let mut ends = ends.iter();
                ends.try_for_each(|decision| put_intent(transaction, decision))
            })?;
        }
        Ok(())
    }

    /// Grants whose own time has passed end by that, whatever rests on them.
    fn leave_to_the_clock(&self, resting: &mut Resting) -> Result<(), ClientError> {
        let now_ms = self.sure_now_ms()?;
        let Some(state) = self.logs().state(&resting.space) else {
            return Ok(());
        };
        resting.live.retain(|grant| {
            let not_after_ms = state.grant(grant).and_then(|grant| grant.not_after_ms);
            not_after_ms.is_none_or(|end_ms| end_ms > now_ms)
        });
        Ok(())
    }

    /// One task for each case and birthday, whoever makes it: its identifier follows from both, so that two
    /// devices make the same one, and one that was deleted is not made again.
    fn make_coming_of_age_task(
        &mut self,
        case: &Case,
        consents: &ConsentView,
        today: Date,
    ) -> Result<(), ClientError> {
        let Some(day) = consents.coming_of_age_ends(today) else {
            return Ok(());
        };
        let is_due = day
            .plus_days(-TASK_DAYS_BEFORE)
            .is_some_and(|due| due <= today);
        let Some(tasks) = case.sections.get(&SectionKind::Tasks).filter(|_| is_due) else {
            return Ok(());
        };
        let id = task_id(&case.id.0, day);
        let Ok(document) = self.shared_document(tasks) else {
            return Ok(());
        };
        let place = nahtlos_document::Path::from_iter(["tasks".to_owned(), id.canonical()]);
        if document.read().exists(place) {
            return Ok(());
        }
        let title = format!(
            "Volljährig am {day}: eigene Einwilligung einholen · Majorité le {day}: demander son propre consentement"
        );
        let task = Edit::Tasks(TaskEdit::Add {
            id,
            title: Line::parse(&title)?,
            responsible: None,
            due: Some(day),
            priority: None,
            checklist: Vec::new(),
        });
        // Who may not write tasks leaves it to who may.
        match self.make_edits(tasks, &[TypedEdit::Case(task)]) {
            Ok(edits) => self.keep_edits(vec![edits]),
            Err(_) => Ok(()),
        }
    }
}

/// Shares of a consent that it covers for no purpose any more.
fn no_longer_covered(consents: &ConsentView, consent: &EntryId, today: Date) -> Vec<ConsentScope> {
    let mut coverage = consents.coverage();
    coverage.retain(|coverage| coverage.consent == *consent);
    let is_covered = |share: &ConsentScope| {
        coverage.iter().any(|known| {
            known.share.section == share.section
                && known.share.member == share.member
                && known.is_in_force_on(today)
        })
    };
    let ended = coverage
        .iter()
        .filter(|known| known.since <= today && !is_covered(&known.share));
    ended.map(|known| known.share.clone()).collect()
}

fn task_id(case: &[u8; 16], day: Date) -> EntryId {
    let digest = Sha256::new()
        .chain_update(TASK_LABEL)
        .chain_update(case)
        .chain_update(day.canonical())
        .finalize();
    let mut bytes = [0; 8];
    for (place, byte) in bytes.iter_mut().zip(digest) {
        *place = byte;
    }
    EntryId::from_random(bytes)
}
