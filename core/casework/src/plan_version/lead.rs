//! Who led a case, ever: only they propose versions of its plan.

use nahtlos_document::{Document, Path};

use crate::fields::{Field, InstitutionId};
use crate::record::Lead;

/// The institutions that the document of the section `core` ever named as the lead, each once, in the order in
/// which the history named them last: the last one leads now. A version that was agreed to stays one
/// after the case was handed over, and who led before takes the place of nothing agreed to since.
pub fn institutions_that_led(core: &Document) -> Vec<InstitutionId> {
    let lead = Path::from_iter(["case", "lead"]);
    let mut institutions: Vec<InstitutionId> = Vec::new();
    for change in core.history() {
        let Ok(state) = core.read_at(&[change.hash]) else {
            continue;
        };
        let values = state.get_all(&lead).into_iter();
        let written = values.filter(|value| value.change == change.hash);
        let named = written.filter_map(|value| Lead::parse(value.value.as_str()?).ok());
        for lead in named {
            institutions.retain(|known| *known != lead.institution);
            institutions.push(lead.institution);
        }
    }
    institutions
}
