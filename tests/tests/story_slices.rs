//! Slices: what a provider and an employer receive of a case, how it follows its source, and how it ends.
//! Each device's keys are tried on what the relay stores: of the sections themselves nothing opens.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, SliceContent, SliceEdit};
use nahtlos_casework::fields::{ConsentForm, EntryId, Field, InstitutionId};
use nahtlos_casework::record::{ConsentDetails, Giver};
use nahtlos_casework::slice::Slice;
use nahtlos_casework::view::{DisputesView, FormView};
use nahtlos_client::consent::{ConsentShare, Less, NewConsent};
use nahtlos_client::share::Terms;
use nahtlos_client::{Case, ClientError};
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::Role;
use nahtlos_tests::{Home, World};
use serde_json::{Value, json};

const EMPLOYER: &str = "Holzbau AG Team 1";
const PROVIDER: &str = "Kurswerk Team 1";
const IV: &str = "IV-Stelle Bern Team 1";

const LIMITS: &str = "keine Lasten über fünf Kilogramm";
const DESK: &str = "Stehpult und eine Pause je Stunde";
const LIFT: &str = "Hebehilfe an der Werkbank";
const HOURS: &str = "Beginn erst um neun Uhr";

/// Rüegg leads with her colleague Trachsel; Iseli (IV) writes in `function`; Gerber works for an employer,
/// Roth for a provider.
struct Story {
    world: World,
    ruegg: Home,
    trachsel: Home,
    iseli: Home,
    gerber: Home,
    roth: Home,
    case: String,
    written: u64,
}

impl Story {
    fn new() -> Self {
        let world = World::new();
        let mut ruegg = world.found("ruegg", "Rita Rüegg", "Sozialdienst", "soz");
        let trachsel = world.colleague(&mut ruegg, "trachsel", "Tim Trachsel", Role::Manage);
        let iseli = world.institution(&mut ruegg, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
        let gerber =
            world.institution(&mut ruegg, "gerber", "Jan Gerber", "Holzbau AG", "employer");
        let roth = world.institution(&mut ruegg, "roth", "Eva Roth", "Kurswerk", "provider");
        let number = ruegg.open_example_case();
        let case = ruegg.nahtlos.find_case(&number).unwrap().id.to_string();
        for section in [SectionKind::Core, SectionKind::Function] {
            ruegg.share(&case, &section, IV, Role::Write, "IVG68bis2");
        }
        let mut story = Self {
            world,
            ruegg,
            trachsel,
            iseli,
            gerber,
            roth,
            case,
            written: 0,
        };
        story.sync();
        story
    }

    /// Everybody has everything; nobody's sync is held up.
    fn sync(&mut self) {
        for _ in 0..2 {
            for home in [
                &mut self.ruegg,
                &mut self.trachsel,
                &mut self.iseli,
                &mut self.gerber,
                &mut self.roth,
            ] {
                let report = home.sync();
                assert!(report.held.is_empty(), "{report:?}");
            }
        }
    }

    fn id(&mut self) -> EntryId {
        self.written += 1;
        EntryId::from_random((0x5100_0000 + self.written).to_be_bytes())
    }

    /// An assessment with adaptations, or one that says nothing of any.
    fn assessment(&mut self, from: &str, adaptations: Option<&str>) -> Edit {
        let id = self.id();
        let mut assessment = json!({
            "capacity": "40", "from": from, "basis": "Arbeitsversuch", "limits": LIMITS,
        });
        if let Some(adaptations) = adaptations {
            assessment["adaptations"] = adaptations.into();
        }
        edit(json!({ "function": { "add_assessment": { "id": id, "assessment": assessment } } }))
    }

    fn give(&mut self, section: &SectionKind, team: &str) -> EntryId {
        self.try_give(section, team).unwrap()
    }

    fn try_give(&mut self, section: &SectionKind, team: &str) -> Result<EntryId, ClientError> {
        let member = member(&self.ruegg, team);
        let new = NewConsent {
            giver: Giver::Client,
            shares: vec![ConsentShare {
                section: section.clone(),
                member,
                role: Role::Read,
                purpose: None,
            }],
            valid_from: self.ruegg.nahtlos.today().unwrap(),
            valid_until: None,
            form: ConsentForm::Paper,
            details: ConsentDetails::default(),
            replaces: None,
            note: None,
        };
        let case = case(&self.ruegg, &self.case);
        self.ruegg.nahtlos.consent_give(&case, &new)
    }

    fn share_slice(&mut self, of: &SectionKind, team: &str, basis: Option<&str>) -> SectionKind {
        let (case, member) = (case(&self.ruegg, &self.case), member(&self.ruegg, team));
        let shared = self.ruegg.nahtlos.share_slice(&case, of, &member, basis);
        shared.unwrap()
    }

    /// Nobody but the lead's team and whom it is for opens a slice, and nobody of them its source.
    fn try_keys(&self, of: &SectionKind, slice: &SectionKind, reader: &str) {
        let whole = self.world.stored_envelopes(&self.ruegg, &self.case, of);
        let sliced = self.world.stored_envelopes(&self.ruegg, &self.case, slice);
        assert!(!whole.is_empty() && !sliced.is_empty(), "nothing to try");
        let own = self.world.trial_with_all_wraps(&self.ruegg);
        assert!(whole.iter().all(|one| own.opens(one)), "control");
        for (name, home) in [
            ("iseli", &self.iseli),
            ("gerber", &self.gerber),
            ("roth", &self.roth),
        ] {
            let trial = self.world.trial_with_all_wraps(home);
            let opened = sliced.iter().filter(|one| trial.opens(one)).count();
            let expected = if name == reader { sliced.len() } else { 0 };
            assert_eq!(opened, expected, "{slice} tried by {name}");
            if name != "iseli" {
                assert!(!whole.iter().any(|one| trial.opens(one)), "{of} by {name}");
            }
        }
    }
}

fn edit(value: Value) -> Edit {
    serde_json::from_value(value).unwrap()
}

fn case(home: &Home, id: &str) -> Case {
    home.nahtlos.find_case(id).unwrap()
}

fn member(home: &Home, name: &str) -> SpaceId {
    home.nahtlos.directory().unwrap().find_member(name).unwrap()
}

/// The slices that a device can still read, each with what it holds.
fn slices(home: &Home, id: &str) -> Vec<(Slice, Value)> {
    let Ok(case) = home.nahtlos.find_case(id) else {
        return Vec::new();
    };
    let lost = home.nahtlos.lost_sections().unwrap();
    let mut found = Vec::new();
    for (kind, space) in &case.sections {
        let is_lost = lost.iter().any(|one| one.space == space.to_string());
        if let Some(slice) = kind.as_slice().filter(|_| !is_lost) {
            found.push((slice.clone(), content(home, &case, kind)));
        }
    }
    found
}

fn content(home: &Home, case: &Case, kind: &SectionKind) -> Value {
    let document = home
        .nahtlos
        .section_document_unrecorded(case, kind)
        .unwrap();
    let authors = home.nahtlos.section_authors(case, kind).unwrap();
    serde_json::to_value(FormView::read(&document, kind, &authors)).unwrap()
}

/// The one slice that a device can read.
fn only(home: &Home, id: &str) -> (Slice, Value) {
    let mut found = slices(home, id);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn adaptations(content: &Value) -> Vec<&str> {
    let list = content["lists"]["adaptations"].as_array().unwrap();
    let mut texts: Vec<&str> = list
        .iter()
        .map(|entry| entry["fields"]["adaptations"].as_str().unwrap())
        .collect();
    texts.sort_unstable();
    texts
}

/// Changes in a document's history beside its genesis.
fn changes(home: &Home, id: &str, kind: &SectionKind) -> usize {
    let document = home
        .nahtlos
        .section_document_unrecorded(&case(home, id), kind);
    document.unwrap().history().len() - 1
}

#[test]
fn an_employer_reads_adaptations_while_the_consent_holds_and_never_the_section() {
    let mut story = Story::new();
    let (id, function) = (story.case.clone(), SectionKind::Function);
    // What the example case says of adaptations is taken back; then the IV names some.
    let none = story.assessment("2026-09-15", None);
    story.ruegg.nahtlos.edit_case(&id, &[none]).unwrap();
    let first = story.assessment("2026-10-01", Some(DESK));
    story.iseli.nahtlos.edit_case(&id, &[first]).unwrap();
    story.sync();

    // Without a consent there is no slice, and by law there is none either.
    let employer = member(&story.ruegg, EMPLOYER);
    let own = case(&story.ruegg, &id);
    for basis in [None, Some("IVG68bis2")] {
        let refused = story
            .ruegg
            .nahtlos
            .share_slice(&own, &function, &employer, basis);
        assert_eq!(refused.unwrap_err().code(), "not_covered", "{basis:?}");
    }
    assert_eq!(case(&story.ruegg, &id), own, "nothing was kept");

    // The consent alone lets nobody read the section, and the slice holds the adaptations alone.
    let consent = story.give(&function, EMPLOYER);
    story.sync();
    assert!(story.gerber.nahtlos.find_case(&id).is_err());
    let shared = story.share_slice(&function, EMPLOYER, None);
    story.sync();
    let (slice, held) = only(&story.gerber, &id);
    assert_eq!((slice.of(), slice.number()), (&function, 1));
    assert_eq!(adaptations(&held), [DESK]);
    let text = held.to_string();
    assert!(
        !text.contains(LIMITS) && !text.contains("Arbeitsversuch"),
        "{text}"
    );
    let fields = held["lists"]["adaptations"][0]["fields"]
        .as_object()
        .unwrap();
    let codes: Vec<&String> = fields.keys().collect();
    assert_eq!(codes, ["adaptations", "from"]);
    story.try_keys(&function, &shared, "gerber");

    // Nobody there writes it.
    let forged = Edit::Slice(SliceEdit {
        section: shared.clone(),
        content: SliceContent::default(),
        as_of: story.gerber.nahtlos.today().unwrap(),
    });
    let refused = story.gerber.nahtlos.edit_case(&id, &[forged]);
    assert_eq!(refused.unwrap_err().code(), "no_right");

    // Another institution's adaptations are added to it; nothing has to go.
    let by_lead = story.assessment("2026-10-05", Some(HOURS));
    story.ruegg.nahtlos.edit_case(&id, &[by_lead]).unwrap();
    story.sync();
    let (slice, held) = only(&story.gerber, &id);
    assert_eq!(slice.number(), 1);
    assert_eq!(adaptations(&held), [HOURS, DESK]);

    // The IV says something else: the earlier words are in no history of the new slice.
    let later = story.assessment("2026-11-01", Some(LIFT));
    story.iseli.nahtlos.edit_case(&id, &[later]).unwrap();
    story.sync();
    let (slice, held) = only(&story.gerber, &id);
    assert_eq!(slice.number(), 2);
    assert_eq!(adaptations(&held), [HOURS, LIFT]);
    let second = SectionKind::Slice(Box::new(slice));
    assert_eq!(changes(&story.gerber, &id, &second), 1);
    let lost = story.gerber.nahtlos.lost_sections().unwrap();
    let ended = lost[0].ended.as_ref().unwrap();
    assert_eq!((lost.len(), lost[0].section.as_str()), (1, &*shared.code()));
    assert_eq!(ended.reason, Some("replaced"));
    story.try_keys(&function, &second, "gerber");

    // Withdrawn, offline: the slice ends with it, and nothing newer is written for them.
    let today = story.ruegg.nahtlos.today().unwrap();
    let own = case(&story.ruegg, &id);
    let done = story
        .ruegg
        .nahtlos
        .consent_withdraw(&own, &consent, None, today, None);
    assert_eq!(done.unwrap().ended, 1);
    story.sync();
    let more = story.assessment("2026-12-01", Some("Einzelbüro"));
    story.iseli.nahtlos.edit_case(&id, &[more]).unwrap();
    story.sync();
    assert!(slices(&story.gerber, &id).is_empty());
    let lost = story.gerber.nahtlos.lost_sections().unwrap();
    let second_ended = lost.iter().find(|one| one.section == second.code());
    let reason = second_ended.unwrap().ended.as_ref().unwrap().reason;
    assert_eq!(reason, Some("consent_withdrawn"));
    let newest = story.ruegg.nahtlos.find_case(&id).unwrap().sections;
    let written = newest.keys().filter(|kind| kind.as_slice().is_some());
    assert_eq!(written.count(), 2, "nobody reads it, so none is written");
    let trial = story.world.trial_with_all_wraps(&story.gerber);
    let whole = story.world.stored_envelopes(&story.ruegg, &id, &function);
    assert!(!whole.iter().any(|one| trial.opens(one)));

    // A new consent begins with a new slice.
    story.give(&function, EMPLOYER);
    story.share_slice(&function, EMPLOYER, None);
    story.sync();
    let (slice, held) = only(&story.gerber, &id);
    assert_eq!(slice.number(), 3);
    assert_eq!(
        adaptations(&held),
        ["Beginn erst um neun Uhr", "Einzelbüro"]
    );
}

#[test]
fn a_narrowed_consent_ends_the_slice_that_it_covered_and_leaves_the_others() {
    let mut story = Story::new();
    let (id, function) = (story.case.clone(), SectionKind::Function);
    let first = story.assessment("2026-10-01", Some(DESK));
    story.ruegg.nahtlos.edit_case(&id, &[first]).unwrap();
    let consent = story.give(&function, EMPLOYER);
    story.share_slice(&function, EMPLOYER, None);
    story.share_slice(&SectionKind::Core, EMPLOYER, Some("SHG19b"));
    story.sync();
    let read = slices(&story.gerber, &id);
    assert_eq!(read.len(), 2);
    let (_, core) = read
        .iter()
        .find(|(slice, _)| *slice.of() == SectionKind::Core)
        .unwrap();
    let codes: Vec<&String> = core["fields"].as_object().unwrap().keys().collect();
    assert_eq!(
        codes,
        ["as_of", "first_name", "official_name"],
        "names alone"
    );

    let (own, today) = (
        case(&story.ruegg, &id),
        story.ruegg.nahtlos.today().unwrap(),
    );
    let part = [(function, member(&story.ruegg, EMPLOYER))];
    let less = Less {
        part: Some(&part),
        valid_until: None,
    };
    let narrowed = story
        .ruegg
        .nahtlos
        .consent_narrow(&own, &consent, &less, today, None);
    assert_eq!(narrowed.unwrap().ended, 1);
    story.sync();
    let (slice, _) = only(&story.gerber, &id);
    assert_eq!(*slice.of(), SectionKind::Core);
}

#[test]
fn a_provider_reads_how_to_reach_the_person_and_its_own_lines_as_they_are_now() {
    let mut story = Story::new();
    let id = story.case.clone();
    let provider = story.roth.nahtlos.own_institution_id().unwrap();
    let (goal, theirs, ours) = (story.id(), story.id(), story.id());
    let step = |step: EntryId, title: &str, responsible: &str| {
        edit(
            json!({ "plan": { "add_step": { "at": { "goal": goal, "step": step },
            "title": title, "fields": [{ "responsible": responsible }] } } }),
        )
    };
    let edits = [
        edit(
            json!({ "plan": { "add_goal": { "id": goal, "statement": "Wieder Arbeit finden" } } }),
        ),
        step(theirs, "Deutschkurs", &provider),
        step(ours, "Schuldenberatung", "client"),
    ];
    story.ruegg.nahtlos.edit_case(&id, &edits).unwrap();
    for section in [SectionKind::Core, SectionKind::Plan] {
        story.share_slice(&section, PROVIDER, Some("SHG19b"));
    }
    story.sync();
    let read = |story: &Story, of: &SectionKind| {
        let found = slices(&story.roth, &id);
        let found = found.into_iter().find(|(slice, _)| slice.of() == of);
        found.unwrap()
    };
    let (slice, plan) = read(&story, &SectionKind::Plan);
    assert_eq!(plan["lists"]["steps"].as_array().unwrap().len(), 1);
    assert!(plan.to_string().contains("Deutschkurs"));
    for hidden in ["Schuldenberatung", "Wieder Arbeit finden"] {
        assert!(!plan.to_string().contains(hidden), "{hidden}");
    }
    story.try_keys(
        &SectionKind::Plan,
        &SectionKind::Slice(Box::new(slice)),
        "roth",
    );
    let (_, core) = read(&story, &SectionKind::Core);
    assert!(core["fields"].get("birth").is_none() && core["fields"].get("sex").is_none());

    // A day that moves is written into the same document; words and numbers to call by begin a new one.
    let dated = edit(json!({ "plan": { "set_step": {
        "at": { "goal": goal, "step": theirs }, "field": { "due": "2027-03-31" } } } }));
    let called = edit(json!({ "core": { "set": { "phone": "+41344021122" } } }));
    story
        .ruegg
        .nahtlos
        .edit_case(&id, &[dated, called])
        .unwrap();
    story.sync();
    let (slice, plan) = read(&story, &SectionKind::Plan);
    assert_eq!(slice.number(), 1);
    assert_eq!(plan["lists"]["steps"][0]["fields"]["due"], "2027-03-31");
    let before = read(&story, &SectionKind::Core).0.number();
    let called = edit(json!({ "core": { "set": { "phone": "+41344021199" } } }));
    story.ruegg.nahtlos.edit_case(&id, &[called]).unwrap();
    story.sync();
    let (slice, core) = read(&story, &SectionKind::Core);
    assert_eq!(slice.number(), before + 1);
    assert_eq!(core["fields"]["phone"], "+41344021199");

    // Who joins the provider later receives the present slices alone.
    let mut late = story
        .world
        .colleague(&mut story.roth, "late", "Lea Frei", Role::Read);
    story.sync();
    late.sync();
    let known = case(&late, &id);
    let kinds: Vec<String> = known.sections.keys().map(SectionKind::code).collect();
    let core = SectionKind::Slice(Box::new(slice));
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    assert!(kinds.contains(&core.code()), "{kinds:?}");
    assert_eq!(changes(&late, &id, &core), 1);
}

#[test]
fn two_who_write_a_slice_at_once_agree_and_a_sync_without_news_costs_one_request() {
    let mut story = Story::new();
    let (id, core) = (story.case.clone(), SectionKind::Core);
    let provider = member(&story.ruegg, PROVIDER);
    for home in [&mut story.ruegg, &mut story.trachsel] {
        let own = home.nahtlos.find_case(&id).unwrap();
        let shared = home
            .nahtlos
            .share_slice(&own, &core, &provider, Some("SHG19b"));
        assert_eq!(shared.unwrap().as_slice().unwrap().number(), 1);
    }
    story.sync();
    story.sync();
    let (slice, held) = only(&story.roth, &id);
    let kind = SectionKind::Slice(Box::new(slice));
    for home in [&story.ruegg, &story.trachsel] {
        let own = case(home, &id);
        let of_roth = case(&story.roth, &id).section(&kind).unwrap();
        assert_eq!(
            own.section(&kind).unwrap(),
            of_roth,
            "all mean the same one"
        );
        assert_eq!(content(home, &own, &kind)["fields"], held["fields"]);
        assert!(home.nahtlos.conflicts(&own).unwrap().is_empty());
    }
    assert_eq!(story.ruegg.sync().requests, 1);

    // Whoever of them comes first follows the source, the other one finds it done.
    let named = edit(json!({ "core": { "set": { "interpreter": "fr" } } }));
    story.iseli.nahtlos.edit_case(&id, &[named]).unwrap();
    story.iseli.sync();
    story.trachsel.sync();
    story.ruegg.sync();
    story.roth.sync();
    let (_, held) = only(&story.roth, &id);
    assert_eq!(held["fields"]["interpreter"], "fr");
    assert_eq!(story.ruegg.sync().requests, 1);
}

#[test]
fn what_the_matrix_keeps_from_somebody_no_slice_and_no_basis_gives_them() {
    let mut story = Story::new();
    let id = story.case.clone();
    let own = case(&story.ruegg, &id);
    for (section, team) in [
        (SectionKind::Ident, PROVIDER),
        (SectionKind::Ident, EMPLOYER),
        (SectionKind::Medical, EMPLOYER),
        (SectionKind::Tasks, EMPLOYER),
        (SectionKind::Core, IV),
    ] {
        let member = member(&story.ruegg, team);
        let shared = story
            .ruegg
            .nahtlos
            .share_slice(&own, &section, &member, Some("SHG19b"));
        assert_eq!(shared.unwrap_err().code(), "no_right", "{section} {team}");
    }
    // Health is never an employer's to read as a whole.
    let employer = member(&story.ruegg, EMPLOYER);
    let terms = Terms::new(Role::Read, "SHG19b");
    let granted = story
        .ruegg
        .nahtlos
        .grant(&own, &SectionKind::Function, &employer, &terms);
    assert_eq!(granted.unwrap_err().code(), "no_right");

    // By a consent neither.
    story
        .ruegg
        .nahtlos
        .open_section(&own, &SectionKind::Medical)
        .unwrap();
    let given = story.try_give(&SectionKind::Medical, EMPLOYER);
    assert_eq!(given.unwrap_err().code(), "no_right");

    // Nor do they read a section as a whole of which a part is theirs, or nothing.
    for (section, code) in [
        (SectionKind::Core, "only_a_slice"),
        (SectionKind::Plan, "only_a_slice"),
        (SectionKind::Journal, "not_for_them"),
    ] {
        let member = member(&story.ruegg, EMPLOYER);
        let shown = story.ruegg.nahtlos.preview_grant(&own, &section, &member);
        assert_eq!(shown.unwrap_err().code(), code, "{section}");
    }
    let given = story.try_give(&SectionKind::Journal, EMPLOYER);
    assert_eq!(given.unwrap_err().code(), "not_for_them");
    // A provider's team may be let in; who does it is told that it is more than usual.
    let provider = member(&story.ruegg, PROVIDER);
    for section in [SectionKind::Core, SectionKind::Plan, SectionKind::Journal] {
        let shown = story.ruegg.nahtlos.preview_grant(&own, &section, &provider);
        assert!(shown.unwrap().beyond_matrix, "{section}");
    }
    // Control: the IV's whole plan.
    let iv = member(&story.ruegg, IV);
    let shown = story
        .ruegg
        .nahtlos
        .preview_grant(&own, &SectionKind::Plan, &iv);
    assert!(!shown.unwrap().beyond_matrix);

    // A slice goes to nobody else, is written by nobody there, and is opened by no other command.
    let slice = story.share_slice(&SectionKind::Core, EMPLOYER, Some("SHG19b"));
    story.sync();
    let own = case(&story.ruegg, &id);
    let provider = member(&story.ruegg, PROVIDER);
    let writes = Terms::new(Role::Write, "SHG19b");
    for (member, terms) in [(provider, &terms), (employer, &writes)] {
        let granted = story.ruegg.nahtlos.grant(&own, &slice, &member, terms);
        assert_eq!(granted.unwrap_err().code(), "no_right");
    }
    let named = story.try_give(&slice, EMPLOYER);
    assert_eq!(named.unwrap_err().code(), "slice");
    let typed = edit(json!({ "form": { "section": slice.code(),
        "change": { "set": { "values": { "official_name": "Andere" } } } } }));
    assert!(story.ruegg.nahtlos.edit_case(&id, &[typed]).is_err());
    let employer = InstitutionId::parse(&story.gerber.nahtlos.own_institution_id().unwrap());
    let other = Slice::first(&SectionKind::Plan, &employer.unwrap()).unwrap();
    let other = SectionKind::Slice(Box::new(other));
    assert!(story.ruegg.nahtlos.open_section(&own, &other).is_err());
    // Who does not lead the case writes none.
    let theirs = case(&story.iseli, &id);
    let shared =
        story
            .iseli
            .nahtlos
            .share_slice(&theirs, &SectionKind::Core, &provider, Some("SHG19b"));
    assert_eq!(shared.unwrap_err().code(), "no_right");
    story.sync();
    assert_eq!(slices(&story.roth, &id).len(), 0);
    assert_eq!(slices(&story.gerber, &id).len(), 1);
}

/// The client allows that the employer knows the core data: a part of them goes out on that, and nothing else.
#[test]
fn a_consent_that_names_a_section_for_an_employer_carries_a_slice_of_it_and_never_the_section() {
    let mut story = Story::new();
    let id = story.case.clone();
    let employer = member(&story.ruegg, EMPLOYER);
    let own = case(&story.ruegg, &id);
    let without = story
        .ruegg
        .nahtlos
        .share_slice(&own, &SectionKind::Core, &employer, None);
    assert_eq!(without.unwrap_err().code(), "missing");

    story.try_give(&SectionKind::Core, EMPLOYER).unwrap();
    story.sync();
    assert!(story.gerber.nahtlos.find_case(&id).is_err(), "nothing yet");
    let slice = story.share_slice(&SectionKind::Core, EMPLOYER, None);
    story.sync();
    let theirs = case(&story.gerber, &id);
    let sections: Vec<&SectionKind> = theirs.sections.keys().collect();
    assert_eq!(sections, [&slice]);
}

/// Rüegg hands the case over to the provider, who by now reads the core data itself: of its slices it goes on to
/// receive copies, and manages none.
#[test]
fn a_hand_over_to_a_team_that_reads_a_slice_does_not_let_it_manage_the_slice() {
    let mut story = Story::new();
    let id = story.case.clone();
    let slice = story.share_slice(&SectionKind::Plan, PROVIDER, Some("SHG19b"));
    story
        .ruegg
        .share(&id, &SectionKind::Core, PROVIDER, Role::Read, "SHG19b");
    story.sync();
    let role = |home: &Home, kind: &SectionKind| {
        let space = case(home, &id).section(kind).unwrap();
        home.nahtlos.own_role(&space)
    };
    assert_eq!(role(&story.roth, &slice), Some("read"), "control");
    let person = |home: &Home| home.nahtlos.identity().person.unwrap();
    let (from, to) = (person(&story.ruegg), person(&story.roth));
    let plan = story.ruegg.nahtlos.plan_handover(&from, &to, &[]).unwrap();
    let one = &plan.cases[0];
    assert_eq!(one.raised, ["core"]);
    assert!(story.ruegg.nahtlos.hand_over(&plan, one).unwrap());
    story.sync();
    assert_eq!(
        role(&story.roth, &SectionKind::Core),
        Some("manage"),
        "control"
    );
    assert_eq!(role(&story.roth, &slice), Some("read"));
    assert_eq!(role(&story.ruegg, &slice), Some("manage"));
    let rewritten = story.roth.nahtlos.edit_case(
        &id,
        &[Edit::Slice(SliceEdit {
            section: slice,
            content: SliceContent::default(),
            as_of: story.roth.nahtlos.today().unwrap(),
        })],
    );
    assert!(
        matches!(rewritten, Err(ClientError::NoRight { .. })),
        "{rewritten:?}"
    );
}

/// The person says that the number is not theirs: the provider, who was given it, sees that, and not what else
/// was said; once it is settled, that too.
#[test]
fn what_the_person_disputes_is_marked_in_the_copy_of_who_received_it() {
    let mut story = Story::new();
    let id = story.case.clone();
    let slice = story.share_slice(&SectionKind::Core, PROVIDER, Some("SHG19b"));
    story.sync();
    let (mark, other, end) = (story.id(), story.id(), story.id());
    let dispute = |mark: EntryId, path: Value, text: &str| {
        edit(
            json!({ "dispute": { "section": "core", "change": { "state": {
            "id": mark, "path": path, "text": text, "stated_at": "2026-10-02" } } } }),
        )
    };
    let edits = [
        dispute(
            mark,
            json!(["contact", "phone"]),
            "Die Nummer gehört meinem Mann.",
        ),
        dispute(other, json!(["person", "birth"]), "Ein Jahr zu früh."),
    ];
    story.iseli.nahtlos.edit_case(&id, &edits).unwrap();
    story.sync();
    let marks = |home: &Home, kind: &SectionKind| {
        let of = case(home, &id);
        let document = home.nahtlos.section_document(&of, kind).unwrap();
        let authors = home.nahtlos.section_authors(&of, kind).unwrap();
        (
            DisputesView::read(&document, &authors),
            document.export_json().to_string(),
        )
    };
    let (seen, whole) = marks(&story.roth, &slice);
    assert_eq!(seen.standing().count(), 1);
    assert!(seen.concerns(&["fields", "phone"]));
    assert!(
        !whole.contains("meinem Mann") && !whole.contains("zu früh"),
        "{whole}"
    );
    story.try_keys(&SectionKind::Core, &slice, "roth");

    let settled = edit(
        json!({ "dispute": { "section": "core", "change": { "settle": {
        "id": end, "dispute": mark, "text": "Sie ist einverstanden.", "stated_at": "2026-10-05" } } } }),
    );
    story.ruegg.nahtlos.edit_case(&id, &[settled]).unwrap();
    story.sync();
    let (seen, whole) = marks(&story.roth, &slice);
    assert_eq!((seen.standing().count(), seen.disputes.len()), (0, 1));
    assert!(!whole.contains("einverstanden"), "{whole}");
    let (source, _) = marks(&story.trachsel, &SectionKind::Core);
    assert_eq!(source.standing().count(), 1, "the other one stands");
}

/// Roth's program is modified: it signs edits of the slice that his team receives, under its true key.
#[test]
fn who_receives_a_slice_and_signs_an_edit_of_it_changes_nobodys_copy() {
    let mut story = Story::new();
    let id = story.case.clone();
    let slice = story.share_slice(&SectionKind::Core, PROVIDER, Some("SHG19b"));
    story.sync();
    let space = case(&story.roth, &id).section(&slice).unwrap();
    let seen = |home: &Home| {
        let of = case(home, &id);
        let document = home.nahtlos.section_document(&of, &slice).unwrap();
        (
            document.export_json(),
            home.nahtlos.counting_of(&space).len(),
        )
    };
    let stored = |story: &Story| {
        story
            .world
            .stored_envelopes(&story.ruegg, &id, &slice)
            .len()
    };
    let (before, of_roth, on_relay) = (seen(&story.ruegg), seen(&story.roth), stored(&story));
    let false_mark = ["acknowledged", "dispute:aebagbafaydqq"];
    let of_phone = [("path", "fields/phone"), ("stated_at", "2026-10-02")];
    let roth = &mut story.roth.nahtlos;
    roth.hostile_changes(&space, 1, &|_| {}).unwrap();
    roth.newer_entry(&space, 2, &false_mark, &of_phone).unwrap();
    for _ in 0..2 {
        for home in [&mut story.roth, &mut story.ruegg, &mut story.trachsel] {
            home.sync();
        }
    }
    assert_eq!(
        stored(&story),
        on_relay,
        "the relay keeps none of it in the section"
    );
    for home in [&story.ruegg, &story.trachsel] {
        assert_eq!(seen(home), before);
    }
    assert_eq!(seen(&story.roth).0, of_roth.0);

    // The control: from who manages the slice, the same envelope is taken.
    let trachsel = &mut story.trachsel.nahtlos;
    trachsel
        .newer_entry(&space, 1, &false_mark, &of_phone)
        .unwrap();
    for home in [&mut story.trachsel, &mut story.ruegg] {
        home.sync();
    }
    assert!(seen(&story.ruegg).1 > before.1);
}
