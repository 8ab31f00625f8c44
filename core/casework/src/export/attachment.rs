//! Attachments in a case file.

use nahtlos_document::Document;
use serde_json::{Map, Value as Json, json};

use crate::author::AuthorOf;
use crate::fields::{Field, Stored};
use crate::section::SectionKind;
use crate::view::{AttachmentContent, AttachmentView, AttachmentsView};

/// The attachments of one section that were not removed.
pub(super) struct Files {
    /// Those that can be read again.
    pub(super) whole: Vec<Json>,
    /// Those whose bytes are not what their entry says, or that a newer version understands: what the entry says.
    pub(super) not_understood: Vec<Json>,
}

pub(super) fn of_section(kind: &SectionKind, document: &Document, authors: &dyn AuthorOf) -> Files {
    let view = AttachmentsView::read(document, kind, authors);
    let mut files = Files {
        whole: Vec::new(),
        not_understood: Vec::new(),
    };
    for one in view.standing() {
        match one.content {
            AttachmentContent::Here | AttachmentContent::Recorded => {
                files.whole.push(whole(kind, one));
            }
            _ => files.not_understood.push(json!({
                "section": kind.code(),
                "path": ["acknowledged", format!("attachment:{}", one.id.canonical())],
                "value": one,
            })),
        }
    }
    files
}

fn whole(kind: &SectionKind, one: &AttachmentView) -> Json {
    fn put<F: Field>(object: &mut Map<String, Json>, name: &str, value: Option<&Stored<F>>) {
        if let Some(known) = value.and_then(Stored::known) {
            object.insert(name.to_owned(), json!(known.canonical()));
        }
    }
    let mut object = Map::new();
    object.insert("section".to_owned(), json!(kind.code()));
    put(&mut object, "id", Some(&one.id));
    put(&mut object, "name", one.name.as_ref());
    put(&mut object, "media_type", one.media_type.as_ref());
    object.insert("size".to_owned(), json!(one.size_bytes));
    put(&mut object, "sha256", one.sha256.as_ref());
    put(&mut object, "note", one.note.as_ref());
    if let Some(bytes) = &one.bytes {
        object.insert("content".to_owned(), json!(bytes.canonical()));
    }
    object.extend(super::written(&one.origin));
    Json::Object(object)
}
