//! What a modified client could do, for tests only: the honest facade never does it.

use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::Role;

use crate::cases::Case;
use crate::directory::DirectoryEdit;
use crate::edits::TypedEdit;
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::{Intent, LabelRecord};

impl Nahtlos {
    /// Founds a section of one's own that claims to be the `kind` section of somebody else's case,
    /// and shares it with `member`.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn hostile_section(
        &mut self,
        case: &Case,
        kind: &str,
        member: &SpaceId,
    ) -> Result<SpaceId, ClientError> {
        let Some(known) = case.sections.values().next() else {
            return Err(ClientError::NotEnrolled);
        };
        let label = LabelRecord {
            kind: kind.to_owned(),
            ..self.label(known)?
        };
        let section = self.found_section(&label)?;
        let space = section.state.id();
        self.store_own(&[section], |_| Ok(()))?;
        let intent = Intent::Grant {
            space,
            grant: random::grant_id(),
            member: *member,
            role: Role::Write,
            basis: "none".into(),
            not_after_ms: None,
        };
        self.decide(intent, &space)?;
        Ok(space)
    }

    /// Writes a card about somebody else into the directory.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn hostile_card(&mut self, edit: DirectoryEdit) -> Result<(), ClientError> {
        let network = self.network()?;
        self.edit_space(&network, &[TypedEdit::Directory(edit)])
    }
}
