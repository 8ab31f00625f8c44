//! Soft conflicts: a sentence that two people reworded at the same time.
//!
//! The merged text keeps both edits and may read oddly; people see it with both wordings.

use std::collections::{BTreeSet, HashMap};

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
/// each author saw), and nobody who knew both has edited the text since. Several texts are looked at
/// together, because reading the history costs most.
pub(crate) fn soft_text_conflicts(document: &Document, paths: &[Path]) -> Vec<SoftTextConflict> {
    let engine = document.engine();
    let view = document.read();
    let mut texts: Vec<(&Path, ObjId)> = Vec::new();
    for path in paths {
        if let Some(Node::Object(ObjType::Text, text)) = view.view().resolve(path.keys()) {
            texts.push((path, text));
        }
    }
    if texts.is_empty() || is_linear(engine) {
        return Vec::new();
    }
    let ids: Vec<OpId> = texts.iter().filter_map(|(_, text)| id_of(text)).collect();
    let mut edits = edits_of(engine, &ids);
    let mut found = Vec::new();
    for (path, text) in texts {
        let edits = id_of(&text).and_then(|id| edits.remove(&id));
        let edits = edits.unwrap_or_default();
        if edits.len() > 1 {
            let merged = || view.view().text_of(&text);
            found.extend(conflicts_in(engine, path, &text, &edits, &merged));
        }
    }
    found
}

/// The conflicts of one text.
fn conflicts_in(
    engine: &Automerge,
    path: &Path,
    text: &ObjId,
    edits: &[Edit],
    merged: &dyn Fn() -> String,
) -> Vec<SoftTextConflict> {
    let hashes: Vec<EngineHash> = edits.iter().map(|edit| edit.hash).collect();
    let ancestry = Ancestry::among(engine, &hashes);
    let pairs = unsettled_pairs(engine, text, edits, &ancestry);
    group(pairs)
        .into_iter()
        .map(|group| SoftTextConflict {
            path: path.clone(),
            wordings: wordings(engine, text, &group, &hashes, &ancestry),
            merged: merged(),
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
}

/// The changes that edited each of these texts, in the history's order.
fn edits_of(engine: &Automerge, texts: &[OpId]) -> HashMap<OpId, Vec<Edit>> {
    let mut changes = engine.get_changes(&[]);
    changes.sort_by_key(|change| (change.start_op(), change.hash()));
    let mut edits: HashMap<OpId, Vec<Edit>> = HashMap::new();
    for change in &changes {
        let names_one = texts
            .iter()
            .any(|text| change.actors().any(|actor| actor == text.actor()));
        if names_one {
            for (text, edit) in edits_in(change, texts) {
                edits.entry(text).or_default().push(edit);
            }
        }
    }
    edits
}

/// What one change did to these texts.
fn edits_in(change: &Change, texts: &[OpId]) -> HashMap<OpId, Edit> {
    let mut edits = HashMap::new();
    let first = change.start_op().get();
    let own = change.actor_id();
    let mut inserted = BTreeSet::new();
    for (operation, counter) in change.decode().operations.iter().zip(first..) {
        let text = match &operation.obj {
            ObjectId::Id(id) => texts.iter().find(|text| *text == id),
            ObjectId::Root => None,
        };
        let (Some(text), Key::Seq(element)) = (text, &operation.key) else {
            continue;
        };
        let takes_away = matches!(operation.action, OpType::Delete | OpType::Put(_));
        if !operation.insert && !takes_away {
            continue;
        }
        let edit = edits.entry(text.clone()).or_insert_with(|| Edit {
            hash: change.hash(),
            base: change.deps().to_vec(),
            deleted: BTreeSet::new(),
            inserted_behind: BTreeSet::new(),
        });
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
    text: &ObjId,
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
                    slot.get_or_insert_with(|| Touched::by(engine, text, edit));
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
}

impl Touched {
    fn by(engine: &Automerge, text: &ObjId, edit: &Edit) -> Touched {
        let view = View {
            engine,
            heads: Some(&edit.base),
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
        }
    }

    fn overlaps(&self, other: &Touched) -> bool {
        (self.began_empty && other.began_empty) || !self.elements.is_disjoint(&other.elements)
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
    text: &ObjId,
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
            Some(Wording {
                text: view.text_of(text),
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
