//! Typed views of a section, read from its document.
//!
//! A view never fails: what this version does not understand stands in it as
//! [`Stored::Unknown`](crate::fields::Stored). Views serialise for machine output; who wrote an entry
//! follows from the change that made it.

mod attachment;
mod consent;
mod consent_coverage;
mod core;
mod dispute;
mod enquiry;
mod form;
mod function;
mod ident;
mod journal;
mod order;
mod plan;
mod process;
mod slice;
mod summary;
mod tasks;

use std::collections::BTreeMap;

use nahtlos_document::Value;

pub use self::attachment::{AttachmentContent, AttachmentView, AttachmentsView, RemovedView};
pub use self::core::CoreView;
pub use consent::{ChangedView, ConsentView, DetailsView, GivenView, RecordedEvent, WithdrawnView};
pub use consent_coverage::{ComingOfAge, Coverage, coming_of_age};
pub use dispute::{DisputeView, DisputesView, SettledView};
pub use enquiry::{EnquiryStatus, EnquiryView};
pub use form::{EntryView, FieldView, FormView};
pub use function::{AssessmentView, FunctionView};
pub use ident::IdentView;
pub use journal::{CorrectionView, JournalEntryView, JournalFilter, JournalView};
pub(crate) use plan::is_settable_status;
pub use plan::{ApprovalView, GoalView, PlanView, ReviewView, RiskView, StepView};
pub use process::{CompetenceView, EndingView, ProcessView};
pub use slice::{slice_content, slice_of_consents};
pub use summary::CaseSummary;
pub use tasks::{ChecklistLineView, TaskView, TasksView};

use crate::fields::{Field, Stored};

type Fields = BTreeMap<String, Value>;

/// The map at a name; empty if there is none.
fn map_at<'a>(fields: &'a Fields, name: &str) -> Option<&'a Fields> {
    fields.get(name).and_then(Value::as_map)
}

fn stored<F: Field>(fields: Option<&Fields>, name: &str) -> Option<Stored<F>> {
    fields?.get(name).map(stored_value)
}

fn stored_value<F: Field>(value: &Value) -> Stored<F> {
    match value.as_str() {
        Some(text) => Stored::read(text),
        None => Stored::Unknown(value.to_json().to_string()),
    }
}

fn flag(fields: Option<&Fields>, name: &str) -> Option<bool> {
    fields?.get(name).and_then(Value::as_bool)
}

fn root_of(document: &nahtlos_document::Document) -> Fields {
    match document.read().root() {
        Value::Map(fields) => fields,
        _ => Fields::new(),
    }
}
