//! What people do: a case is opened and shared, four edit it offline and at once, all sync, and
//! what they decided differently is there for all to see.

use nahtlos_casework::edit::{
    Edit, FormChange, FormEdit, NewValues, PlanEdit, ScalarValue, StepField, StepRef, TaskEdit,
    TaskField, Wording,
};
use nahtlos_casework::fields::{
    ConsentForm, Date, EntryId, Field, InstitutionId, Line, LongText, PayerShares, Stored,
    TaskStatus, WithdrawalNotice,
};
use nahtlos_casework::record::{ConsentDetails, Giver};
use nahtlos_casework::view::{PlanView, TasksView};
use nahtlos_casework::{CaseFile, Conflict, ConflictKind, Origin, SectionKind};
use nahtlos_client::consent::{ConsentShare, NewConsent};
use nahtlos_client::{Case, Nahtlos};
use nahtlos_protocol::space::Role;

use super::DemoError;
use super::world::{Who, World};

/// The example case file: an invented person.
const CASE_FILE: &str = include_str!("../../../core/casework/tests/data/case-mosimann.json");

/// How Berger and Keller reword the first goal.
pub const REWORDINGS: [(Who, &str, &str); 2] = [
    (Who::Berger, "eine Stelle", "eine feste Stelle"),
    (Who::Keller, "in der Pflege", "in der Spitex"),
];

/// On which day Iseli and Sommer want the third step done.
pub const DUE_DATES: [(Who, &str); 2] = [(Who::Iseli, "31.03.2027"), (Who::Sommer, "30.04.2027")];

/// How many edits [`edit_offline`] makes.
pub const OFFLINE_EDITS: u64 = 11;

/// One line of the consent: sections, and with whom.
pub struct Share {
    /// Sections, and what may be done there.
    pub sections: &'static [(SectionKind, Role)],
    /// The team or person, as the directory names it.
    pub with: &'static str,
}

impl Share {
    /// In words: `read core; write plan, tasks`.
    pub fn rights(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        for wanted in [Role::Read, Role::Write] {
            let of_role = self.sections.iter().filter(|(_, role)| *role == wanted);
            let codes: Vec<String> = of_role.map(|(kind, _)| kind.code()).collect();
            if !codes.is_empty() {
                words.push(format!("{} {}", wanted.word(), codes.join(", ")));
            }
        }
        words.join("; ")
    }
}

const PARTNER: &[(SectionKind, Role)] = &[
    (SectionKind::Core, Role::Read),
    (SectionKind::Labour, Role::Read),
    (SectionKind::Plan, Role::Write),
    (SectionKind::Journal, Role::Write),
    (SectionKind::Tasks, Role::Write),
];

/// What Ruth Mosimann consents to: `function` is not for social aid.
pub const SHARES: [Share; 5] = [
    Share {
        sections: PARTNER,
        with: "IV-Stelle Bern Team 1",
    },
    Share {
        sections: &[(SectionKind::Function, Role::Write)],
        with: "IV-Stelle Bern Team 1",
    },
    Share {
        sections: PARTNER,
        with: "Sozialdienst Oberes Emmental Team 1",
    },
    Share {
        sections: PARTNER,
        with: "Urs Keller",
    },
    Share {
        sections: &[(SectionKind::Function, Role::Read)],
        with: "Urs Keller",
    },
];

/// What the edits are about.
pub struct Targets {
    /// The case, by its number.
    pub number: String,
    goal: EntryId,
    statement: String,
    step: StepRef,
    task: EntryId,
    iv: InstitutionId,
    social_aid: InstitutionId,
}

/// Berger opens the case from the example file.
///
/// # Errors
/// [`DemoError`].
pub fn open_case(world: &mut World) -> Result<String, DemoError> {
    let mut edits = edits_of(CASE_FILE)?;
    let occupation = ScalarValue::Text("Pflegehelferin SRK".to_owned());
    edits.push(Edit::Form(FormEdit {
        section: SectionKind::Labour,
        change: FormChange::Set {
            values: NewValues::from([("occupation".to_owned(), Some(occupation))]),
        },
    }));
    let number = world.home(Who::Berger)?.nahtlos.open_case(&edits)?;
    Ok(number.to_string())
}

/// What an example file says, as edits.
///
/// # Errors
/// [`DemoError::CaseFile`].
pub fn edits_of(case_file: &str) -> Result<Vec<Edit>, DemoError> {
    let file = CaseFile::parse(case_file).map_err(|errors| DemoError::CaseFile {
        errors: errors.len(),
    })?;
    let mut failed = false;
    let edits = file.edits(&mut || {
        new_id().unwrap_or_else(|_| {
            failed = true;
            EntryId::from_random([0; 8])
        })
    });
    if failed {
        return Err(DemoError::NoRandomness);
    }
    Ok(edits)
}

/// An identifier of something new.
///
/// # Errors
/// [`DemoError::NoRandomness`].
pub fn new_id() -> Result<EntryId, DemoError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| DemoError::NoRandomness)?;
    Ok(EntryId::from_random(bytes))
}

/// Berger records the consent, which shares exactly what it names.
///
/// # Errors
/// [`DemoError`].
pub fn consent(world: &mut World, number: &str) -> Result<(), DemoError> {
    let berger = &mut world.home(Who::Berger)?.nahtlos;
    let case = berger.find_case(number)?;
    let mut shares = Vec::new();
    for share in &SHARES {
        let member = berger.directory()?.find_member(share.with)?;
        let of_sections = share.sections.iter();
        shares.extend(of_sections.map(|(section, role)| ConsentShare {
            section: section.clone(),
            member,
            role: *role,
            purpose: None,
        }));
    }
    let consent = given_by_the_client(berger, shares, ConsentForm::Paper)?;
    berger.consent_give(&case, &consent)?;
    Ok(())
}

/// A consent from today on, without an end.
///
/// # Errors
/// [`DemoError`].
pub fn given_by_the_client(
    nahtlos: &Nahtlos,
    shares: Vec<ConsentShare>,
    form: ConsentForm,
) -> Result<NewConsent, DemoError> {
    Ok(NewConsent {
        giver: Giver::Client,
        shares,
        valid_from: nahtlos.today()?,
        valid_until: None,
        form,
        details: ConsentDetails {
            withdrawable_notice: Some(WithdrawalNotice::Given),
            ..ConsentDetails::default()
        },
        replaces: None,
        note: None,
    })
}

/// Finds what the edits are about, as Berger sees the case.
///
/// # Errors
/// [`DemoError::Missing`] where the case is not the example.
pub fn targets(berger: &Nahtlos, number: &str) -> Result<Targets, DemoError> {
    let case = berger.find_case(number)?;
    let document = berger.section_document(&case, &SectionKind::Plan)?;
    let authors = berger.section_authors(&case, &SectionKind::Plan)?;
    let plan = PlanView::read(&document, &authors);
    let goal = plan.goals.first().ok_or(missing("goal"))?;
    let titled = |title: Option<&Stored<Line>>, start: &str| {
        title.is_some_and(|title| title.canonical().starts_with(start))
    };
    let step = goal
        .steps
        .iter()
        .find(|step| titled(step.title.as_ref(), "Arbeitsversuch"))
        .ok_or(missing("step"))?;
    let document = berger.section_document(&case, &SectionKind::Tasks)?;
    let tasks = TasksView::read(&document);
    let task = tasks
        .tasks
        .iter()
        .find(|task| titled(task.title.as_ref(), "Arbeitszeugnisse"))
        .ok_or(missing("task"))?;
    Ok(Targets {
        number: number.to_owned(),
        goal: known(&goal.id)?,
        statement: goal
            .statement
            .as_ref()
            .map(Stored::canonical)
            .ok_or(missing("statement"))?,
        step: StepRef {
            goal: known(&goal.id)?,
            step: known(&step.id)?,
        },
        task: known(&task.id)?,
        iv: institution(berger, Who::Iseli)?,
        social_aid: institution(berger, Who::Sommer)?,
    })
}

/// An identifier that this program understands.
///
/// # Errors
/// [`DemoError::Missing`].
pub fn known(id: &Stored<EntryId>) -> Result<EntryId, DemoError> {
    id.known().copied().ok_or(missing("identifier"))
}

/// That the example lacks something.
pub const fn missing(what: &'static str) -> DemoError {
    DemoError::Missing { what }
}

/// The institution of one of them, as the directory has it.
///
/// # Errors
/// [`DemoError::Missing`].
pub fn institution(berger: &Nahtlos, who: Who) -> Result<InstitutionId, DemoError> {
    let directory = berger.directory()?;
    let (name, _) = who.institution();
    let found = directory
        .institutions
        .iter()
        .find(|(_, card)| card.name == name);
    let (id, _) = found.ok_or(missing("institution"))?;
    Ok(InstitutionId::parse(id)?)
}

/// Four people edit, each on their own device and without any network.
///
/// # Errors
/// [`DemoError`].
pub fn edit_offline(world: &mut World, targets: &Targets) -> Result<(), DemoError> {
    for (who, from, to) in REWORDINGS {
        let after = targets.statement.replacen(from, to, 1);
        let edit = PlanEdit::RewordGoal {
            id: targets.goal,
            before: Wording::new(targets.statement.clone()),
            after: LongText::parse(&after)?,
        };
        edit_as(world, who, targets, Edit::Plan(edit))?;
    }
    for (who, day) in DUE_DATES {
        edit_as(
            world,
            who,
            targets,
            targets.set_step(StepField::Due(Date::parse(day)?)),
        )?;
    }
    let whole = PayerShares::whole(targets.iv.clone())?;
    let approval = targets.approval()?;
    edit_as(
        world,
        Who::Iseli,
        targets,
        targets.set_step(StepField::Payers(whole)),
    )?;
    edit_as(world, Who::Iseli, targets, approval)?;
    let split = PayerShares::parse(&format!("{}=50;{}=50", targets.iv, targets.social_aid))?;
    edit_as(
        world,
        Who::Sommer,
        targets,
        targets.set_step(StepField::Payers(split)),
    )?;
    for title in ["Anfrage an zwei Pflegeheime", "Probetag vereinbaren"] {
        let add = TaskEdit::Add {
            id: new_id()?,
            title: Line::parse(title)?,
            responsible: None,
            due: None,
            priority: None,
            checklist: Vec::new(),
        };
        edit_as(world, Who::Keller, targets, Edit::Tasks(add))?;
    }
    let complete = TaskEdit::Set {
        id: targets.task,
        field: TaskField::Status(TaskStatus::Done),
    };
    edit_as(world, Who::Keller, targets, Edit::Tasks(complete))?;
    let delete = TaskEdit::Delete { id: targets.task };
    edit_as(world, Who::Sommer, targets, Edit::Tasks(delete))
}

fn edit_as(world: &mut World, who: Who, targets: &Targets, edit: Edit) -> Result<(), DemoError> {
    let home = world.home(who)?;
    Ok(home.nahtlos.edit_case(&targets.number, &[edit])?)
}

impl Targets {
    fn set_step(&self, field: StepField) -> Edit {
        Edit::Plan(PlanEdit::SetStep {
            at: self.step,
            field,
        })
    }

    /// The IV approves that it pays the step.
    ///
    /// # Errors
    /// [`DemoError`].
    pub fn approval(&self) -> Result<Edit, DemoError> {
        Ok(Edit::Plan(PlanEdit::ApproveStep {
            at: self.step,
            id: new_id()?,
            payers: PayerShares::whole(self.iv.clone())?,
        }))
    }

    /// Which side of a conflict somebody is on.
    pub fn side_of(&self, conflict: &Conflict, who: Who) -> Option<usize> {
        let ConflictKind::Values { alternatives } = &conflict.kind else {
            return None;
        };
        let mut sides = alternatives.iter();
        sides.position(|side| is_by(&side.origin, who))
    }

    /// Whether a conflict is the goal reworded by two, the merged text holding both edits.
    pub fn is_reworded_goal(&self, conflict: &Conflict) -> bool {
        let ConflictKind::Wordings {
            merged,
            alternatives,
        } = &conflict.kind
        else {
            return false;
        };
        let sides: Vec<(Who, String)> = REWORDINGS
            .iter()
            .map(|(who, from, to)| (*who, self.statement.replacen(from, to, 1)))
            .collect();
        let values = alternatives.iter().map(|side| (&side.value, &side.origin));
        REWORDINGS.iter().all(|(_, _, to)| merged.contains(to)) && are(values, &sides)
    }

    /// Whether a conflict is the two due dates of the third step.
    pub fn is_due_date(&self, conflict: &Conflict) -> bool {
        let sides: Option<Vec<(Who, String)>> = DUE_DATES
            .iter()
            .map(|(who, day)| Some((*who, Date::parse(day).ok()?.canonical())))
            .collect();
        sides.is_some_and(|sides| self.is_of_step(conflict, "due", &sides))
    }

    /// Whether a conflict is the two splits of the third step's costs.
    pub fn is_split(&self, conflict: &Conflict) -> bool {
        let splits = [
            (Who::Iseli, format!("{}=100", self.iv)),
            (
                Who::Sommer,
                format!("{}=50;{}=50", self.iv, self.social_aid),
            ),
        ];
        let sides: Option<Vec<(Who, String)>> = splits
            .iter()
            .map(|(who, split)| Some((*who, PayerShares::parse(split).ok()?.canonical())))
            .collect();
        sides.is_some_and(|sides| self.is_of_step(conflict, "payers", &sides))
    }

    fn is_of_step(&self, conflict: &Conflict, field: &str, sides: &[(Who, String)]) -> bool {
        let ConflictKind::Values { alternatives } = &conflict.kind else {
            return false;
        };
        let step = self.step.step.canonical();
        conflict.path.ends_with(&[step, field.to_owned()])
            && are(
                alternatives.iter().map(|side| (&side.value, &side.origin)),
                sides,
            )
    }

    /// Whether a conflict is the task that Sommer deleted and Keller completed.
    pub fn is_deleted_task(&self, conflict: &Conflict) -> bool {
        let ConflictKind::DeletedMeanwhile {
            deleted_by,
            edits,
            completed: true,
        } = &conflict.kind
        else {
            return false;
        };
        conflict.path.last() == Some(&self.task.canonical())
            && is_by(deleted_by, Who::Sommer)
            && edits.iter().any(|edit| is_by(&edit.origin, Who::Keller))
    }
}

/// Whether these are exactly the expected values, each by its author and with a time.
fn are<'a>(
    values: impl Iterator<Item = (&'a ScalarValue, &'a Origin)>,
    expected: &[(Who, String)],
) -> bool {
    let values: Vec<_> = values.collect();
    values.len() == expected.len()
        && expected.iter().all(|(who, text)| {
            values.iter().any(|(value, origin)| {
                matches!(value, ScalarValue::Text(value) if value == text) && is_by(origin, *who)
            })
        })
}

fn is_by(origin: &Origin, who: Who) -> bool {
    let author = origin.author.as_ref();
    author.is_some_and(|author| author.display_name.canonical() == who.name())
        && origin.at.is_some()
}

/// An order of all devices that follows from `seed` (SplitMix64 and Fisher-Yates).
pub fn order(seed: &mut u64) -> [Who; 7] {
    let mut order = Who::ALL;
    for last in (1..order.len()).rev() {
        *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let range = u64::try_from(last + 1).unwrap_or(u64::MAX);
        order.swap(last, usize::try_from(mixed % range).unwrap_or(0));
    }
    order
}

/// What syncing until nothing moves any more took.
pub struct Quiet {
    /// Order of the first round.
    pub first: [Who; 7],
    /// Rounds, the last of which moved nothing.
    pub rounds: usize,
    /// What anybody's device still held back in the last round: whose, and the reason.
    pub held: Vec<String>,
}

/// More rounds than the devices can need: what one delivers, all others have one round later.
const ROUNDS_MAX: usize = 8;

/// Syncs all devices in a new order each round, until a round moves nothing.
///
/// # Errors
/// [`DemoError::NeverQuiet`], or where a sync fails.
pub fn sync_until_quiet(world: &mut World, seed: &mut u64) -> Result<Quiet, DemoError> {
    let mut first = None;
    for round in 1..=ROUNDS_MAX {
        let order = order(seed);
        let first = *first.get_or_insert(order);
        let (mut moved, mut held) = (0, Vec::new());
        for who in order {
            let report = world.home(who)?.sync()?;
            moved += report.operations_received
                + report.envelopes_received
                + report.operations_delivered
                + report.envelopes_delivered;
            for (reason, count) in report.held {
                held.push(format!("{}: {reason} ({count})", who.last_name()));
            }
        }
        if moved == 0 {
            return Ok(Quiet {
                first,
                rounds: round,
                held,
            });
        }
    }
    Err(DemoError::NeverQuiet)
}

/// Syncs some devices, in this order.
///
/// # Errors
/// Where a sync fails.
pub fn sync_all(world: &mut World, order: &[Who]) -> Result<(), DemoError> {
    for who in order {
        world.home(*who)?.sync()?;
    }
    Ok(())
}

/// Whether every device that has a section of a case has the same: heads and content. Also says
/// how many documents were compared.
///
/// # Errors
/// [`DemoError`].
pub fn all_agree(world: &mut World, number: &str) -> Result<(bool, usize), DemoError> {
    let mut agree = true;
    let mut compared = 0;
    let mut seen: Vec<(SectionKind, Vec<String>, String)> = Vec::new();
    for home in world.round_table() {
        let case: Case = home.nahtlos.find_case(number)?;
        for kind in case.sections.keys() {
            let document = home.nahtlos.section_document(&case, kind)?;
            let heads = document.heads().iter().map(ToString::to_string).collect();
            let mine = (kind.clone(), heads, document.export_json().to_string());
            compared += 1;
            match seen.iter().find(|(known, ..)| known == kind) {
                Some(other) => agree &= *other == mine,
                None => seen.push(mine),
            }
        }
    }
    Ok((agree, compared))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_follows_from_its_seed_and_names_everybody_once() {
        let mut orders = Vec::new();
        for seed in 0..100 {
            let order_of = |mut seed: u64| order(&mut seed);
            let order = order_of(seed);
            assert_eq!(order, order_of(seed));
            assert!(Who::ALL.iter().all(|who| order.contains(who)));
            if !orders.contains(&order) {
                orders.push(order);
            }
        }
        assert!(orders.len() > 40, "{} different orders", orders.len());
    }
}
