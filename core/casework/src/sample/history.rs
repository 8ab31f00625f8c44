//! Fourteen months of one case.

use std::collections::BTreeMap;

use super::random::Numbers;
use super::words::{FIRST_NAMES, FRENCH, GERMAN, LAST_NAMES, Words};
use super::{Sample, SampleChange, SampleError};
use crate::author::Author;
use crate::edit::{
    Assessment, ChecklistLine, CoreEdit, CoreField, Edit, FormChange, FormEdit, FunctionEdit,
    GoalField, IdentEdit, IdentField, JournalEdit, PlanEdit, PlanField, Review, RiskField,
    ScalarValue, StepField, StepRef, TaskEdit, TaskField, Wording,
};
use crate::fields::{Date, EntryId, Field, GoalRatings, LongText, Rating, StepStatus, UtcTime};
use crate::record::{Address, Body};
use crate::section::SectionKind;

/// 2025-09-01T06:00:00Z.
const FIRST_SECOND: i64 = 1_756_706_400;
const DAY_SECONDS: i64 = 86_400;
/// Fourteen months.
const DAYS: u64 = 425;
/// What a case of this length was measured to have.
const CHANGES: usize = 436;

/// A case while it is written. Times are drawn first and given to the changes in order.
pub(super) struct History {
    numbers: Numbers,
    number: u64,
    words: &'static Words,
    changes: Vec<(usize, Edit)>,
}

type Done = Result<(), SampleError>;

fn read<F: Field>(text: &str) -> Result<F, SampleError> {
    Ok(F::parse(text)?)
}

impl History {
    pub(super) fn new(mut numbers: Numbers, number: u64) -> Self {
        let words = if numbers.percent(60) {
            &GERMAN
        } else {
            &FRENCH
        };
        Self {
            numbers,
            number,
            words,
            changes: Vec::new(),
        }
    }

    pub(super) fn write(mut self) -> Result<Sample, SampleError> {
        let authors = self.authors()?;
        self.core()?;
        self.ident()?;
        self.person_forms()?;
        self.plan()?;
        self.assessments()?;
        self.finance()?;
        self.tasks()?;
        // The journal fills what is left, and runs beside all of it.
        let entries = CHANGES.saturating_sub(self.changes.len()) + self.drawn(20);
        let mut journal = self.journal(entries)?;
        journal.reverse();
        let others = std::mem::take(&mut self.changes);
        let (mut changes, mut left) = (Vec::new(), others.len());
        for change in others {
            changes.push(change);
            // As many entries behind each change as there are for each in all.
            for _ in 0..journal.len() / left.max(1) {
                changes.extend(journal.pop());
            }
            left -= 1;
        }
        let times = self.times(changes.len())?;
        let changes = changes.into_iter().zip(times);
        let changes = changes.map(|((author, edit), at)| SampleChange { author, at, edit });
        Ok(Sample {
            authors,
            changes: changes.collect(),
        })
    }

    fn drawn(&mut self, most: u64) -> usize {
        usize::try_from(self.numbers.between(0, most)).unwrap_or(0)
    }

    /// Rising points in time, in working hours.
    fn times(&mut self, count: usize) -> Result<Vec<UtcTime>, SampleError> {
        let mut seconds: Vec<i64> = (0..count)
            .map(|_| {
                let day = i64::try_from(self.numbers.between(0, DAYS)).unwrap_or(0);
                let second = i64::try_from(self.numbers.between(0, 36_000)).unwrap_or(0);
                FIRST_SECOND + day * DAY_SECONDS + second
            })
            .collect();
        seconds.sort_unstable();
        let times = seconds.into_iter().map(UtcTime::from_seconds);
        Ok(times.collect::<Result<_, _>>()?)
    }

    fn authors(&mut self) -> Result<Vec<Author>, SampleError> {
        let mut authors = Vec::new();
        for (institution, _, name) in self.words.bodies {
            let who = format!(
                "{} {}",
                self.numbers.one_of(FIRST_NAMES),
                self.numbers.one_of(LAST_NAMES)
            );
            authors.push(Author {
                device: read(&format!("{institution}-1"))?,
                person: read(&format!("{institution}-person"))?,
                institution: read(institution)?,
                display_name: read(&format!("{who}, {name}"))?,
            });
        }
        Ok(authors)
    }

    fn by(&mut self, author: usize, edit: Edit) {
        self.changes.push((author, edit));
    }

    /// Somebody of the four; the lead more often.
    fn somebody(&mut self) -> usize {
        match self.numbers.between(0, 9) {
            0..=4 => 0,
            5 | 6 => 1,
            7 | 8 => 3,
            _ => 2,
        }
    }

    fn id(&mut self) -> EntryId {
        EntryId::from_random(self.numbers.next().to_be_bytes())
    }

    /// A day so many days after the beginning.
    fn day(&self, days: u64) -> Result<Date, SampleError> {
        let start = Date::new(2025, 9, 1)?;
        Ok(start
            .plus_days(i32::try_from(days).unwrap_or(0))
            .unwrap_or(start))
    }

    fn core(&mut self) -> Done {
        let first = self.numbers.one_of(FIRST_NAMES);
        let last = self.numbers.one_of(LAST_NAMES);
        let towns = self.words.towns;
        let town = self.drawn(towns.len() as u64 - 1);
        let (postcode, town, _) = towns.get(town).copied().unwrap_or(("3011", "Bern", "351"));
        let birth = format!(
            "{}-{:02}-{:02}",
            self.numbers.between(1965, 2005),
            self.numbers.between(1, 12),
            self.numbers.between(1, 28)
        );
        let address = Address {
            street: Some(read(self.numbers.one_of(self.words.streets))?),
            house_number: Some(read(&self.numbers.between(1, 140).to_string())?),
            extra_line: None,
            postcode: Some(read(postcode)?),
            town: read(town)?,
            country: None,
        };
        let phone = format!("+4179555{:04}", self.number % 10_000);
        let fields = [
            CoreField::OfficialName(read(last)?),
            CoreField::FirstName(read(first)?),
            CoreField::Birth(read(&birth)?),
            CoreField::Sex(read(&self.numbers.between(1, 2).to_string())?),
            CoreField::Address(address),
            CoreField::Phone(read(&phone)?),
            CoreField::Email(read(&format!("client-{}@example.com", self.number))?),
            CoreField::PreferredChannel(read("phone")?),
            CoreField::VoicemailAllowed(self.numbers.percent(70)),
            CoreField::CorrespondenceLanguage(read(self.words.code)?),
        ];
        for field in fields {
            self.by(0, Edit::Core(CoreEdit::Set(field)));
        }
        for (institution, kind, name) in self.words.bodies {
            let body = Body {
                kind: read(kind)?,
                name: read(name)?,
                contact: None,
            };
            let institution = read(institution)?;
            self.by(0, Edit::Core(CoreEdit::SetBody { institution, body }));
        }
        for phase in [
            "preclarified",
            "consented",
            "assessed",
            "planned",
            "running",
        ] {
            self.by(0, Edit::Core(CoreEdit::Set(CoreField::Phase(read(phase)?))));
        }
        Ok(())
    }

    fn ident(&mut self) -> Done {
        let digits = format!("7560000{:05}", self.number % 100_000);
        let sum: u32 = digits
            .bytes()
            .enumerate()
            .map(|(position, byte)| u32::from(byte - b'0') * if position % 2 == 0 { 1 } else { 3 })
            .sum();
        let ahvn13 = read(&format!("{digits}{}", (10 - sum % 10) % 10))?;
        self.by(0, Edit::Ident(IdentEdit::Set(IdentField::Ahvn13(ahvn13))));
        Ok(())
    }

    fn set(&mut self, author: usize, section: SectionKind, values: &[(&str, &str)]) {
        let values = values.iter().map(|(code, value)| {
            (
                (*code).to_owned(),
                Some(ScalarValue::Text((*value).to_owned())),
            )
        });
        let change = FormChange::Set {
            values: values.collect(),
        };
        self.by(author, Edit::Form(FormEdit { section, change }));
    }

    fn add(
        &mut self,
        author: usize,
        section: SectionKind,
        list: &str,
        values: &[(&str, &str)],
    ) -> EntryId {
        let id = self.id();
        let text = |(code, value): &(&str, &str)| {
            ((*code).to_owned(), ScalarValue::Text((*value).to_owned()))
        };
        let change = FormChange::Add {
            list: list.to_owned(),
            id,
            correction_of: None,
            values: values.iter().map(text).collect(),
        };
        self.by(author, Edit::Form(FormEdit { section, change }));
        id
    }

    fn change(
        &mut self,
        author: usize,
        section: SectionKind,
        id: EntryId,
        values: &[(&str, &str)],
    ) {
        let text = |(code, value): &(&str, &str)| {
            (
                (*code).to_owned(),
                Some(ScalarValue::Text((*value).to_owned())),
            )
        };
        let values: BTreeMap<_, _> = values.iter().map(text).collect();
        let change = FormChange::Change { id, values };
        self.by(author, Edit::Form(FormEdit { section, change }));
    }

    /// Work, school, and either the household or the permit.
    fn person_forms(&mut self) -> Done {
        let occupation = self.numbers.one_of(self.words.occupations);
        self.set(
            0,
            SectionKind::Labour,
            &[("occupation", occupation), ("availability", "40")],
        );
        self.set(
            0,
            SectionKind::Labour,
            &[
                ("framework_from", "2025-09-01"),
                ("framework_to", "2027-08-31"),
            ],
        );
        self.set(3, SectionKind::Labour, &[("availability", "60")]);
        for from in [2012, 2017, 2021] {
            let employer = self.numbers.one_of(self.words.employers);
            let (from, to) = (from.to_string(), (from + 3).to_string());
            let values = [
                ("employer", employer),
                ("work", occupation),
                ("from", from.as_str()),
                ("to", to.as_str()),
            ];
            let id = self.add(0, SectionKind::Labour, "employments", &values);
            self.change(0, SectionKind::Labour, id, &[("workload", "80")]);
        }
        let degree = self.numbers.one_of(self.words.degrees);
        self.set(0, SectionKind::Education, &[("schooling", "secondary_two")]);
        self.add(0, SectionKind::Education, "degrees", &[("title", degree)]);
        let language = self.words.code;
        let id = self.add(
            0,
            SectionKind::Education,
            "languages",
            &[("language", language), ("speaking", "A2.2")],
        );
        for level in ["B1", "B2"] {
            self.change(3, SectionKind::Education, id, &[("speaking", level)]);
        }
        match self.numbers.percent(50) {
            true => {
                let (words, commune) = (
                    self.words,
                    self.words.towns.first().map_or("351", |town| town.2),
                );
                self.set(
                    2,
                    SectionKind::Social,
                    &[
                        ("household", words.household),
                        ("housing", "rented"),
                        ("commune", commune),
                    ],
                );
                for creditor in words.creditors {
                    let amount = format!("{}.00", self.numbers.between(200, 9_000));
                    let debt = [
                        ("creditor", *creditor),
                        ("amount", amount.as_str()),
                        ("status", "open"),
                    ];
                    let id = self.add(2, SectionKind::Social, "debts", &debt);
                    self.change(2, SectionKind::Social, id, &[("status", "agreed")]);
                }
            }
            false => {
                self.set(
                    0,
                    SectionKind::Migration,
                    &[("permit", "02"), ("right_to_work", "free")],
                );
                self.add(
                    0,
                    SectionKind::Migration,
                    "nationalities",
                    &[("country", "BA")],
                );
                let content = [("content", self.words.agreement), ("status", "running")];
                let id = self.add(0, SectionKind::Migration, "agreements", &content);
                for status in ["fulfilled", "running", "fulfilled"] {
                    self.change(0, SectionKind::Migration, id, &[("status", status)]);
                }
            }
        }
        Ok(())
    }

    fn finance(&mut self) -> Done {
        for (kind, payer) in [("unemployment", 0), ("social_aid", 2), ("wage", 0)] {
            let name = self.words.bodies.get(payer).map_or("", |body| body.2);
            let amount = format!("{}.00", self.numbers.between(900, 4_200));
            let values = [
                ("kind", kind),
                ("payer", name),
                ("amount", amount.as_str()),
                ("per", "month"),
                ("status", "claimed"),
            ];
            let id = self.add(payer, SectionKind::Finance, "allowances", &values);
            for status in ["paid", "ended"] {
                self.change(payer, SectionKind::Finance, id, &[("status", status)]);
            }
        }
        Ok(())
    }

    fn assessments(&mut self) -> Done {
        for quarter in 0..5 {
            let assessment = Assessment {
                capacity: read(&(20 + 15 * quarter).to_string())?,
                from: self.day(quarter * 85)?,
                to: Some(self.day(quarter * 85 + 84)?),
                basis: read(self.numbers.one_of(self.words.basis))?,
                hours_per_day: Some(read(&format!("{}", 2 + quarter))?),
                limits: Some(read(self.numbers.one_of(self.words.limits))?),
                adaptations: None,
            };
            let id = self.id();
            self.by(
                1,
                Edit::Function(FunctionEdit::AddAssessment { id, assessment }),
            );
        }
        Ok(())
    }

    fn plan(&mut self) -> Done {
        let words = self.words;
        let fields = [
            PlanField::Situation(read(words.situation)?),
            PlanField::OverallGoal(read(words.overall_goal)?),
            PlanField::Target(read("first_labour_market")?),
            PlanField::ContactRhythm(read(words.rhythm)?),
            PlanField::Reachability(read(words.reachability)?),
        ];
        for field in fields {
            self.by(0, Edit::Plan(PlanEdit::Set(field)));
        }
        let (mut goals, mut earlier) = (Vec::new(), None);
        for (statement, client_words) in words.goals {
            let goal = self.id();
            goals.push(goal);
            let fields = vec![
                GoalField::ClientWords(read(client_words)?),
                GoalField::Priority(read(&self.numbers.between(1, 3).to_string())?),
                GoalField::Due(self.day(420)?),
            ];
            let statement: LongText = read(statement)?;
            let before = Wording::new(statement.canonical());
            let after = read(&format!("{}{}", statement.canonical(), words.reworded))?;
            let add = PlanEdit::AddGoal {
                id: goal,
                statement,
                fields,
            };
            self.by(0, Edit::Plan(add));
            self.by(
                3,
                Edit::Plan(PlanEdit::RewordGoal {
                    id: goal,
                    before,
                    after,
                }),
            );
            for _ in 0..4 {
                earlier = Some(self.step(goal, earlier)?);
            }
            for status in ["active", "partly"] {
                let field = GoalField::Status(read(status)?);
                self.by(0, Edit::Plan(PlanEdit::SetGoal { id: goal, field }));
            }
        }
        for description in words.risks {
            let id = self.id();
            let fields = vec![RiskField::Severity(read("2")?)];
            let description = read(description)?;
            self.by(
                0,
                Edit::Plan(PlanEdit::AddRisk {
                    id,
                    description,
                    fields,
                }),
            );
            let field = RiskField::Status(read("closed")?);
            self.by(3, Edit::Plan(PlanEdit::SetRisk { id, field }));
        }
        for quarter in 1..5 {
            let ratings = goals.iter().map(|goal| (*goal, Rating::AsExpected));
            let review = Review {
                date: self.day(quarter * 90)?,
                participants: read(words.participants)?,
                ratings: Some(GoalRatings::new(ratings)?),
                outcome: read("continue")?,
                note: Some(read(words.review_note)?),
            };
            let id = self.id();
            self.by(0, Edit::Plan(PlanEdit::AddReview { id, review }));
        }
        Ok(())
    }

    /// A step, what became of it, and which it waits for.
    fn step(&mut self, goal: EntryId, earlier: Option<EntryId>) -> Result<EntryId, SampleError> {
        let at = StepRef {
            goal,
            step: self.id(),
        };
        let start = self.numbers.between(10, 300);
        let payer = self.drawn(2);
        let institution = self.words.bodies.get(payer).map_or("rav", |body| body.0);
        let fields = vec![
            StepField::Responsible(read(institution)?),
            StepField::Payers(read(&format!("{institution}=100"))?),
            StepField::Start(self.day(start)?),
            StepField::End(self.day(start + 60)?),
            StepField::ReviewAt(self.day(start + 30)?),
        ];
        let title = read(self.numbers.one_of(self.words.steps))?;
        self.by(0, Edit::Plan(PlanEdit::AddStep { at, title, fields }));
        if let Some(on) = earlier {
            self.by(0, Edit::Plan(PlanEdit::AddDependency { at, on }));
        }
        for status in ["requested", "running"] {
            let field = StepField::Status(read(status)?);
            self.by(3, Edit::Plan(PlanEdit::SetStep { at, field }));
        }
        let end = match self.numbers.percent(80) {
            true => PlanEdit::SetStep {
                at,
                field: StepField::Status(StepStatus::Done),
            },
            false => PlanEdit::EndStep {
                at,
                status: StepStatus::Aborted,
                reason: read(self.words.reason)?,
            },
        };
        self.by(0, Edit::Plan(end));
        Ok(at.step)
    }

    fn tasks(&mut self) -> Done {
        for _ in 0..24 {
            let id = self.id();
            let mut checklist = Vec::new();
            for text in self.words.checklist.iter().take(2) {
                let text = read(text)?;
                checklist.push(ChecklistLine {
                    id: self.id(),
                    text,
                });
            }
            let lines: Vec<EntryId> = checklist.iter().map(|line| line.id).collect();
            let author = self.somebody();
            let day = self.numbers.between(20, DAYS);
            let responsible = self
                .words
                .bodies
                .get(author)
                .map_or("client", |body| body.0);
            let add = TaskEdit::Add {
                id,
                title: read(self.numbers.one_of(self.words.tasks))?,
                responsible: Some(read(responsible)?),
                due: Some(self.day(day)?),
                priority: Some(read(&self.numbers.between(1, 3).to_string())?),
                checklist,
            };
            self.by(author, Edit::Tasks(add));
            let line = lines.first().copied().unwrap_or(id);
            self.by(
                author,
                Edit::Tasks(TaskEdit::SetChecked {
                    id,
                    line,
                    checked: true,
                }),
            );
            if self.numbers.percent(85) {
                let field = TaskField::Status(read("done")?);
                self.by(author, Edit::Tasks(TaskEdit::Set { id, field }));
            }
        }
        Ok(())
    }

    fn journal(&mut self, count: usize) -> Result<Vec<(usize, Edit)>, SampleError> {
        let words = self.words;
        let mut entries = Vec::new();
        let mut last = None;
        for _ in 0..count {
            let mut text = self.numbers.one_of(words.openings).to_owned();
            for _ in 0..self.numbers.between(2, 4) {
                text.push(' ');
                text.push_str(self.numbers.one_of(words.sentences));
            }
            text.push('\n');
            text.push_str(self.numbers.one_of(words.endings));
            let id = self.id();
            let correction_of = last.filter(|_| self.numbers.percent(3));
            last = Some(id);
            let kind = self.numbers.one_of(&[
                "call", "visit", "mail", "meeting", "note", "note", "decision",
            ]);
            let edit = JournalEdit::AddEntry {
                id,
                at: None,
                kind: read(kind)?,
                text: read(&text)?,
                correction_of,
            };
            entries.push((self.somebody(), Edit::Journal(edit)));
        }
        Ok(entries)
    }
}
