//! What leaves the program as a file or a page: to whom, and on what that rests, recorded in the case's section
//! `access`.
//!
//! Where nobody is named, the reading itself says that it went into a file: who got it only its reader knows.

use nahtlos_casework::SectionKind;
use nahtlos_casework::access::{Disclosure, DisclosureForm};
use nahtlos_casework::fields::{Field, Line};
use nahtlos_client::{Case, Nahtlos};
use serde_json::json;

use crate::arguments::DisclosedTo;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Answer;

/// Content on its way out of the program.
pub struct Disclosing {
    to: Option<(Line, Line)>,
    form: DisclosureForm,
}

impl Disclosing {
    /// Before anything is read: is what was typed a recipient and a basis? What is read from here on is read for
    /// the file, unless another occasion was named.
    ///
    /// # Errors
    /// What is no line of text.
    pub fn begin(
        context: &Context,
        nahtlos: &Nahtlos,
        named: &DisclosedTo,
        form: DisclosureForm,
    ) -> Result<Self, Failure> {
        let occasion = match form {
            DisclosureForm::Printed => "page to print",
            _ => "export to a file",
        };
        if !context.has_occasion() {
            nahtlos.set_reading_purpose(Some(Line::parse(occasion)?));
        }
        Self::named(named, form)
    }

    /// The same for what is only shown: the reading is one like any other.
    ///
    /// # Errors
    /// What is no line of text.
    pub fn named(named: &DisclosedTo, form: DisclosureForm) -> Result<Self, Failure> {
        let recipient = named.recipient.as_deref().map(Line::parse).transpose()?;
        let basis = named.basis.as_deref().map(Line::parse).transpose()?;
        Ok(Self {
            to: recipient.zip(basis),
            form,
        })
    }

    /// Once the file stands there: records who gets it, and says so.
    ///
    /// # Errors
    /// Where the vault fails.
    pub fn record(
        self,
        nahtlos: &mut Nahtlos,
        case: &Case,
        sections: Vec<SectionKind>,
        mut answer: Answer,
    ) -> Result<Answer, Failure> {
        answer.data["recorded"] = json!(false);
        let Some((to, basis)) = self.to else {
            return Ok(answer.note(
                "Who gets it is not recorded: add `--for WHO --basis BASIS` where it goes to somebody.",
            ));
        };
        let disclosure = Disclosure {
            to,
            sections,
            basis,
            at: nahtlos.now()?,
            form: self.form,
        };
        let recorded = nahtlos.record_disclosure(case, &disclosure)?;
        answer.data["recorded"] = json!(recorded);
        Ok(match recorded {
            true => answer.note("Recorded in the section `access`; `nahtlos sync` delivers it."),
            false => answer.note(
                "It could not be recorded: the case has no section `access` that you may write in. Write \
                 down yourself who gets the file.",
            ),
        })
    }
}
