//! A consent is withdrawn while somebody who works with it is offline: who loses what, what they type
//! afterwards, what becomes of their copy, and what the client is told.

use std::collections::BTreeSet;

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Assessment, Edit, FunctionEdit, JournalEdit};
use nahtlos_casework::fields::{
    Capacity, ConsentForm, Date, EntryId, Field, JournalKind, JournalText, Line, LongText,
};
use nahtlos_casework::legal::LegalBases;
use nahtlos_client::Case;
use nahtlos_client::consent::ConsentShare;
use nahtlos_client::share::Terms;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{EnvelopeId, SpaceId};
use nahtlos_protocol::space::Role;

use super::DemoError;
use super::keys::Stored as StoredItems;
use super::narrator::Narrator;
use super::story::{edits_of, given_by_the_client, missing, new_id, sync_until_quiet};
use super::world::{Who, World};

/// An invented person.
const CASE_FILE: &str = r#"{
    "schema_version": 1,
    "person": {"official_name": "Hadžić", "first_name": "Emir", "birth": "02.03.1995", "sex": 1},
    "function": [{"capacity": 60, "from": "2026-10-01", "basis": "Praktischer Test in der Werkstatt",
        "adaptations": "Stehpult neben der Werkbank."}]
}"#;
/// What is written about `function`, beside what the case file says: by the lead, by the coach who does not
/// know yet, and after the new consent.
const BY_LEAD: &str = "Neu eingeschätzt nach dem Widerruf";
const BY_COACH: &str = "Im Betrieb beobachtet";
const AFTERWARDS: &str = "Eingeschätzt nach der neuen Einwilligung";
/// What the coach writes where he still may.
const NOTE: &str = "Besuch in der Werkstatt, Emir ist pünktlich.";
/// On what the IV reads `function`.
const LAW: &str = "IVG68bis2";
const READERS_BY_LAW: [SectionKind; 2] = [SectionKind::Core, SectionKind::Function];

/// The case between lead, IV, coach and employer.
struct Story {
    number: String,
    consent: EntryId,
    slice: SectionKind,
}

/// Tells it. Gives the case's number.
///
/// # Errors
/// [`DemoError`].
pub fn tell(world: &mut World, narrator: &mut Narrator<'_>) -> Result<String, DemoError> {
    narrator.step("A second case: Emir Hadžić, 31, and a consent that does not last")?;
    let story = open_and_share(world, narrator)?;
    narrator.step("He withdraws a part of it while Keller is offline and types on")?;
    let before = envelopes(world, &story)?;
    withdraw(world, &story, narrator)?;
    write_late(world, &story)?;
    sync_until_quiet(world, &mut 0)?;
    tell_held(world, &story, narrator)?;
    try_new_keys(world, &story, &before, narrator)?;
    erase(world, &story, narrator)?;
    tell_law(world, &story, narrator)?;
    tell_log(world, &story, narrator)?;
    consent_again(world, &story, narrator)?;
    Ok(story.number)
}

fn open_and_share(world: &mut World, narrator: &mut Narrator<'_>) -> Result<Story, DemoError> {
    let number = {
        let ruegg = &mut world.home(Who::Ruegg)?.nahtlos;
        let number = ruegg.open_case(&edits_of(CASE_FILE)?)?.to_string();
        let case = ruegg.find_case(&number)?;
        if case.section(&SectionKind::Access).is_err() {
            ruegg.open_section(&case, &SectionKind::Access)?;
        }
        let iv = ruegg.directory()?.find_team(&Who::Iseli.team())?;
        for section in &READERS_BY_LAW {
            ruegg.grant(&case, section, &iv, &Terms::new(Role::Read, LAW))?;
        }
        number
    };
    let consent = {
        let shares = shares(world, true)?;
        let ruegg = &mut world.home(Who::Ruegg)?.nahtlos;
        let consent = given_by_the_client(ruegg, shares, ConsentForm::Paper)?;
        let case = ruegg.find_case(&number)?;
        ruegg.consent_give(&case, &consent)?
    };
    let ruegg = &mut world.home(Who::Ruegg)?.nahtlos;
    let case = ruegg.find_case(&number)?;
    let employer = ruegg.directory()?.find_team(&Who::Gerber.team())?;
    let slice = ruegg.share_slice(&case, &SectionKind::Function, &employer, None)?;
    sync_until_quiet(world, &mut 0)?;
    let story = Story {
        number,
        consent,
        slice,
    };
    narrator.say(format!(
        "Case {}, led by Nora Rüegg. By law ({LAW}) the IV reads `core` and `function`.",
        story.number
    ))?;
    narrator.say(
        "By Emir's consent Keller writes in `function`; the employer receives a slice of it, the adaptations.",
    )?;
    let id = slice_case(world, &story)?;
    let of_employer = world.home(Who::Gerber)?.nahtlos.find_case(&id)?;
    let shown = gerber_reads(world, &of_employer, &story)?;
    let keller = bases(world, Who::Keller, &story)?;
    narrator.claim(
        "Keller reads the assessment; Gerber's only section is the slice, with \"Stehpult\" and not the capacity.",
        keller.len() == 1
            && of_employer.sections.keys().eq([&story.slice])
            && shown.contains("Stehpult")
            && !shown.contains("Praktischer Test"),
    )?;
    Ok(story)
}

/// What the consent names: `function` for the coach, and for the employer as a slice.
fn shares(world: &mut World, with_employer: bool) -> Result<Vec<ConsentShare>, DemoError> {
    let ruegg = &world.home(Who::Ruegg)?.nahtlos;
    let directory = ruegg.directory()?;
    let coach = directory.find_member(Who::Keller.name())?;
    let share = |section, member, role| ConsentShare {
        section,
        member,
        role,
        purpose: None,
    };
    if !with_employer {
        return Ok(vec![share(SectionKind::Function, coach, Role::Write)]);
    }
    let employer = directory.find_team(&Who::Gerber.team())?;
    Ok(vec![
        share(SectionKind::Core, coach, Role::Read),
        share(SectionKind::Function, coach, Role::Write),
        share(SectionKind::Journal, coach, Role::Write),
        share(SectionKind::Access, coach, Role::Write),
        share(SectionKind::Function, employer, Role::Read),
    ])
}

/// The case as who has nothing but a slice of it names it.
fn slice_case(world: &World, story: &Story) -> Result<String, DemoError> {
    let ruegg = world.homes.iter().find(|home| home.who == Who::Ruegg);
    let ruegg = ruegg.ok_or(DemoError::NoHome { who: Who::Ruegg })?;
    Ok(ruegg.nahtlos.find_case(&story.number)?.id.to_string())
}

fn gerber_reads(world: &World, case: &Case, story: &Story) -> Result<String, DemoError> {
    let gerber = world.homes.iter().find(|home| home.who == Who::Gerber);
    let gerber = gerber.ok_or(DemoError::NoHome { who: Who::Gerber })?;
    let document = gerber.nahtlos.section_document(case, &story.slice)?;
    Ok(document.export_json().to_string())
}

/// Keller has no network from here on. Rüegg records the withdrawal without one, too, and syncs later.
fn withdraw(
    world: &mut World,
    story: &Story,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let ruegg = &mut world.home(Who::Ruegg)?.nahtlos;
    let case = ruegg.find_case(&story.number)?;
    let directory = ruegg.directory()?;
    let part = [
        (
            SectionKind::Function,
            directory.find_member(Who::Keller.name())?,
        ),
        (
            SectionKind::Function,
            directory.find_team(&Who::Gerber.team())?,
        ),
    ];
    let today = ruegg.today()?;
    let preview = ruegg.preview_withdrawal(&case, &story.consent, Some(&part), today)?;
    let lose: BTreeSet<String> = preview
        .sections
        .iter()
        .flat_map(|section| section.lose.iter().cloned())
        .collect();
    let stays = preview
        .sections
        .iter()
        .flat_map(|section| &section.stays)
        .any(|grant| grant.basis.as_deref() == Some(LAW));
    let named = |who: Who| lose.iter().any(|one| one.starts_with(who.name()));
    narrator.claim(
        format!(
            "Asked before, the program says: Keller and Gerber lose it; the IV keeps it by {LAW}."
        ),
        lose.len() == 2 && named(Who::Keller) && named(Who::Gerber) && stays,
    )?;
    ruegg.consent_withdraw(&case, &story.consent, Some(&part), today, None)?;
    world.home(Who::Ruegg)?.sync()?;
    assess(world, Who::Ruegg, story, BY_LEAD)?;
    world.home(Who::Ruegg)?.sync()?;
    world.home(Who::Gerber)?.sync()?;
    let gerber = &world.home(Who::Gerber)?.nahtlos;
    let lost = gerber.lost_sections()?;
    let is_withdrawn = lost.iter().any(|one| {
        let reason = one.ended.as_ref().and_then(|ended| ended.reason);
        one.section == story.slice.code() && reason == Some("consent_withdrawn")
    });
    narrator.claim(
        "Gerber's device says that its slice is an old copy: the consent was withdrawn.",
        is_withdrawn,
    )?;
    Ok(())
}

/// Without a network Keller reads `function`, writes there, and in the journal, where he still may.
fn write_late(world: &mut World, story: &Story) -> Result<(), DemoError> {
    bases(world, Who::Keller, story)?;
    assess(world, Who::Keller, story, BY_COACH)?;
    let entry = JournalEdit::AddEntry {
        id: new_id()?,
        at: None,
        kind: JournalKind::parse("visit")?,
        text: JournalText::parse(NOTE)?,
        correction_of: None,
    };
    let keller = &mut world.home(Who::Keller)?.nahtlos;
    Ok(keller.edit_case(&story.number, &[Edit::Journal(entry)])?)
}

fn assess(world: &mut World, who: Who, story: &Story, basis: &str) -> Result<(), DemoError> {
    let edit = FunctionEdit::AddAssessment {
        id: new_id()?,
        assessment: Assessment {
            capacity: Capacity::parse("60")?,
            from: Date::parse("01.11.2026")?,
            to: None,
            basis: Line::parse(basis)?,
            hours_per_day: None,
            limits: None,
            adaptations: Some(LongText::parse("Stehpult neben der Werkbank.")?),
        },
    };
    let home = world.home(who)?;
    Ok(home
        .nahtlos
        .edit_case(&story.number, &[Edit::Function(edit)])?)
}

/// The journal entry counts; the other one is held, until the lead takes it over.
fn tell_held(
    world: &mut World,
    story: &Story,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let held = world.home(Who::Ruegg)?.nahtlos.held_list()?;
    let own = world.home(Who::Keller)?.nahtlos.held_list()?;
    let journal = shown(world, Who::Ruegg, story, &SectionKind::Journal)?;
    let in_nobodys = !bases(world, Who::Iseli, story)?.contains(&BY_COACH.to_owned());
    let ([late], [mine]) = (held.as_slice(), own.as_slice()) else {
        return Ok(narrator.claim("Keller's late assessment is held.", false)?);
    };
    narrator.claim(
        "Keller syncs: his journal entry counts. His late assessment is held, and Rüegg and he see it.",
        journal.contains(NOTE)
            && in_nobodys
            && late.author == Who::Keller.name()
            && mine.reason == "access_ended",
    )?;
    world.home(Who::Ruegg)?.nahtlos.held_adopt(&late.id)?;
    sync_until_quiet(world, &mut 0)?;
    let adopted = bases(world, Who::Iseli, story)?;
    narrator.claim(
        "Rüegg looks at it and takes it over: now the IV reads it too, under Keller's name.",
        adopted.contains(&BY_COACH.to_owned())
            && world.home(Who::Ruegg)?.nahtlos.held_list()?.is_empty(),
    )?;
    Ok(())
}

/// What was written there since by those who still may: everybody's keys against it.
fn try_new_keys(
    world: &mut World,
    story: &Story,
    before: &BTreeSet<EnvelopeId>,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let space = function_space(world, story)?;
    let stored = StoredItems::read(&world.relay_database())?;
    let keller = world.home(Who::Keller)?.nahtlos.device_id();
    let since: Vec<&Envelope> = stored
        .envelopes
        .iter()
        .filter(|envelope| envelope.header().space == space)
        .filter(|envelope| !before.contains(&envelope.id()))
        .filter(|envelope| envelope.header().author_device != keller)
        .collect();
    let mut opened = Vec::new();
    for who in [Who::Ruegg, Who::Iseli, Who::Keller, Who::Gerber] {
        let mut trial = world.home(who)?.nahtlos.key_trial()?;
        trial.take_wraps(&stored.wraps(), &stored.operations);
        let these = since.iter().filter(|envelope| trial.opens(envelope));
        opened.push(these.count());
    }
    let all = since.len();
    narrator.claim(
        format!(
            "Of the {all} envelopes written there since, Rüegg's and Iseli's keys open all, Keller's and Gerber's none.",
        ),
        all > 0 && opened == [all, all, 0, 0],
    )?;
    Ok(())
}

/// Keller's device erases its copy and says so.
fn erase(world: &mut World, story: &Story, narrator: &mut Narrator<'_>) -> Result<(), DemoError> {
    let open = confirmed(world, story)?;
    let keller = &mut world.home(Who::Keller)?.nahtlos;
    let mut lost = keller.lost_sections()?.into_iter();
    let lost = lost.find(|one| one.section == SectionKind::Function.code());
    let lost = lost.ok_or(missing("copy to erase"))?;
    keller.erase_lost(&lost.space)?;
    sync_until_quiet(world, &mut 0)?;
    narrator.claim(
        "Keller erases his copy: until his device's signed word arrives, Rüegg reads \"not confirmed\".",
        open == Some(false) && confirmed(world, story)? == Some(true),
    )?;
    Ok(())
}

/// Whether all of Keller's devices said that they erased `function`.
fn confirmed(world: &mut World, story: &Story) -> Result<Option<bool>, DemoError> {
    let ruegg = &world.home(Who::Ruegg)?.nahtlos;
    let case = ruegg.find_case(&story.number)?;
    let former = ruegg.former_members(&case)?.into_iter();
    let mut of_keller = former.filter(|one| {
        one.section == SectionKind::Function.code() && one.member.starts_with(Who::Keller.name())
    });
    Ok(of_keller.next().map(|one| one.erased == one.devices))
}

fn tell_law(
    world: &mut World,
    story: &Story,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let ruegg = &world.home(Who::Ruegg)?.nahtlos;
    let case = ruegg.find_case(&story.number)?;
    let explain = |who: Who| -> Result<_, DemoError> {
        let member = ruegg.directory()?.find_team(&who.team())?;
        let bases = LegalBases::provided();
        Ok(ruegg.explain_share(&case, &SectionKind::Function, &member, &bases)?)
    };
    let (iv, employer) = (explain(Who::Iseli)?, explain(Who::Gerber)?);
    let by_law = iv
        .grants
        .iter()
        .any(|grant| grant.basis.as_deref() == Some(LAW));
    let sentence = |sentences: &[String]| sentences.first().cloned().unwrap_or_default();
    narrator.claim(
        format!(
            "share explain: {} It rests on {LAW}.",
            sentence(&iv.sentences)
        ),
        iv.role == Some(Role::Read.word()) && iv.holds_key && by_law,
    )?;
    narrator.claim(
        format!("share explain: {}", sentence(&employer.sentences)),
        employer.role.is_none() && !employer.holds_key,
    )?;
    Ok(())
}

/// What the client is told on request: what he consented to, what was disclosed, and who read it.
fn tell_log(
    world: &mut World,
    story: &Story,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let ruegg = &world.home(Who::Ruegg)?.nahtlos;
    let case = ruegg.find_case(&story.number)?;
    let consents = ruegg.consents(&case)?;
    let log = ruegg.access_log(&case)?;
    let offline = log.reads.iter().any(|read| {
        read.person == Who::Keller.name() && read.sections.contains(&SectionKind::Function.code())
    });
    let withdrawn = log.disclosures.iter().filter(|one| {
        let reason = one.ended.as_ref().and_then(|ended| ended.reason);
        reason == Some("consent_withdrawn")
    });
    let withdrawn = withdrawn.count();
    let taken_back = consents
        .coverage()
        .iter()
        .filter(|coverage| coverage.withdrawn_at.is_some())
        .count();
    narrator.claim(
        format!(
            "Emir's record: {} disclosures, two of them ended with the consent, and Keller's reading while offline.",
            log.disclosures.len()
        ),
        offline && withdrawn == 2 && taken_back == 2,
    )?;
    Ok(())
}

/// Emir consents again: Keller reads what stands there, and what comes.
fn consent_again(
    world: &mut World,
    story: &Story,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let shares = shares(world, false)?;
    let ruegg = &mut world.home(Who::Ruegg)?.nahtlos;
    let case = ruegg.find_case(&story.number)?;
    let consent = given_by_the_client(ruegg, shares, ConsentForm::Verbal)?;
    ruegg.consent_give(&case, &consent)?;
    world.home(Who::Ruegg)?.sync()?;
    assess(world, Who::Ruegg, story, AFTERWARDS)?;
    sync_until_quiet(world, &mut 0)?;
    let mut read = bases(world, Who::Keller, story)?;
    let mut all = bases(world, Who::Ruegg, story)?;
    read.sort();
    all.sort();
    narrator.claim(
        "He consents again: Keller reads all four assessments, those written meanwhile too.",
        read.len() == 4 && read == all,
    )?;
    Ok(())
}

/// What the assessments rest on, as a device shows them.
fn bases(world: &mut World, who: Who, story: &Story) -> Result<Vec<String>, DemoError> {
    let home = world.home(who)?;
    let case = home.nahtlos.find_case(&story.number)?;
    let document = home
        .nahtlos
        .section_document(&case, &SectionKind::Function)?;
    let json = document.export_json();
    let assessments = json.get("assessments").and_then(|all| all.as_object());
    let texts = assessments.into_iter().flatten().filter_map(|(_, one)| {
        let basis = one.get("basis")?.as_str()?;
        Some(basis.to_owned())
    });
    Ok(texts.collect())
}

fn shown(
    world: &mut World,
    who: Who,
    story: &Story,
    kind: &SectionKind,
) -> Result<String, DemoError> {
    let home = world.home(who)?;
    let case = home.nahtlos.find_case(&story.number)?;
    Ok(home
        .nahtlos
        .section_document(&case, kind)?
        .export_json()
        .to_string())
}

fn function_space(world: &mut World, story: &Story) -> Result<SpaceId, DemoError> {
    let case = world.home(Who::Ruegg)?.nahtlos.find_case(&story.number)?;
    Ok(case.section(&SectionKind::Function)?)
}

fn envelopes(world: &mut World, story: &Story) -> Result<BTreeSet<EnvelopeId>, DemoError> {
    let space = function_space(world, story)?;
    let stored = StoredItems::read(&world.relay_database())?;
    let these = stored.envelopes.iter();
    let these = these.filter(|envelope| envelope.header().space == space);
    Ok(these.map(Envelope::id).collect())
}
