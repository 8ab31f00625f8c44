//! Notes of one's own institution in a case: nobody else holds their key.

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, FormChange, FormEdit};

use crate::cases::{Case, hex};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;

impl Nahtlos {
    /// The section that holds the notes of this device's institution.
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`].
    pub fn own_notes(&self) -> Result<SectionKind, ClientError> {
        Ok(SectionKind::Internal(self.own_institution_id()?))
    }

    /// Edits the notes of one's own institution. The first edit founds them, in the same transaction.
    /// Works offline.
    ///
    /// # Errors
    /// As [`Nahtlos::open_section`] and [`Nahtlos::edit_case`]; nothing is changed then.
    pub fn edit_notes(&mut self, case: &Case, change: FormChange) -> Result<(), ClientError> {
        let section = self.own_notes()?;
        let case = self.case(&hex(&case.id))?;
        let edit = Edit::Form(FormEdit {
            section: section.clone(),
            change,
        });
        if case.sections.contains_key(&section) {
            return self.edit_case(&hex(&case.id), &[edit]);
        }
        edit.validate()?;
        self.open_section_with(&case, &section, |_, _| Ok(vec![edit]), |_| Ok(()))
    }
}
