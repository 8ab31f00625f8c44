//! Documents and the directory as this process last saw them, so that one edit costs one edit and
//! not the loading of everything around it. Forgotten as soon as anything else changes them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use nahtlos_document::Document;
use nahtlos_protocol::identifier::SpaceId;

use crate::directory::Directory;

/// Working documents by space. Bounded: a whole case load would not fit a phone.
#[derive(Default)]
pub(crate) struct DocumentCache {
    documents: RefCell<HashMap<SpaceId, Arc<Document>>>,
    /// The directory, and the network whose document it was read from.
    directory: RefCell<Option<(SpaceId, Arc<Directory>)>>,
}

/// A case has ten sections or so; some twenty cases are looked at in a row.
const DOCUMENTS_MAX: usize = 200;

impl DocumentCache {
    /// What counts and one's own pending edits, as of the last look.
    pub fn get(&self, space: &SpaceId) -> Option<Arc<Document>> {
        self.documents.borrow().get(space).cloned()
    }

    /// Keeps a document that was just loaded or edited.
    pub fn put(&self, space: SpaceId, document: Arc<Document>) {
        let mut documents = self.documents.borrow_mut();
        if documents.len() >= DOCUMENTS_MAX {
            documents.clear();
        }
        documents.insert(space, document);
    }

    /// The directory, as of the last look.
    pub fn directory(&self) -> Option<Arc<Directory>> {
        let directory = self.directory.borrow();
        directory.as_ref().map(|(_, known)| Arc::clone(known))
    }

    /// Keeps the directory that was just read.
    pub fn put_directory(&self, network: SpaceId, directory: Arc<Directory>) {
        *self.directory.borrow_mut() = Some((network, directory));
    }

    /// A space's document changed otherwise; where it is the network's, so did the directory.
    pub fn forget(&self, space: &SpaceId) {
        self.documents.borrow_mut().remove(space);
        let mut directory = self.directory.borrow_mut();
        if directory
            .as_ref()
            .is_some_and(|(network, _)| network == space)
        {
            *directory = None;
        }
    }

    /// The logs grew: who may write which card is judged again.
    pub fn forget_directory(&self) {
        *self.directory.borrow_mut() = None;
    }

    /// A transaction was undone: nothing is certain.
    pub fn clear(&self) {
        self.documents.borrow_mut().clear();
        *self.directory.borrow_mut() = None;
    }
}
