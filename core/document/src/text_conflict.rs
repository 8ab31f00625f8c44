//! Soft conflicts: a sentence that two people reworded at the same time.
//!
//! The merged text keeps both edits and may read oddly; people see it with both wordings.

use std::collections::{BTreeSet, HashMap, HashSet};

use automerge::legacy::{ElementId, Key, ObjectId, OpId, OpType};
use automerge::{Automerge, Change, ChangeHash as EngineHash, Cursor, ObjId, ObjType, ReadDoc};

use crate::ancestry::{Ancestry, is_linear};
use crate::reader::{Node, View};
use crate::{Actor, ChangeHash, Document, Path};

/// A text as one of its authors left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// The whole text as its author saw it after the change.
    pub text: String,
    /// Its author.
    pub actor: Actor,
    /// The change.
    pub change: ChangeHash,
    /// When, by the author's clock; advisory.
    pub time_seconds: i64,
}

/// A text of which a sentence was reworded concurrently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoftTextConflict {
    /// The text.
    pub path: Path,
    /// Each side's wording, at least two, in the history's order.
    pub wordings: Vec<Wording>,
    /// The text as it reads now, with everybody's edits.
    pub merged: String,
}

/// Two edits conflict if neither knows the other, they touched the same sentence (of the text
/// each author saw), and nobody who knew both has edited the text since. Who puts a new text in the place of
/// the old one touches all of it. Several texts are looked at together, because reading the history costs most.
pub(crate) fn soft_text_conflicts(document: &Document, paths: &[Path]) -> Vec<SoftTextConflict> {
    let engine = document.engine();
    let view = document.read();
    let mut places: Vec<TextPlace<'_>> = Vec::new();
    for path in paths {
        places.extend(TextPlace::of(&view.view(), path));
    }
    if places.is_empty() || is_linear(engine) {
        return Vec::new();
    }
    let mut edits = edits_of(engine, &places);
    let mut found = Vec::new();
    for (number, place) in places.iter().enumerate() {
        let edits = edits.remove(&number).unwrap_or_default();
        if edits.len() > 1 {
            found.extend(conflicts_in(engine, place, &edits));
        }
    }
    found
}

/// Where a text stands.
struct TextPlace<'a> {
    path: &'a Path,
    /// The text that stands there now; of several that were put there at once, the one that is shown.
    text: ObjId,
    /// The map that it stands in, and under which name. Nothing for the root, where no text begins anew.
    map: Option<(OpId, &'a str)>,
}

impl<'a> TextPlace<'a> {
    fn of(view: &View<'_, Automerge>, path: &'a Path) -> Option<TextPlace<'a>> {
        let Some(Node::Object(ObjType::Text, text)) = view.resolve(path.keys()) else {
            return None;
        };
        let (last, parent) = path.keys().split_last()?;
        let map = match (view.resolve(parent), last) {
            (Some(Node::Object(ObjType::Map, map)), crate::Key::Field(name)) => {
                id_of(&map).map(|map| (map, name.as_str()))
            }
            _ => None,
        };
        Some(TextPlace { path, text, map })
    }
}

/// The conflicts of one text. Sides that all say the same are none, where that is what stands there.
fn conflicts_in(
    engine: &Automerge,
    place: &TextPlace<'_>,
    edits: &[Edit],
) -> Vec<SoftTextConflict> {
    let hashes: Vec<EngineHash> = edits.iter().map(|edit| edit.hash).collect();
    let ancestry = Ancestry::among(engine, &hashes);
    let pairs = unsettled_pairs(engine, place.path, edits, &ancestry);
    let now = View {
        engine,
        heads: None,
    };
    group(pairs)
        .into_iter()
        .map(|group| SoftTextConflict {
            path: place.path.clone(),
            wordings: wordings(engine, place.path, &group, &hashes, &ancestry),
            merged: now.text_of(&place.text),
        })
        .filter(|conflict| {
            let mut wordings = conflict.wordings.iter();
            wordings.any(|wording| wording.text != conflict.merged)
        })
        .collect()
}

/// As operations name an object.
fn id_of(object: &ObjId) -> Option<OpId> {
    match object {
        ObjId::Id(counter, creator, _) => Some(OpId::new(*counter, creator)),
        ObjId::Root => None,
    }
}

/// What one change did to the text.
struct Edit {
    hash: EngineHash,
    /// The heads its author saw.
    base: Vec<EngineHash>,
    deleted: BTreeSet<String>,
    /// Elements behind which something was inserted; `None` for the beginning.
    inserted_behind: BTreeSet<Option<String>>,
    /// A new text was put in the place of the old one.
    is_anew: bool,
}

impl Edit {
    fn of(change: &Change) -> Edit {
        Edit {
            hash: change.hash(),
            base: change.deps().to_vec(),
            deleted: BTreeSet::new(),
            inserted_behind: BTreeSet::new(),
            is_anew: false,
        }
    }
}

/// The texts that ever stood at the places, by what operations name them, with the number of their place.
struct Texts<'a> {
    places: &'a [TextPlace<'a>],
    known: HashMap<OpId, usize>,
    /// Whose operations an edit of one of them names.
    actors: HashSet<automerge::ActorId>,
}

impl<'a> Texts<'a> {
    fn at(places: &'a [TextPlace<'a>]) -> Texts<'a> {
        let mut texts = Texts {
            places,
            known: HashMap::new(),
            actors: HashSet::new(),
        };
        for (number, place) in places.iter().enumerate() {
            if let Some((map, _)) = &place.map {
                texts.actors.insert(map.actor().clone());
            }
            if let Some(text) = id_of(&place.text) {
                texts.add(text, number);
            }
        }
        texts
    }

    fn add(&mut self, text: OpId, number: usize) {
        self.actors.insert(text.actor().clone());
        self.known.insert(text, number);
    }

    /// The place at which an operation puts a text.
    fn place_of(&self, map: &ObjectId, key: &Key) -> Option<usize> {
        let (ObjectId::Id(map), Key::Map(name)) = (map, key) else {
            return None;
        };
        let is_it = |place: &TextPlace<'_>| {
            let of = place.map.as_ref();
            of.is_some_and(|(of, field)| of == map && *field == name.as_str())
        };
        self.places.iter().position(is_it)
    }
}

/// The changes that edited the text at each of these places, in the history's order.
fn edits_of(engine: &Automerge, places: &[TextPlace<'_>]) -> HashMap<usize, Vec<Edit>> {
    let mut changes = engine.get_changes(&[]);
    changes.sort_by_key(|change| (change.start_op(), change.hash()));
    let mut texts = Texts::at(places);
    let mut edits: HashMap<usize, Vec<Edit>> = HashMap::new();
    for change in &changes {
        let names_one = change.actors().any(|actor| texts.actors.contains(actor));
        if names_one {
            for (place, edit) in edits_in(change, &mut texts) {
                edits.entry(place).or_default().push(edit);
            }
        }
    }
    edits
}

/// What one change did to these texts.
fn edits_in(change: &Change, texts: &mut Texts<'_>) -> HashMap<usize, Edit> {
    let mut edits = HashMap::new();
    let first = change.start_op().get();
    let own = change.actor_id();
    let mut inserted = BTreeSet::new();
    for (operation, counter) in change.decode().operations.iter().zip(first..) {
        if matches!(operation.action, OpType::Make(ObjType::Text))
            && let Some(place) = texts.place_of(&operation.obj, &operation.key)
        {
            texts.add(OpId::new(counter, own), place);
            let edit = edits.entry(place).or_insert_with(|| Edit::of(change));
            edit.is_anew = true;
            continue;
        }
        let place = match &operation.obj {
            ObjectId::Id(id) => texts.known.get(id).copied(),
            ObjectId::Root => None,
        };
        let (Some(place), Key::Seq(element)) = (place, &operation.key) else {
            continue;
        };
        let takes_away = matches!(operation.action, OpType::Delete | OpType::Put(_));
        if !operation.insert && !takes_away {
            continue;
        }
        let edit = edits.entry(place).or_insert_with(|| Edit::of(change));
        let element = match element {
            ElementId::Head => None,
            ElementId::Id(id) => Some(name(id)),
        };
        if operation.insert {
            // Ids are unique in a document: those of one text are never another one's.
            inserted.insert(format!("{counter}@{own}"));
            if element.as_ref().is_none_or(|id| !inserted.contains(id)) {
                edit.inserted_behind.insert(element);
            }
        } else if let Some(element) = element.filter(|id| !inserted.contains(id)) {
            edit.deleted.insert(element);
        }
    }
    edits
}

/// An element's id as a cursor shows it.
fn name(id: &OpId) -> String {
    format!("{}@{}", id.counter(), id.actor())
}

fn unsettled_pairs(
    engine: &Automerge,
    path: &Path,
    edits: &[Edit],
    ancestry: &Ancestry,
) -> Vec<(EngineHash, EngineHash)> {
    let mut pairs = Vec::new();
    let mut touched: Vec<Option<Touched>> = edits.iter().map(|_| None).collect();
    for (later, right) in edits.iter().enumerate() {
        for (earlier, left) in edits.iter().enumerate().take(later) {
            let settled = |edit: &Edit| {
                ancestry.builds_on(&edit.hash, &left.hash)
                    && ancestry.builds_on(&edit.hash, &right.hash)
            };
            if !ancestry.concurrent(&left.hash, &right.hash) || edits.iter().any(settled) {
                continue;
            }
            for (position, edit) in [(earlier, left), (later, right)] {
                if let Some(slot) = touched.get_mut(position) {
                    slot.get_or_insert_with(|| Touched::by(engine, path, edit));
                }
            }
            if let (Some(Some(one)), Some(Some(other))) = (touched.get(earlier), touched.get(later))
                && one.overlaps(other)
            {
                pairs.push((left.hash, right.hash));
            }
        }
    }
    pairs
}

/// The sentences an edit touched, as the elements they consisted of.
struct Touched {
    elements: BTreeSet<String>,
    began_empty: bool,
    all: bool,
}

impl Touched {
    fn by(engine: &Automerge, path: &Path, edit: &Edit) -> Touched {
        let view = View {
            engine,
            heads: Some(&edit.base),
        };
        // The text that its author saw: another one may stand there by now.
        let seen = match view.resolve(path.keys()) {
            Some(Node::Object(ObjType::Text, text)) if !edit.is_anew => Some(text),
            _ => None,
        };
        let Some(text) = &seen else {
            return Touched {
                elements: BTreeSet::new(),
                began_empty: false,
                all: true,
            };
        };
        let characters: Vec<char> = view.text_of(text).chars().collect();
        let sentences = sentences(&characters);
        let position = |element: &String| {
            let cursor = Cursor::try_from(element.as_str()).ok()?;
            engine
                .get_cursor_position(text, &cursor, Some(&edit.base))
                .ok()
        };
        let mut positions: BTreeSet<usize> = edit.deleted.iter().filter_map(position).collect();
        for behind in &edit.inserted_behind {
            match behind {
                None => {
                    positions.insert(0);
                }
                Some(element) => {
                    positions.extend(
                        position(element)
                            .filter(|place| !is_boundary(&characters, &sentences, *place)),
                    );
                }
            }
        }
        let mut elements = edit.deleted.clone();
        for (start, end) in sentences {
            if positions.range(start..end).next().is_some() {
                elements.extend((start..end).filter_map(|place| {
                    let cursor = engine.get_cursor(text, place, Some(&edit.base)).ok()?;
                    Some(cursor.to_string())
                }));
            }
        }
        Touched {
            elements,
            began_empty: characters.is_empty(),
            all: false,
        }
    }

    fn overlaps(&self, other: &Touched) -> bool {
        let is_whole = self.all || other.all;
        is_whole
            || (self.began_empty && other.began_empty)
            || !self.elements.is_disjoint(&other.elements)
    }
}

/// Something inserted behind `place` stands between two sentences: a new one, no rewording.
fn is_boundary(characters: &[char], sentences: &[(usize, usize)], place: usize) -> bool {
    let Some((start, end)) = sentences
        .iter()
        .find(|(start, end)| (*start..*end).contains(&place))
    else {
        return false;
    };
    let behind_end = place + 1 == *end
        && characters
            .get(place)
            .is_some_and(|last| is_terminator(*last));
    let before_start = characters
        .get(*start..=place)
        .is_some_and(|begin| begin.iter().all(|character| character.is_whitespace()));
    behind_end || before_start
}

fn is_terminator(character: char) -> bool {
    matches!(character, '.' | '!' | '?' | '…' | '\n')
}

/// Ranges of the sentences, each with the white space before it. A full stop ends a sentence only
/// behind a word of at least three letters (not in `z. B.`) and before white space or the end.
fn sentences(characters: &[char]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut word = 0;
    for (place, character) in characters.iter().enumerate() {
        let ends = match character {
            '\n' => true,
            '.' => word >= 3 && is_followed_by_space(characters, place),
            '!' | '?' | '…' => is_followed_by_space(characters, place),
            _ => false,
        };
        if ends {
            found.push((start, place + 1));
            start = place + 1;
        }
        word = if character.is_alphanumeric() {
            word + 1
        } else {
            0
        };
    }
    if start < characters.len() {
        found.push((start, characters.len()));
    }
    found
}

fn is_followed_by_space(characters: &[char], place: usize) -> bool {
    characters
        .get(place + 1)
        .is_none_or(|next| next.is_whitespace())
}

/// Pairs that share a change belong to one conflict.
fn group(pairs: Vec<(EngineHash, EngineHash)>) -> Vec<Vec<EngineHash>> {
    let mut groups: Vec<Vec<EngineHash>> = Vec::new();
    for (left, right) in pairs {
        let mut merged = vec![left, right];
        groups.retain(|group| {
            let joins = group.contains(&left) || group.contains(&right);
            if joins {
                merged.extend(
                    group
                        .iter()
                        .filter(|change| **change != left && **change != right),
                );
            }
            !joins
        });
        groups.push(merged);
    }
    groups
}

/// Each side's latest wording: a side that went on editing is shown as it stands.
fn wordings(
    engine: &Automerge,
    path: &Path,
    group: &[EngineHash],
    edits: &[EngineHash],
    ancestry: &Ancestry,
) -> Vec<Wording> {
    let sides: Vec<EngineHash> = edits
        .iter()
        .filter(|edit| {
            group.contains(edit)
                || (group.iter().any(|change| ancestry.builds_on(edit, change))
                    && group.iter().any(|change| ancestry.concurrent(edit, change)))
        })
        .copied()
        .collect();
    ancestry
        .latest(&sides)
        .iter()
        .filter_map(|hash| {
            let change = engine.get_change_meta_by_hash(hash)?;
            let heads = [*hash];
            let view = View {
                engine,
                heads: Some(&heads),
            };
            let text = match view.resolve(path.keys()) {
                Some(Node::Object(ObjType::Text, text)) => view.text_of(&text),
                _ => String::new(),
            };
            Some(Wording {
                text,
                actor: Actor::from_engine(&change.actor)?,
                change: (*hash).into(),
                time_seconds: change.timestamp,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        let characters: Vec<char> = text.chars().collect();
        sentences(&characters)
            .into_iter()
            .map(|(start, end)| characters[start..end].iter().collect())
            .collect()
    }

    #[test]
    fn sentences_end_at_full_stops_but_not_in_abbreviations() {
        assert_eq!(
            split("Sie lernt Deutsch. Sie sucht z. B. eine Lehre! Und nun"),
            [
                "Sie lernt Deutsch.",
                " Sie sucht z. B. eine Lehre!",
                " Und nun"
            ]
        );
        assert_eq!(split("eins\nzwei"), ["eins\n", "zwei"]);
        assert!(split("").is_empty());
    }
}
