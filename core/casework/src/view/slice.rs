//! What a slice of a section is to hold, read from the section.
//!
//! It is the same on every device that reads the same source: it rests on nothing else, no clock and no
//! chance.

use std::collections::BTreeMap;

use nahtlos_document::Document;
use sha2::{Digest, Sha256};

use super::{
    AssessmentView, ConsentView, CoreView, Coverage, DisputesView, EntryView, FormView,
    FunctionView, PlanView, TasksView,
};
use crate::author::AuthorOf;
use crate::edit::{CoreKey, ScalarValue, SliceContent, SliceEntry, SliceMark};
use crate::fields::{Date, EntryId, Field, InstitutionId, Responsible, Stored};
use crate::form::{Form, FormField, form_of_slice};
use crate::matrix::SlicePart;
use crate::record::Lead;
use crate::section::SectionKind;

/// What makes an entry's identifier from a share of a consent.
const SHARE_LABEL: &[u8] = b"nahtlos/slice/share\0";

/// A part of a section for one institution: copies of what the table of its slices names. Of conflicting
/// values it holds the winner; what was deleted, and what this version does not understand the place of, is
/// left out.
///
/// Of `consent`, which is read from several documents: [`slice_of_consents`].
pub fn slice_content(
    of: &SectionKind,
    part: SlicePart,
    receiver: &InstitutionId,
    document: &Document,
    authors: &dyn AuthorOf,
) -> SliceContent {
    let mut content = copied(of, part, receiver, document, authors);
    content.contested = contested(of, &content, &DisputesView::read(document, authors));
    content
}

/// The marks of what is copied. A mark of something that holds it, as of a goal whose step it is, is not about it.
fn contested(
    of: &SectionKind,
    content: &SliceContent,
    disputes: &DisputesView,
) -> BTreeMap<EntryId, SliceMark> {
    let standing = disputes.standing();
    let marks = standing.filter_map(|dispute| {
        let path = place_in_slice(of, content, &dispute.path)?;
        let stated_at = dispute.stated_at.as_ref().and_then(Stored::known).copied();
        Some((*dispute.id.known()?, SliceMark { path, stated_at }))
    });
    marks.collect()
}

/// Where what stands at a place of the source stands in the slice.
fn place_in_slice(
    of: &SectionKind,
    content: &SliceContent,
    path: &[String],
) -> Option<Vec<String>> {
    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
    for (position, step) in steps.iter().enumerate() {
        let id = EntryId::parse(step).ok();
        let Some(entry) = id.and_then(|id| content.entries.get(&id)) else {
            continue;
        };
        let field = steps.get(position + 1).copied();
        let is_copied = field.is_none_or(|code| entry.values.contains_key(code));
        let place = ["entries", *step].into_iter().chain(field);
        return is_copied.then(|| place.map(str::to_owned).collect());
    }
    let code = match (of, steps.as_slice()) {
        (SectionKind::Core, steps) => CoreKey::of_steps(steps)?.code(),
        (_, ["fields", code]) => *code,
        _ => return None,
    };
    let is_copied = content.fields.contains_key(code);
    is_copied.then(|| vec!["fields".to_owned(), code.to_owned()])
}

fn copied(
    of: &SectionKind,
    part: SlicePart,
    receiver: &InstitutionId,
    document: &Document,
    authors: &dyn AuthorOf,
) -> SliceContent {
    match (of, part) {
        (SectionKind::Core, SlicePart::Name) => names(&CoreView::read(document)),
        (SectionKind::Core, SlicePart::Contact) => contact(&CoreView::read(document)),
        (SectionKind::Function, SlicePart::Adaptations) => {
            adaptations(&FunctionView::read(document, authors))
        }
        (SectionKind::Plan, SlicePart::OwnLines) => {
            steps(&PlanView::read(document, authors), receiver)
        }
        (SectionKind::Tasks, SlicePart::OwnLines) => tasks(&TasksView::read(document), receiver),
        (
            SectionKind::Labour | SectionKind::Education | SectionKind::Protection,
            SlicePart::Extract | SlicePart::Note,
        ) => match form_of_slice(of) {
            Some(form) => extract(form, &FormView::read(document, of, authors)),
            None => SliceContent::default(),
        },
        _ => SliceContent::default(),
    }
}

/// What the consents say about the institution itself: which sections for it, from when, and what became of it.
pub fn slice_of_consents(receiver: &InstitutionId, consents: &ConsentView) -> SliceContent {
    let mut content = SliceContent::default();
    let coverage = consents.coverage();
    for coverage in coverage
        .iter()
        .filter(|coverage| coverage.share.institution == *receiver)
    {
        let day = |day: &Option<Date>| day.as_ref().map(text);
        let purpose = coverage.share.purpose.as_ref().map(text);
        let direction = coverage.share.direction.as_ref().map(text);
        let section = ScalarValue::Text(coverage.share.section.code());
        let values = [
            ("section", Some(section)),
            ("purpose", purpose),
            ("kind", direction),
            ("from", Some(text(&coverage.since))),
            ("to", day(&coverage.until)),
            ("withdrawn", day(&coverage.withdrawn_at)),
            ("replaced", day(&coverage.superseded_at)),
        ];
        content
            .entries
            .insert(share_id(coverage), entry("shares", values));
    }
    content
}

fn names(core: &CoreView) -> SliceContent {
    let fields = [
        ("official_name", stored(&core.official_name)),
        ("first_name", stored(&core.first_name)),
        ("call_name", stored(&core.call_name)),
    ];
    SliceContent {
        fields: present(fields),
        ..SliceContent::default()
    }
}

fn contact(core: &CoreView) -> SliceContent {
    let lead = core.lead.as_ref().and_then(Stored::known);
    let lead = lead.map(|lead: &Lead| {
        let (institution, person) = (lead.institution.clone(), lead.person.clone());
        text(&Responsible::Person(institution, person))
    });
    let mut content = names(core);
    content.fields.extend(present([
        ("case_number", stored(&core.case_number)),
        ("lead", lead),
        ("address", stored(&core.address)),
        ("phone", stored(&core.phone)),
        ("email", stored(&core.email)),
        ("preferred_channel", stored(&core.preferred_channel)),
        (
            "voicemail_allowed",
            core.voicemail_allowed.map(ScalarValue::Bool),
        ),
        (
            "correspondence_language",
            stored(&core.correspondence_language),
        ),
        ("interpreter", stored(&core.interpreter)),
    ]));
    content
}

/// Of the newest assessment of each institution: an earlier one is history, and one that says nothing of
/// adaptations takes them back.
fn adaptations(function: &FunctionView) -> SliceContent {
    let mut newest: BTreeMap<Option<InstitutionId>, &AssessmentView> = BTreeMap::new();
    for assessment in &function.assessments {
        let author = assessment.origin.author.as_ref();
        newest.insert(author.map(|author| author.institution.clone()), assessment);
    }
    let mut content = SliceContent::default();
    for assessment in newest.into_values() {
        let (Some(id), Some(_)) = (assessment.id.known(), &assessment.adaptations) else {
            continue;
        };
        let values = [
            ("adaptations", stored(&assessment.adaptations)),
            ("from", stored(&assessment.from)),
            ("to", stored(&assessment.to)),
        ];
        content.entries.insert(*id, entry("adaptations", values));
    }
    content
}

fn steps(plan: &PlanView, receiver: &InstitutionId) -> SliceContent {
    let mut content = SliceContent::default();
    for step in plan.goals.iter().flat_map(|goal| &goal.steps) {
        let (Some(id), true) = (step.id.known(), is_for(&step.responsible, receiver)) else {
            continue;
        };
        let values = [
            ("title", stored(&step.title)),
            ("catalogue", stored(&step.catalogue)),
            ("responsible", stored(&step.responsible)),
            ("start", stored(&step.start)),
            ("end", stored(&step.end)),
            ("due", stored(&step.due)),
            ("review_at", stored(&step.review_at)),
            ("status", stored(&step.status)),
        ];
        content.entries.insert(*id, entry("steps", values));
    }
    content
}

fn tasks(tasks: &TasksView, receiver: &InstitutionId) -> SliceContent {
    let mut content = SliceContent::default();
    for task in tasks.tasks.iter().filter(|task| !task.deleted) {
        let (Some(id), true) = (task.id.known(), is_for(&task.responsible, receiver)) else {
            continue;
        };
        let values = [
            ("title", stored(&task.title)),
            ("responsible", stored(&task.responsible)),
            ("due", stored(&task.due)),
            ("status", stored(&task.status)),
        ];
        content.entries.insert(*id, entry("tasks", values));
    }
    content
}

/// Of a section that is described by a table: what the table of its slices names, too.
fn extract(form: &'static Form, source: &FormView) -> SliceContent {
    let named = |table: &'static [FormField], values: &BTreeMap<String, super::FieldView>| {
        let codes = table.iter().map(|field| field.code);
        let copied = codes.filter_map(|code| {
            let value = values.get(code)?;
            Some((code.to_owned(), value.stored.clone()))
        });
        copied.collect::<BTreeMap<String, ScalarValue>>()
    };
    let mut content = SliceContent {
        fields: named(form.fields, &source.fields),
        ..SliceContent::default()
    };
    for list in form.lists {
        let entries = source.lists.get(list.code).into_iter().flatten();
        for source in entries.filter(|entry: &&EntryView| !entry.deleted) {
            if let Some(id) = source.id.known() {
                let copy = SliceEntry {
                    list: list.code.to_owned(),
                    values: named(list.fields, &source.fields),
                };
                content.entries.insert(*id, copy);
            }
        }
    }
    content
}

fn is_for(responsible: &Option<Stored<Responsible>>, receiver: &InstitutionId) -> bool {
    let responsible = responsible.as_ref().and_then(Stored::known);
    responsible.and_then(Responsible::institution) == Some(receiver)
}

fn entry<const N: usize>(
    list: &str,
    values: [(&'static str, Option<ScalarValue>); N],
) -> SliceEntry {
    SliceEntry {
        list: list.to_owned(),
        values: present(values),
    }
}

fn present<const N: usize>(
    values: [(&'static str, Option<ScalarValue>); N],
) -> BTreeMap<String, ScalarValue> {
    let present = values
        .into_iter()
        .filter_map(|(code, value)| Some((code.to_owned(), value?)));
    present.collect()
}

fn stored<F: Field>(value: &Option<Stored<F>>) -> Option<ScalarValue> {
    let value = value.as_ref()?;
    Some(ScalarValue::Text(value.canonical()))
}

fn text<F: Field>(value: &F) -> ScalarValue {
    ScalarValue::Text(value.canonical())
}

fn share_id(coverage: &Coverage) -> EntryId {
    let share = &coverage.share;
    let purpose = share.purpose.as_ref().map(Field::canonical);
    let parts = [
        coverage.consent.canonical(),
        share.section.code(),
        share.member.canonical(),
        purpose.unwrap_or_default(),
    ];
    let mut hash = Sha256::new().chain_update(SHARE_LABEL);
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    let mut bytes = [0; 8];
    for (place, byte) in bytes.iter_mut().zip(hash.finalize()) {
        *place = byte;
    }
    EntryId::from_random(bytes)
}
