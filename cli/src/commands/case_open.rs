//! `nahtlos case open`.

use nahtlos_casework::edit::{CoreEdit, CoreField, Edit};
use nahtlos_casework::fields::{
    ConsentForm, Field, Line, Name, PartialDate, Phase, Phone, Stored, WithdrawalNotice,
};
use nahtlos_casework::phase::of_new_case;
use nahtlos_casework::record::{ConsentDetails, Giver};
use nahtlos_casework::view::CoreView;
use nahtlos_casework::{CaseFile, SECTIONS_OPENED_AT_ONCE, SectionKind};
use nahtlos_client::consent::{ConsentShare, NewConsent, short_name};
use nahtlos_client::enquiry::Enquiry;
use nahtlos_client::{ClientError, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::Role;
use serde_json::json;

use super::case_take_over::{left_behind, mark_disputes};
use super::consent_give::{about_age, give_page, shares_data};
use super::entries::with_new_ids;
use super::reads_recorded::with_access;
use super::sync::count;
use super::{NOT_DELIVERED_YET, case_title, consent_terms};
use crate::arguments::CaseOpen;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page};

pub fn open(context: &Context, opening: &CaseOpen) -> Result<Answer, Failure> {
    open_from(context, opening, None)
}

/// The same, from an anonymous enquiry of one's own institution.
///
/// # Errors
/// As [`open`]; where there is no such enquiry, or another institution sent it.
pub fn open_from(
    context: &Context,
    opening: &CaseOpen,
    enquiry: Option<&str>,
) -> Result<Answer, Failure> {
    let source = &opening.file;
    input::refuse_command_line(source)?;
    refuse_two_from_standard_input(opening)?;
    if source.from.is_none() && !input::may_ask() {
        return Err(no_source());
    }
    // Before anybody types a case: is this home one that can open cases?
    let mut nahtlos = context.open()?;
    nahtlos.require_case_opening()?;
    let enquiry = enquiry.map(|id| nahtlos.find_enquiry(id)).transpose()?;
    if let Some(enquiry) = &enquiry {
        refuse_enquiry(enquiry, opening.yes)?;
    }
    let file = match &source.from {
        Some(path) => Some(
            CaseFile::parse(&input::read_text(path)?).map_err(|errors| Failure::import(&errors))?,
        ),
        None => None,
    };
    let file = file.as_ref();
    let edits = match file {
        Some(file) => with_new_ids(|new_id| file.edits(new_id))?,
        None => asked()?,
    };
    let left = file.and_then(left_behind);
    if !opening.yes
        && let Some((person, number)) = same_person(&nahtlos, &edits)?
    {
        let have = format!("You have a case of {person} already: {number}.");
        // Who has just typed a case is asked, instead of losing it.
        let asks = source.from.is_none();
        if !asks || !input::confirm(&format!("{have} Open a second one?"))? {
            return Err(second_case(have));
        }
    }
    if let Some(left) = &left
        && !opening.yes
        && !opening.dry_run
        && input::may_ask()
    {
        Page::default().line(left.as_str()).show_before_asking();
        if !input::confirm("Open the case without it?")? {
            let data = json!({ "done": "nothing" });
            return Ok(Answer::sentence(data, "No case was opened."));
        }
    }
    let sections = sections_of(&edits);
    let consent = match &opening.consent {
        Some(path) => Some(consent_terms::from_file(&nahtlos, path, &sections)?),
        None if source.from.is_none() => asked_consent(&nahtlos, &sections)?,
        None => None,
    };
    // Read as a whole or not at all: the case, the consent and the rights are kept together.
    let opened = nahtlos.all_or_nothing(|nahtlos| {
        carry_out(
            nahtlos,
            &edits,
            file,
            consent.as_ref(),
            enquiry.as_ref(),
            opening,
        )
    });
    let opened = match (opened, phase_not_taken_over(&edits, consent.is_some())) {
        (Ok(answer), Some(note)) => Ok(Box::new(answer.note(note))),
        (opened, _) => opened,
    };
    match opened {
        Ok(answer) | Err(Stopped::Answered(answer)) => {
            let notes = file.map(|file| notes_of(file, &edits)).unwrap_or_default();
            let answer = notes.into_iter().fold(*answer, Answer::note);
            Ok(left.into_iter().fold(answer, Answer::note))
        }
        Err(Stopped::Failed(failure)) => Err(*failure),
    }
}

/// What is to be said of a file whose case was opened.
fn notes_of(file: &CaseFile, edits: &[Edit]) -> Vec<String> {
    let mut notes = Vec::new();
    let taken_over = edits
        .iter()
        .filter(|edit| matches!(edit, Edit::TakenOver(_)))
        .count();
    if taken_over > 0 {
        let entries = count(taken_over as u64, "entry names", "entries name");
        notes.push(format!(
            "{entries} who wrote them and when, as the file says: it stands beside your name, who took them over."
        ));
    }
    if file.disputes() > 0 {
        let marks = count(file.disputes() as u64, "mark", "marks");
        notes.push(format!(
            "{marks} of what the person contests taken over with it."
        ));
    }
    if file.other_values() > 0 {
        let values = count(
            file.other_values() as u64,
            "value of the file is",
            "values of the file are",
        );
        notes.push(format!(
            "{values} in a form that only a newer version understands, or that counts for nothing \
             (`other_values`): not taken over, keep the file."
        ));
    }
    notes
}

/// Why nothing is kept.
pub enum Stopped {
    /// This is answered instead.
    Answered(Box<Answer>),
    /// It failed.
    Failed(Box<Failure>),
}

impl Stopped {
    /// Nothing is kept, and this is answered.
    pub fn answered(answer: Answer) -> Self {
        Self::Answered(Box::new(answer))
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl From<ClientError> for Stopped {
    fn from(error: ClientError) -> Self {
        Failure::from(error).into()
    }
}

/// What is to be said where a file names a phase in which no new case begins.
pub fn phase_not_taken_over(edits: &[Edit], with_consent: bool) -> Option<String> {
    let mut said = edits.iter().filter_map(|edit| match edit {
        Edit::Core(CoreEdit::Set(CoreField::Phase(said))) => Some(*said),
        _ => None,
    });
    let said = said.find(|said| of_new_case(*said) != *said)?;
    if with_consent {
        let is_taken = said == Phase::Consented;
        return (!is_taken).then(|| {
            format!(
                "The file says `{}`: a new case with a consent begins as `consented`; \
                 `nahtlos case phase CASE` moves it on.",
                said.canonical()
            )
        });
    }
    Some(format!(
        "The file says `{}`: without a consent a new case begins as `{}`. Once the person has consented, \
         `nahtlos consent give CASE` moves it on.",
        said.canonical(),
        of_new_case(said).canonical()
    ))
}

/// Sections that the case will have.
fn sections_of(edits: &[Edit]) -> Vec<SectionKind> {
    let mut sections = SECTIONS_OPENED_AT_ONCE.to_vec();
    sections.push(SectionKind::Access);
    for edit in edits {
        if !sections.contains(&edit.section()) {
            sections.push(edit.section());
        }
    }
    sections
}

fn carry_out(
    nahtlos: &mut Nahtlos,
    edits: &[Edit],
    file: Option<&CaseFile>,
    consent: Option<&NewConsent>,
    enquiry: Option<&Enquiry>,
    opening: &CaseOpen,
) -> Result<Box<Answer>, Stopped> {
    let number = nahtlos.open_recorded_case(edits)?.canonical();
    let case = nahtlos.find_case(&number)?;
    if let Some(enquiry) = enquiry {
        nahtlos.note_enquiry_of(&case, enquiry)?;
    }
    let case = nahtlos.find_case(&number)?;
    let without_place = match file {
        Some(file) => mark_disputes(nahtlos, &case, file)?,
        None => 0,
    };
    let sections: Vec<String> = case.sections.keys().map(SectionKind::code).collect();
    let mut data = json!({ "case_number": number, "sections": sections });
    if let Some(file) = file {
        data["left_behind"] = json!(file.left_behind());
        data["disputes"] =
            json!({ "marked": file.disputes() - without_place, "without_place": without_place });
    }
    let Some(new) = consent else {
        if opening.dry_run {
            let said = "Nothing was done (--dry-run): the case can be opened.";
            return Err(Stopped::answered(Answer::sentence(
                done(data, "dry_run"),
                said,
            )));
        }
        return Ok(Box::new(Answer::sentence(data, &number).note(format!(
            "The case is open on this device. `nahtlos case show {number}` shows it, \
             `nahtlos consent give {number} …` lets others in, `nahtlos sync` delivers it."
        ))));
    };
    let along = with_access(nahtlos, &case, new.shares.clone(), &[], false)?;
    let new = &NewConsent {
        shares: along.shares,
        ..new.clone()
    };
    let preview = nahtlos.preview_consent(&case, new)?;
    data["shares"] = json!(shares_data(&new.shares, &preview.shares));
    let page = give_page(&case_title(nahtlos, &case)?, new, &preview);
    let page = along.said.iter().cloned().fold(page, Page::line);
    if opening.dry_run {
        let page = page.line("Nothing was done (--dry-run).");
        return Err(Stopped::answered(Answer::new(done(data, "dry_run"), page)));
    }
    if !opening.yes {
        page.show_before_asking();
        if !input::confirm("Open the case, record this consent and share?")? {
            let said = "No case was opened, nothing was shared.";
            return Err(Stopped::answered(Answer::sentence(
                done(data, "nothing"),
                said,
            )));
        }
    }
    let id = nahtlos.consent_give(&case, new)?;
    data["consent"] = json!(id.to_string());
    let rights = count(new.shares.len() as u64, "right follows", "rights follow");
    let mut answer = Answer::sentence(done(data, "opened"), &number).note(format!(
        "The case is open on this device, with consent {}; {rights} from it. `nahtlos case show {number}` shows it.",
        short_name(&id)
    ));
    if opening.yes {
        let age = preview.of_age.and_then(|of_age| about_age(new, of_age));
        answer = age.into_iter().chain(along.said).fold(answer, Answer::note);
    }
    Ok(Box::new(answer.note(NOT_DELIVERED_YET)))
}

fn done(mut data: serde_json::Value, what: &str) -> serde_json::Value {
    data["done"] = json!(what);
    data
}

/// Who works on the case and what they may see, as the client said: proposed by the matrix, changed by hand.
/// None where nobody else does.
fn asked_consent(
    nahtlos: &Nahtlos,
    sections: &[SectionKind],
) -> Result<Option<NewConsent>, Failure> {
    let mut shares: Vec<ConsentShare> = Vec::new();
    loop {
        let question = match shares.is_empty() {
            true => {
                "Who works on it with you, by the client's consent? Team or person (empty: nobody)"
            }
            false => "Who else? (empty: nobody)",
        };
        let Some(name) = input::ask_field::<Line>(question, true)? else {
            break;
        };
        let member = match nahtlos.directory()?.find_member(&name.to_string()) {
            Ok(member) => member,
            Err(error) => {
                Page::default().line(error.to_string()).show_before_asking();
                continue;
            }
        };
        let asked = asked_sections(nahtlos, sections, &member)?;
        shares.retain(|share| share.member != member);
        shares.extend(asked);
    }
    if shares.is_empty() {
        return Ok(None);
    }
    let question = "How did the client agree: paper, device, verbal";
    let form = loop {
        if let Some(form) = input::ask_field::<ConsentForm>(question, false)? {
            break form;
        }
    };
    let notice = match input::agrees("Was it said that it can be withdrawn at any time?", false)? {
        true => WithdrawalNotice::Given,
        false => WithdrawalNotice::NotGiven,
    };
    let details = ConsentDetails {
        withdrawable_notice: Some(notice),
        ..ConsentDetails::default()
    };
    let valid_from = nahtlos.today()?;
    let valid_until = consent_terms::last_day(valid_from, None, &details)?;
    Ok(Some(NewConsent {
        giver: Giver::Client,
        shares,
        valid_from,
        valid_until: Some(valid_until),
        form,
        details,
        replaces: None,
        note: None,
    }))
}

fn asked_sections(
    nahtlos: &Nahtlos,
    sections: &[SectionKind],
    member: &SpaceId,
) -> Result<Vec<ConsentShare>, Failure> {
    let proposals = nahtlos.proposals(sections, member)?;
    let named = |only_if_named: bool| -> String {
        let named = proposals
            .iter()
            .filter(|one| one.only_if_named == only_if_named);
        let words: Vec<String> = named
            .map(|one| format!("{} ({})", one.section, one.role.word()))
            .collect();
        if words.is_empty() {
            "none".to_owned()
        } else {
            words.join(", ")
        }
    };
    Page::default()
        .line(format!("Proposed: {}.", named(false)))
        .line(format!("Only if the client says so: {}.", named(true)))
        .show_before_asking();
    let role = |kind: &SectionKind| {
        let proposed = proposals.iter().find(|one| one.section == *kind);
        proposed.map_or(Role::Read, |one| one.role)
    };
    let share = |section: SectionKind| ConsentShare {
        role: role(&section),
        section,
        member: *member,
        purpose: None,
    };
    loop {
        let question = "Sections, separated by commas (empty: as proposed)";
        let Some(codes) = input::ask_field::<Line>(question, true)? else {
            let proposed = proposals.iter().filter(|one| !one.only_if_named);
            return Ok(proposed.map(|one| share(one.section.clone())).collect());
        };
        let codes = codes.to_string();
        let mut kinds = Vec::new();
        let mut wrong = None;
        for code in codes.split(',') {
            match SectionKind::parse(code) {
                Ok(kind) if !sections.contains(&kind) => {
                    wrong = Some(format!("The case has no section {kind} from its opening."));
                }
                Ok(kind) if kinds.contains(&kind) => {}
                Ok(kind) => kinds.push(kind),
                Err(error) => {
                    wrong = Some(format!(
                        "{}: {}; {}.",
                        code.trim(),
                        error.reason,
                        error.remedy
                    ))
                }
            }
        }
        match wrong {
            None => return Ok(kinds.into_iter().map(share).collect()),
            Some(wrong) => Page::default().line(wrong).show_before_asking(),
        }
    }
}

/// Name, birth and number of a case of the same official name, first name and birth, if there is one.
pub fn same_person(nahtlos: &Nahtlos, edits: &[Edit]) -> Result<Option<(String, String)>, Failure> {
    let wanted = Person::of_edits(edits);
    if wanted.official_name.is_none() {
        return Ok(None);
    }
    for line in nahtlos.cases()? {
        if line.summary.birth != wanted.birth {
            continue;
        }
        let case = nahtlos.find_case(&line.id)?;
        let Ok(document) = nahtlos.section_document_unrecorded(&case, &SectionKind::Core) else {
            continue;
        };
        let core = CoreView::read(&document);
        let person = Person {
            official_name: core.official_name.as_ref().map(Stored::canonical),
            first_name: core.first_name.as_ref().map(Stored::canonical),
            birth: core.birth.as_ref().map(Stored::canonical),
        };
        if person == wanted {
            let name = [&person.first_name, &person.official_name];
            let name: Vec<&str> = name.into_iter().flatten().map(String::as_str).collect();
            let birth = core.birth.map(|birth| format!(", {birth}"));
            let number = line.summary.case_number.unwrap_or(line.id);
            return Ok(Some((
                format!("{}{}", name.join(" "), birth.unwrap_or_default()),
                number,
            )));
        }
    }
    Ok(None)
}

/// By what two cases are taken for the same person's.
#[derive(Default, PartialEq, Eq)]
struct Person {
    official_name: Option<String>,
    first_name: Option<String>,
    birth: Option<String>,
}

impl Person {
    fn of_edits(edits: &[Edit]) -> Self {
        let mut person = Self::default();
        for edit in edits {
            match edit {
                Edit::Core(CoreEdit::Set(CoreField::OfficialName(name))) => {
                    person.official_name = Some(name.canonical());
                }
                Edit::Core(CoreEdit::Set(CoreField::FirstName(name))) => {
                    person.first_name = Some(name.canonical());
                }
                Edit::Core(CoreEdit::Set(CoreField::Birth(birth))) => {
                    person.birth = Some(birth.canonical());
                }
                _ => {}
            }
        }
        person
    }
}

/// A case is opened once from one's own enquiry.
fn refuse_enquiry(enquiry: &Enquiry, again: bool) -> Result<(), Failure> {
    if !enquiry.is_own {
        return Err(ClientError::NoRight {
            action: "open a case from this enquiry",
            reason: "another institution sent it; who sent it opens the case and shares it"
                .to_owned(),
        }
        .into());
    }
    match &enquiry.case {
        Some(_) if !again => Err(second_case(
            "A case was opened from this enquiry already (`nahtlos enquiry show` says which)."
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

fn second_case(have: String) -> Failure {
    Failure::new(
        Exit::Conflict,
        "case_exists",
        have,
        "Two cases of one person drift apart; no case was opened.",
        "To open a second one, run the same command with `--yes`.",
    )
}

/// Under two minutes: what is needed to find the person again; the rest comes later.
fn asked() -> Result<Vec<Edit>, Failure> {
    let mut fields = Vec::new();
    if let Some(name) = input::ask_field::<Name>("Official name", false)? {
        fields.push(CoreField::OfficialName(name));
    }
    if let Some(name) = input::ask_field::<Name>("First name (may be empty)", true)? {
        fields.push(CoreField::FirstName(name));
    }
    if let Some(birth) =
        input::ask_field::<PartialDate>("Born, e.g. 17.05.1982 or 1982 (may be empty)", true)?
    {
        fields.push(CoreField::Birth(birth));
    }
    if let Some(phone) = input::ask_field::<Phone>("Telephone (may be empty)", true)? {
        fields.push(CoreField::Phone(phone));
    }
    Ok(fields
        .into_iter()
        .map(|field| Edit::Core(CoreEdit::Set(field)))
        .collect())
}

fn refuse_two_from_standard_input(opening: &CaseOpen) -> Result<(), Failure> {
    let is_standard_input = |path: &Option<std::path::PathBuf>| {
        path.as_ref().is_some_and(|path| path.as_os_str() == "-")
    };
    if !(is_standard_input(&opening.file.from) && is_standard_input(&opening.consent)) {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        "two_inputs",
        "No case was opened: the case and the consent cannot both come from standard input.",
        "It can be read once.",
        "Put one of the two in a file.",
    ))
}

fn no_source() -> Failure {
    Failure::new(
        Exit::Usage,
        "value_missing",
        "No case was opened: nobody can be asked for the name here.",
        "There is no terminal.",
        "Give a case file: `nahtlos case open --from FILE`, or `--from -` for standard input.",
    )
}
