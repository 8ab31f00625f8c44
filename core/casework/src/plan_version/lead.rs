//! Who led a case, ever: only they propose versions of its plan.

use std::collections::BTreeSet;

use nahtlos_document::{Document, Path};

use crate::fields::{Field, InstitutionId};
use crate::record::Lead;

/// The institutions that the document of the section `core` ever named as the lead. A version that was
/// agreed to stays one after the case was handed over.
pub fn institutions_that_led(core: &Document) -> BTreeSet<InstitutionId> {
    let lead = Path::from_iter(["case", "lead"]);
    let mut institutions = BTreeSet::new();
    for change in core.history() {
        let Ok(state) = core.read_at(&[change.hash]) else {
            continue;
        };
        let values = state.get_all(&lead).into_iter();
        let written = values.filter(|value| value.change == change.hash);
        institutions.extend(
            written
                .filter_map(|value| Lead::parse(value.value.as_str()?).ok())
                .map(|lead| lead.institution),
        );
    }
    institutions
}
