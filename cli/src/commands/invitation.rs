//! Invitations as people hand them over: as a line of text, in a file, or as a QR code on the screen.

use std::path::{Path, PathBuf};

use nahtlos_client::ClientError;
use nahtlos_protocol::wire::claim::InvitationText;
use nahtlos_protocol::wire::device::DeviceInvitation;
use serde_json::json;

use crate::arguments::HandingOver;
use crate::context::NewFile;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, qr};

/// Where an invitation goes. A file that cannot be made is noticed before there is an invitation that
/// nobody has.
pub struct HandOver {
    file: Option<(PathBuf, NewFile)>,
    is_drawn: bool,
}

impl HandOver {
    /// Makes the file, where one is named.
    pub fn prepare(handing_over: &HandingOver) -> Result<Self, Failure> {
        let file = match &handing_over.to {
            Some(path) => Some((path.clone(), NewFile::create(path)?)),
            None => None,
        };
        Ok(Self {
            file,
            is_drawn: handing_over.qr,
        })
    }

    /// Hands the invitation over; the answer holds it, or says where it is.
    pub fn write(self, text: &str) -> Result<Answer, Failure> {
        let (data, said) = match self.file {
            Some((path, file)) => {
                file.write(format!("{text}\n").as_bytes())?;
                let said = format!("The invitation is in {}.", path.display());
                (json!({ "file": path }), said)
            }
            None => (json!({ "invitation": text }), text.to_owned()),
        };
        let mut page = Page::default().line(said);
        if self.is_drawn {
            page = page.verbatim(qr::draw(text)?);
        }
        Ok(Answer::new(data, page))
    }
}

/// An invitation for a person or an institution as the answer.
pub fn to_newcomer(
    hand_over: HandOver,
    invitation: &InvitationText,
    command: &str,
) -> Result<Answer, Failure> {
    Ok(hand_over
        .write(&invitation.to_string())?
        .note("It is good for one newcomer and two weeks, once you have run `nahtlos sync`.")
        .note(format!(
            "Hand it over where nobody else reads it; they type: {command}"
        )))
}

/// Reads an invitation for a person or an institution.
pub fn read(source: &Path) -> Result<InvitationText, Failure> {
    let text = input::read_text(source)?;
    if text.parse::<DeviceInvitation>().is_ok() {
        return Err(Failure::new(
            Exit::Failed,
            "other_invitation",
            "This invitation is for a further device of somebody who is in already; nothing was done.",
            "People, institutions and devices join by different commands.",
            "If you are that person, use `nahtlos device join FILE` on the new device.",
        ));
    }
    Ok(text.parse().map_err(ClientError::Text)?)
}
