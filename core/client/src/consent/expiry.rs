//! What time does to consents: at the first sync of a day a device of the case's institution ends the
//! rights whose consent holds no more, and makes a task where a representative's consent is about to end
//! because the person comes of age.

use std::collections::BTreeSet;

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, TaskEdit};
use nahtlos_casework::fields::{Date, EntryId, Field, Line};
use nahtlos_casework::record::ConsentScope;
use nahtlos_casework::view::ConsentView;
use nahtlos_protocol::identifier::Nonce;
use nahtlos_protocol::space::Logs;
use sha2::{Digest, Sha256};

use super::resting::Resting;
use super::short_name;
use crate::cases::{Case, hex};
use crate::edits::TypedEdit;
use crate::ending::Reason;
use crate::error::ClientError;
use crate::intents::put_intent;
use crate::nahtlos::Nahtlos;
use crate::records::{self, LabelRecord};
use crate::vault::{Collection, VaultError};

/// Key in `Collection::Setting`: the day on which the consents were last looked at.
const LOOKED_AT: &[u8] = b"consents-looked-at";
/// How long before the person comes of age the task is made.
const TASK_DAYS_BEFORE: i32 = 60;
/// What makes the task's identifier from the case and the day.
const TASK_LABEL: &[u8] = b"nahtlos/task/coming-of-age\0";

impl Nahtlos {
    /// Once a day, by the earlier of this device's clock and the relay's, since one of them may be ahead: ends what rests on consents that
    /// hold no more, and makes the tasks that are due. A case that cannot be read here is left to who can, and no case is in the way of
    /// another one or of the sync: what is to be told of them is returned.
    ///
    /// # Errors
    /// Where the vault cannot be written.
    pub(crate) fn look_after_consents(&mut self) -> Result<Vec<String>, ClientError> {
        let mut told = Vec::new();
        if self.require_sending().is_err() {
            return Ok(told);
        }
        let today = Self::day_of(self.sure_now_ms()?)?;
        // A damaged one is as good as none: it is written anew.
        let looked_at = self.vault.get(Collection::Setting, LOOKED_AT);
        let looked_at = looked_at.ok().flatten();
        let looked_at: Option<String> = looked_at.and_then(|bytes| records::decode(&bytes).ok());
        if looked_at.as_deref() == Some(today.canonical().as_str()) {
            return Ok(told);
        }
        for case in self.cases_with_ledger(&mut told)? {
            let looked_after = self.look_after_case(&case, today, &mut told);
            if let Err(error) = unless_damaged(looked_after)? {
                told.push(format!(
                    "the consents of the case with the id {} could not be looked after today, so rights that have ended may go on: \
                     {error}; run `nahtlos doctor`",
                    hex(&case)
                ));
            }
        }
        let value = records::encode(&today.canonical());
        self.commit(|transaction| {
            transaction.put(Collection::Setting, b"", LOOKED_AT, 0, &value)?;
            Ok(())
        })?;
        Ok(told)
    }

    /// What the day's look would have made, had the consent stood there by then.
    pub(super) fn make_task_of_new_consent(&mut self, case: &Case) -> Result<(), ClientError> {
        let case = self.case(&hex(&case.id))?;
        let (consents, today) = (self.known_consents(&case)?, self.today()?);
        self.make_coming_of_age_task(&case, &consents, today)
    }

    /// The cases of which a ledger is known here. Labels that do not open are told of, and passed over.
    fn cases_with_ledger(&self, told: &mut Vec<String>) -> Result<BTreeSet<Nonce>, ClientError> {
        let (labels, mut damaged) = self.vault.list_all_that_open(Collection::Label)?;
        let ledger = SectionKind::Consent.code();
        let mut cases = BTreeSet::new();
        for (_, bytes) in labels {
            match records::decode::<LabelRecord>(&bytes) {
                Ok(label) if label.kind == ledger => {
                    cases.insert(label.case());
                }
                Ok(_) => {}
                Err(_) => damaged += 1,
            }
        }
        if damaged > 0 {
            told.push(format!(
                "{damaged} records that say which sections there are do not open, so consents may not be looked after: \
                 run `nahtlos doctor`"
            ));
        }
        Ok(cases)
    }

    fn look_after_case(
        &mut self,
        case: &Nonce,
        today: Date,
        told: &mut Vec<String>,
    ) -> Result<(), ClientError> {
        let case = self.case(&hex(case))?;
        let consents = match self.known_consents(&case) {
            Ok(consents) => consents,
            Err(error @ (ClientError::Vault(_) | ClientError::DamagedRecord { .. })) => {
                return Err(error);
            }
            // What is not shared with this device, or waits for a key, is left to who can read it.
            Err(_) => return Ok(()),
        };
        self.end_what_no_consent_covers(&case, &consents, today, told)?;
        match self.require_home(&case, "look after its consents") {
            Ok(()) => self.make_coming_of_age_task(&case, &consents, today),
            Err(_) => Ok(()),
        }
    }

    /// Whoever reads the ledger ends what they manage: also another institution, which writes nothing there.
    fn end_what_no_consent_covers(
        &mut self,
        case: &Case,
        consents: &ConsentView,
        today: Date,
        told: &mut Vec<String>,
    ) -> Result<(), ClientError> {
        for given in &consents.given {
            let Some(consent) = given.id.known() else {
                continue;
            };
            let ended = no_longer_covered(consents, consent, today);
            let mut resting = self.resting_on(case, consent, &ended)?;
            for resting in &mut resting.known {
                self.leave_to_the_clock(resting)?;
            }
            let ends = self.decisions_to_end(&resting, Reason::BasisEnded)?;
            if ends.is_empty() {
                continue;
            }
            if !consents.is_understood(consent) {
                told.push(format!(
                    "consent {} of the case with the id {} seems to hold no more, but a newer nahtlos recorded something about it \
                     that this one cannot read: no right was ended; update nahtlos, then sync",
                    short_name(consent),
                    hex(&case.id)
                ));
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

/// Damage is an answer; that the vault cannot be read or written at all is an error.
fn unless_damaged<T>(
    outcome: Result<T, ClientError>,
) -> Result<Result<T, ClientError>, ClientError> {
    match outcome {
        Err(ClientError::Vault(error)) if !matches!(error, VaultError::Damaged { .. }) => {
            Err(error.into())
        }
        outcome => Ok(outcome),
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
