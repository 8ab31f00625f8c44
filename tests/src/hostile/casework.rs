//! Case files, tables and lists from other programs, and every field.

use nahtlos_casework::edit::Edit;
use nahtlos_casework::fields::{
    Ahvn13, Canton, Capacity, CaseNumber, Commune, ConsentEventKind, ConsentForm, ContactChannel,
    CountryCode, Date, DeviceCode, DeviceId, Digest, Direction, Email, EntryId, EntrySignature,
    Field, GoalRatings, GoalStatus, InstitutionId, JournalKind, JournalText, LanguageCode,
    LanguageLevel, Line, LocalNumber, LongText, MemberId, Minutes, Name, OverallTarget,
    PartialDate, Party, PayerShares, Percent, Permit, PersonId, Phase, Phone, Priority,
    ProblemArea, Purpose, Rappen, Recurrence, Responsible, Severity, Sex, StepStatus, Suspension,
    SwissPostcode, TaskStatus, Uid, UtcTime, WithdrawalNotice, ZemisNumber,
};
use nahtlos_casework::form::form_of;
use nahtlos_casework::import::lists::NameList;
use nahtlos_casework::import::rows::{RowsFile, RowsOf};
use nahtlos_casework::legal::LegalBases;
use nahtlos_casework::plan_version::VersionText;
use nahtlos_casework::record::{Address, Body, Lead, LocalId};
use nahtlos_casework::retention::Retention;
use nahtlos_casework::searching::Search;
use nahtlos_casework::{CaseFile, ConsentFile, PLAIN_SECTIONS, SectionFile, SectionKind};
use nahtlos_client::consent::Proof;
use nahtlos_protocol::statement::StatementSignature;

/// Text that is refused has errors, and text that is read makes edits that are valid.
pub fn case_file(bytes: &[u8]) {
    if let Ok(signed) = StatementSignature::from_bytes(bytes) {
        assert_eq!(signed.to_bytes(), bytes, "a signature has one form");
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    other_files(text);
    match CaseFile::parse(text) {
        Err(errors) => assert!(!errors.is_empty(), "refused without a reason"),
        Ok(file) => {
            let edits = file.edits(&mut numbered());
            edits.iter().for_each(holds);
        }
    }
    for section in &PLAIN_SECTIONS {
        section_file(section, text);
    }
}

fn section_file(section: &SectionKind, text: &str) {
    match SectionFile::parse(section, text) {
        Err(errors) => assert!(!errors.is_empty(), "refused without a reason"),
        Ok(file) => {
            let edits = file.edits(&mut || EntryId::from_random([7; 8]));
            edits.iter().for_each(holds);
        }
    }
}

/// Files of consents and lists of laws: refused with a reason, or read.
fn other_files(text: &str) {
    if let Err(errors) = ConsentFile::parse(text) {
        assert!(!errors.is_empty(), "refused without a reason");
    }
    let _bases = LegalBases::parse(text);
    if let Ok(proof) = Proof::parse(text) {
        let verified = proof.verify();
        assert_eq!(verified.events.len(), proof.events.len());
        assert!(!verified.holds(), "nobody signed it");
    }
}

/// Identifiers of new entries, one after the other.
fn numbered() -> impl FnMut() -> EntryId {
    let mut numbers = 1_u64..;
    move || EntryId::from_random(numbers.next().unwrap_or_default().to_be_bytes())
}

/// Valid, and stored (as the outbox does) it reads the same.
fn holds(edit: &Edit) {
    edit.validate().expect("what was imported is valid");
    let stored = serde_json::to_string(edit).expect("an edit has a stored form");
    let read: Edit = serde_json::from_str(&stored).expect("its stored form");
    assert_eq!(serde_json::to_string(&read).ok(), Some(stored));
}

/// What a table may hold rows of: cases, the journal, tasks, and every list of a section's form.
fn rows_of() -> Vec<RowsOf> {
    let lists = PLAIN_SECTIONS.iter().flat_map(|section| {
        let form = form_of(section);
        let lists = form.into_iter().flat_map(|form| form.lists);
        lists.map(move |list| format!("{}.{}", section.code(), list.code))
    });
    let plain = ["cases", "journal", "tasks"].map(str::to_owned);
    let names = plain.into_iter().chain(lists);
    names.filter_map(|name| RowsOf::parse(&name).ok()).collect()
}

/// Tables (the first byte chooses of what), lists of names, periods of retention, and what is searched for.
pub fn tables(bytes: &[u8]) {
    let Some((&first, table)) = bytes.split_first() else {
        return;
    };
    let kinds = rows_of();
    let chosen = usize::from(first).checked_rem(kinds.len());
    if let Some(rows_of) = chosen.and_then(|place| kinds.get(place)) {
        rows(rows_of, table);
    }
    let Ok(text) = std::str::from_utf8(table) else {
        return;
    };
    if let Err(errors) = NameList::parse(text) {
        assert!(!errors.is_empty(), "refused without a reason");
    }
    let _periods = Retention::parse(text);
    if let Ok(search) = Search::parse(text) {
        assert!(search.is_in(text), "a text holds its own words");
        assert!(text.is_empty() || !search.excerpt(text).is_empty());
    }
}

fn rows(rows_of: &RowsOf, table: &[u8]) {
    match RowsFile::parse(rows_of.clone(), table) {
        Err(errors) => assert!(!errors.is_empty(), "refused without a reason"),
        Ok(file) => {
            let edits = file.edits(&mut numbered());
            edits.iter().for_each(holds);
            let cases = file.cases();
            cases.iter().flat_map(|(_, edits)| edits).for_each(holds);
        }
    }
}

pub fn fields(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let _section = SectionKind::parse(text);
    assert_eq!(
        SectionKind::from_code(text).code(),
        text,
        "a stored code is kept"
    );
    if let Ok(version) = VersionText::parse(text) {
        assert_eq!(version.render(), text, "one version, two texts");
    }
    one::<GoalRatings>(text);
    one::<Party>(text);
    one::<Suspension>(text);
    one::<Ahvn13>(text);
    one::<Canton>(text);
    one::<Capacity>(text);
    one::<CaseNumber>(text);
    one::<Commune>(text);
    one::<ConsentEventKind>(text);
    one::<ConsentForm>(text);
    one::<ContactChannel>(text);
    one::<CountryCode>(text);
    one::<Date>(text);
    one::<DeviceCode>(text);
    one::<DeviceId>(text);
    one::<Direction>(text);
    one::<Email>(text);
    one::<EntryId>(text);
    one::<EntrySignature>(text);
    one::<GoalStatus>(text);
    one::<InstitutionId>(text);
    one::<JournalKind>(text);
    one::<JournalText>(text);
    one::<LanguageCode>(text);
    one::<LanguageLevel>(text);
    one::<Line>(text);
    one::<LocalNumber>(text);
    one::<LongText>(text);
    one::<MemberId>(text);
    one::<Minutes>(text);
    one::<Name>(text);
    one::<OverallTarget>(text);
    one::<Digest>(text);
    one::<PartialDate>(text);
    one::<PayerShares>(text);
    one::<Percent>(text);
    one::<Permit>(text);
    one::<PersonId>(text);
    one::<Phase>(text);
    one::<Phone>(text);
    one::<Priority>(text);
    one::<ProblemArea>(text);
    one::<Purpose>(text);
    one::<Rappen>(text);
    one::<Recurrence>(text);
    one::<Responsible>(text);
    one::<Severity>(text);
    one::<Sex>(text);
    one::<StepStatus>(text);
    one::<SwissPostcode>(text);
    one::<TaskStatus>(text);
    one::<Uid>(text);
    one::<UtcTime>(text);
    one::<WithdrawalNotice>(text);
    one::<ZemisNumber>(text);
    record::<Address>(text);
    record::<Body>(text);
    record::<Lead>(text);
    record::<LocalId>(text);
    if let Ok(edit) = serde_json::from_str::<Edit>(text)
        && edit.validate().is_ok()
    {
        holds(&edit);
    }
}

/// A value's two forms read back to it, and a refusal has words.
fn one<F: Field>(text: &str) {
    record::<F>(text);
    if let Ok(value) = F::parse(text) {
        assert!(
            F::parse(&value.to_string()).as_ref() == Ok(&value),
            "{}: its shown form",
            F::NAME
        );
    }
}

fn record<F: Field>(text: &str) {
    match F::parse(text) {
        Ok(value) => {
            let stored = value.canonical();
            let again = F::parse(&stored);
            assert!(again.as_ref() == Ok(&value), "{}: its stored form", F::NAME);
            assert!(
                again.is_ok_and(|again| again.canonical() == stored),
                "{}",
                F::NAME
            );
        }
        Err(refused) => assert!(!refused.reason.is_empty() && !refused.remedy.is_empty()),
    }
}
