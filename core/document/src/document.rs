//! One section's content and everything that can be done with it.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::catch_unwind;
use std::sync::{Arc, OnceLock};

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{Automerge, LoadOptions, ObjType, ROOT, ReadDoc, TextEncoding};

use crate::change::{sorted, to_engine};
use crate::error::EngineError;
use crate::{
    Actor, Applied, ChangeHash, DeletedWhileEdited, Difference, DocumentError, EditError, Editor,
    EncodedChange, FieldConflict, GateError, GateLimits, HistoryEntry, Key, MAXIMUM_DEPTH,
    MadeEntry, Path, Reader, SoftTextConflict, chunk, conflict, deletion, difference, gate,
    history, text_conflict,
};

/// The actor of every genesis change, 16 zero bytes; nobody else may use it.
pub const GENESIS_ACTOR: Actor = Actor::from_bytes([0; 16]);

/// A document that several authors edit offline and at once.
#[derive(Clone)]
pub struct Document {
    engine: Automerge,
    /// Read from the history once, and again after a change: several lists of a section ask for it.
    made: OnceLock<Arc<deletion::MadeEntries>>,
}

impl Document {
    /// A document without any change.
    pub fn new(actor: Actor) -> Document {
        Document {
            engine: new_engine().with_actor(actor.to_engine()),
            made: OnceLock::new(),
        }
    }

    /// A document with the fixed containers that every replica agrees on.
    ///
    /// Two authors who created the same container at once would hide one author's entries, so the
    /// containers of a format exist from its first change on, the *genesis*: actor of zeros, time
    /// 0, sequence 1. Its bytes are the same on every device, it is never sent, and the gate
    /// knows it. Containers are written with slashes (`client/names`), in any order; parents are
    /// created too. The list is part of the format: another list is another document.
    ///
    /// The document then needs [`Document::set_actor`] before its first edit.
    ///
    /// # Errors
    /// [`DocumentError::InvalidContainer`] for an invalid field name or too deep a path.
    pub fn genesis(containers: &[&str]) -> Result<Document, DocumentError> {
        let mut paths = BTreeSet::new();
        for container in containers {
            let path = Path::parse(container);
            if path.keys().is_empty() || path.keys().len() > MAXIMUM_DEPTH / 2 {
                return Err(DocumentError::InvalidContainer(path));
            }
            for length in 1..=path.keys().len() {
                paths.insert(path.keys().iter().take(length).cloned().collect::<Path>());
            }
        }
        let mut engine = new_engine().with_actor(GENESIS_ACTOR.to_engine());
        let mut transaction = engine.transaction();
        // Ascending order puts every parent before its children.
        for path in paths {
            let invalid = || DocumentError::InvalidContainer(path.clone());
            let (parent, name) = path.split_last().ok_or_else(invalid)?;
            let mut object = ROOT;
            for key in parent.keys() {
                let found = transaction.get(&object, crate::reader::property(key));
                object = found.ok().flatten().ok_or_else(invalid)?.1;
            }
            if !crate::editor::is_valid_field(name) {
                return Err(invalid());
            }
            transaction
                .put_object(&object, crate::reader::property(name), ObjType::Map)
                .map_err(|_| invalid())?;
        }
        transaction.commit_with(CommitOptions::default().with_time(0));
        Ok(Document {
            engine,
            made: OnceLock::new(),
        })
    }

    /// Loads what [`Document::save`] returned, with full verification.
    ///
    /// # Errors
    /// Every variant of [`DocumentError`] that speaks of a saved document. Empty input is one: a
    /// lost file must not become an empty document.
    pub fn load(bytes: &[u8], actor: Actor) -> Result<Document, DocumentError> {
        if bytes.is_empty() {
            return Err(DocumentError::Empty);
        }
        chunk::check_document(bytes).map_err(DocumentError::Chunk)?;
        let engine = catch_unwind(|| load_engine(bytes))
            .map_err(|_| DocumentError::Panicked)?
            .map_err(|source| DocumentError::Unreadable(EngineError::new(source)))?;
        let missing = engine.get_missing_deps(&[]).len();
        if missing > 0 {
            return Err(DocumentError::Orphans { missing });
        }
        let foreign =
            |change: &automerge::ChangeMetadata<'_>| Actor::from_engine(&change.actor).is_none();
        if engine.get_changes_meta(&[]).iter().any(foreign) {
            return Err(DocumentError::ForeignActor);
        }
        Ok(Document {
            engine: engine.with_actor(actor.to_engine()),
            made: OnceLock::new(),
        })
    }

    /// The document as one uncompressed automerge document chunk; whoever stores it compresses.
    pub fn save(&self) -> Vec<u8> {
        self.engine.save_nocompress()
    }

    /// The whole document with its history, as any automerge reader opens it.
    pub fn export_automerge(&self) -> Vec<u8> {
        self.engine.save()
    }

    /// The current values as JSON; see [`crate::Value::to_json`].
    pub fn export_json(&self) -> serde_json::Value {
        self.read().root().to_json()
    }

    /// The actor of the next edit.
    ///
    /// [`GENESIS_ACTOR`] as long as none was set.
    pub fn actor(&self) -> Actor {
        Actor::from_engine(self.engine.get_actor()).unwrap_or(GENESIS_ACTOR)
    }

    /// Sets the actor of the next edit.
    pub fn set_actor(&mut self, actor: Actor) {
        self.engine.set_actor(actor.to_engine());
    }

    /// The changes that no other change builds on, ascending.
    pub fn heads(&self) -> Vec<ChangeHash> {
        sorted(&self.engine.get_heads())
    }

    /// True if the change has been applied.
    pub fn contains(&self, change: &ChangeHash) -> bool {
        self.engine
            .get_change_meta_by_hash(&change.to_engine())
            .is_some()
    }

    /// One change in its encoded form.
    pub fn change(&self, hash: &ChangeHash) -> Option<EncodedChange> {
        EncodedChange::from_engine(&self.engine.get_change_by_hash(&hash.to_engine())?)
    }

    /// How many operations a change has; each character of a text is one. Cheaper than [`Self::history`].
    pub fn operation_count(&self, hash: &ChangeHash) -> Option<u64> {
        let change = self.engine.get_change_meta_by_hash(&hash.to_engine())?;
        Some(history::operation_count(&change))
    }

    /// The changes that are not among `heads` and their ancestors, each after those it depends
    /// on, in an order that is the same on every replica. Heads unknown here are ignored.
    ///
    /// Without any heads, the genesis is part of the answer.
    pub fn changes_since(&self, heads: &[ChangeHash]) -> Vec<EncodedChange> {
        let known: Vec<ChangeHash> = heads
            .iter()
            .copied()
            .filter(|head| self.contains(head))
            .collect();
        let mut changes = self.engine.get_changes(&to_engine(&known));
        changes.sort_by_key(|change| (change.start_op(), change.hash()));
        changes
            .iter()
            .filter_map(EncodedChange::from_engine)
            .collect()
    }

    /// Runs targeted edits as one change. `None` if they changed nothing.
    ///
    /// On any error nothing is changed: the edits run on a copy that takes the document's place
    /// only at the end. `time_seconds` and `message` are stored with the change; both are
    /// readable by everyone who can read the document, and order never depends on them.
    ///
    /// # Errors
    /// [`EditError::Refused`] with the closure's error; the others if the change could not pass
    /// the gate of another replica.
    pub fn edit<E>(
        &mut self,
        time_seconds: i64,
        message: Option<&str>,
        edits: impl FnOnce(&mut Editor<'_>) -> Result<(), E>,
    ) -> Result<Option<EncodedChange>, EditError<E>> {
        if self.actor() == GENESIS_ACTOR {
            return Err(EditError::NoActor);
        }
        let limits = GateLimits::default();
        let mut engine = self.engine.clone();
        let mut editor = Editor::new(engine.transaction());
        edits(&mut editor).map_err(EditError::Refused)?;
        let transaction = editor.into_transaction();
        let operations = transaction.pending_ops();
        if operations == 0 {
            return Ok(None);
        }
        limits.check_edit_operations(operations)?;
        let mut options = CommitOptions::default().with_time(time_seconds);
        if let Some(message) = message {
            options = options.with_message(message);
        }
        let hash = transaction.commit_with(options).0.ok_or(EditError::Lost)?;
        let change = engine.get_change_by_hash(&hash).ok_or(EditError::Lost)?;
        let change = EncodedChange::from_engine(&change).ok_or(EditError::Lost)?;
        limits.check_edit_bytes(change.as_bytes().len())?;
        self.take(engine);
        Ok(Some(change))
    }

    /// The gate: applies a batch of foreign changes, all or nothing.
    ///
    /// Changes come in causal order (each after those it depends on); those already known are
    /// skipped. `allowed_actors` says which actors the batch's verified author may use here.
    ///
    /// # Errors
    /// [`GateError`]; the document is unchanged then.
    pub fn apply(
        &mut self,
        batch: &[Vec<u8>],
        allowed_actors: &dyn Fn(&Actor) -> bool,
        limits: &GateLimits,
    ) -> Result<Applied, GateError> {
        let (engine, applied) = gate::apply(&self.engine, batch, allowed_actors, limits)?;
        if let Some(engine) = engine {
            self.take(engine);
        }
        Ok(applied)
    }

    /// Applies changes that this very device made with [`Self::edit`] and kept where nobody else
    /// can write. Without the gate's checks of foreign changes: half the cost of an edit that
    /// follows others. Anything from elsewhere goes through [`Self::apply`].
    ///
    /// # Errors
    /// [`GateError`] for what a damaged store could hold; the document is unchanged then.
    pub fn apply_own(&mut self, batch: &[Vec<u8>]) -> Result<(), GateError> {
        self.take(gate::apply_own(&self.engine, batch)?);
        Ok(())
    }

    /// The current state.
    pub fn read(&self) -> Reader<'_> {
        Reader::new(self, None)
    }

    /// The state that exactly these changes and their ancestors make.
    ///
    /// # Errors
    /// [`DocumentError::UnknownChange`].
    pub fn read_at(&self, heads: &[ChangeHash]) -> Result<Reader<'_>, DocumentError> {
        if let Some(unknown) = heads.iter().find(|head| !self.contains(head)) {
            return Err(DocumentError::UnknownChange(*unknown));
        }
        Ok(Reader::new(self, Some(to_engine(heads))))
    }

    /// All changes, each after those it depends on, in an order that is the same on every replica.
    pub fn history(&self) -> Vec<HistoryEntry> {
        history::entries(&self.engine)
    }

    /// The leaves that differ between two states, ordered by path; texts as whole strings.
    ///
    /// # Errors
    /// [`DocumentError::UnknownChange`].
    pub fn difference(
        &self,
        before: &[ChangeHash],
        after: &[ChangeHash],
    ) -> Result<Vec<Difference>, DocumentError> {
        Ok(difference::difference(
            &self.read_at(before)?,
            &self.read_at(after)?,
        ))
    }

    /// The fields that were set concurrently to different values, ordered by path.
    pub fn conflicts(&self) -> Vec<FieldConflict> {
        conflict::conflicts(&self.read())
    }

    /// Sentences of the text at `path` that were reworded concurrently.
    ///
    /// One is reported until a change that builds on both wordings edits the text.
    pub fn soft_text_conflicts(&self, path: impl Into<Path>) -> Vec<SoftTextConflict> {
        self.soft_text_conflicts_in(&[path.into()])
    }

    /// The same for several texts, which costs little more than for one; in the order of the paths.
    pub fn soft_text_conflicts_in(&self, paths: &[Path]) -> Vec<SoftTextConflict> {
        text_conflict::soft_text_conflicts(self, paths)
    }

    /// Entries of the map at `path` that were deleted while somebody else edited them.
    ///
    /// An entry is no longer reported once something stands in its place again.
    pub fn concurrent_deletions(&self, path: impl Into<Path>) -> Vec<DeletedWhileEdited> {
        deletion::concurrent_deletions(self, &path.into())
    }

    /// Every entry that was ever made in the map at `path`, in the history's order; also those that
    /// were deleted or replaced since. What an entry held, [`Document::read_at`] its change says.
    pub fn made_entries(&self, path: impl Into<Path>) -> Vec<MadeEntry> {
        deletion::made_entries(self, &path.into())
    }

    /// What was ever made in each map.
    pub(crate) fn made(&self) -> &deletion::MadeEntries {
        self.made
            .get_or_init(|| Arc::new(deletion::MadeEntries::of(&self.engine)))
    }

    /// Replaces the state by one with further changes.
    fn take(&mut self, engine: Automerge) {
        self.engine = engine;
        self.made = OnceLock::new();
    }

    pub(crate) fn engine(&self) -> &Automerge {
        &self.engine
    }
}

impl fmt::Debug for Document {
    /// The heads only: the rest is what people typed.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Document")
            .field("heads", &self.heads())
            .finish_non_exhaustive()
    }
}

/// Text positions are unicode scalar values everywhere.
fn new_engine() -> Automerge {
    Automerge::new_with_encoding(TextEncoding::UnicodeCodePoint)
}

/// Full verification and no partial load are automerge's defaults; see `LoadOptions`.
pub(crate) fn load_engine(bytes: &[u8]) -> Result<Automerge, automerge::AutomergeError> {
    Automerge::load_with_options(
        bytes,
        LoadOptions::new().text_encoding(TextEncoding::UnicodeCodePoint),
    )
}

/// The key's name if it is a field.
pub(crate) fn field_of(key: &Key) -> Option<&str> {
    match key {
        Key::Field(name) => Some(name),
        Key::Index(_) => None,
    }
}
