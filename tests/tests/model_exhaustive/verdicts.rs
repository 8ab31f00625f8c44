//! What becomes of the edits: the verdicts of the real counting, from what one replica has, beside
//! those of the rule written down once more in a few lines.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use nahtlos_protocol::counting::{self, CountedEnvelope, HeldReason, Verdict};
use nahtlos_protocol::envelope::EnvelopeKind;
use nahtlos_protocol::identifier::{EnvelopeId, JournalId, OperationId};
use nahtlos_protocol::space::authority::{Knowledge, Logs, path_heads};
use nahtlos_protocol::space::standing::{Position, Receipts};
use nahtlos_protocol::space::{SpaceState, Suspended};
use nahtlos_tests::model::reference::{Level, Party, Step};
use nahtlos_tests::model::replica::{PERSONS, Played, Replica, SECTION, TEAMS};

use crate::set::Set;
use crate::world::{B, Change, Device, Edit, Has, World};

/// The verdicts on the edits that somebody has, in order.
pub type Verdicts = Vec<(usize, Verdict)>;

/// What decides the verdicts; many worlds ask the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Question {
    changes: Vec<Change>,
    /// How many of them were received before the restore.
    before_restore: usize,
    edits: Vec<(usize, Edit)>,
}

thread_local! {
    static ANSWERED: RefCell<HashMap<Question, Verdicts>> = RefCell::default();
    static LOGS: RefCell<HashMap<Vec<Change>, Arc<RealLogs>>> = RefCell::default();
}

/// The verdicts of `nahtlos_protocol::counting` on what somebody has.
pub fn counted(world: &World, has: &Has) -> Verdicts {
    let question = Question {
        changes: world.changes.iter().take(has.members).copied().collect(),
        before_restore: world
            .restored
            .unwrap_or(world.changes.len())
            .min(has.members),
        edits: judged(world, has).map(|id| (id, world.edits[id])).collect(),
    };
    if let Some(known) = ANSWERED.with_borrow(|answered| answered.get(&question).cloned()) {
        return known;
    }
    let verdicts = real_verdicts(&question);
    ANSWERED.with_borrow_mut(|answered| answered.insert(question, verdicts.clone()));
    verdicts
}

/// The edits that count for somebody.
pub fn counting(world: &World, has: &Has) -> Set {
    let verdicts = counted(world, has).into_iter();
    Set::of(verdicts.filter_map(|(id, verdict)| verdict.counts().then_some(id)))
}

/// PROTOCOL §16 for this world: nobody is voided, nothing is closed, and no right is reduced.
pub fn expected(world: &World, has: &Has) -> Verdicts {
    let edits = |wanted: &dyn Fn(&Edit) -> bool| {
        Set::of(judged(world, has).filter(|id| wanted(&world.edits[*id])))
    };
    let with_ancestors = |ids: Set| {
        let built_on = ids.iter().map(|id| world.edits[id].builds_on);
        built_on.fold(Set::default(), Set::union)
    };
    let was_entitled = |edit: &Edit| world.members(edit.knows).contains(edit.author);
    let is_removed = |edit: &Edit, length| world.removed(length).contains(edit.author);
    let counts = edits(&|edit| was_entitled(edit) && !is_removed(edit, has.members));
    let vouched = with_ancestors(counts).without(counts);
    let sure = counts.union(vouched);
    let in_time = edits(&|edit| {
        was_entitled(edit)
            && !is_removed(edit, edit.changes_before)
            && !counts.iter().any(|other| {
                let other = &world.edits[other];
                other.after_restore == edit.after_restore && is_removed(edit, other.knows)
            })
    });
    let provisional = in_time.without(sure);
    let vouched = vouched.union(
        with_ancestors(provisional)
            .without(sure)
            .without(provisional),
    );
    let verdict = |id: usize| match &world.edits[id] {
        _ if counts.contains(id) => Verdict::Counts,
        _ if vouched.contains(id) => Verdict::Vouched,
        _ if provisional.contains(id) => Verdict::Provisional,
        edit if was_entitled(edit) => Verdict::Held(HeldReason::AccessEnded),
        _ => Verdict::Held(HeldReason::NeverEntitled),
    };
    judged(world, has).map(|id| (id, verdict(id))).collect()
}

/// The edits whose access heads are known: the others wait.
fn judged<'a>(world: &'a World, has: &Has) -> impl Iterator<Item = usize> + 'a {
    let length = has.members;
    let edits = has.edits.iter();
    edits.filter(move |id| world.edits[*id].knows <= length)
}

/// The members' log is a team's, and what is edited the section of that team; both real.
struct RealLogs {
    played: Played,
    section: Arc<SpaceState>,
    /// What each device names after so many changes of members.
    knowledge: HashMap<(Device, usize), Arc<Knowledge>>,
    /// The operations that changed the members, in order.
    operations: Vec<OperationId>,
}

impl RealLogs {
    fn after(changes: &[Change]) -> Self {
        let mut played = Played::new();
        let team = TEAMS[0];
        let add = |device: Device| Step::Add {
            space: team,
            party: Party::Space(PERSONS[device]),
            level: Level::Write,
        };
        let mut grants = vec![0];
        assert!(played.attempt(0, &add(B)));
        grants.push(B);
        let mut made = Self {
            section: played.state(SECTION),
            played,
            knowledge: HashMap::new(),
            operations: Vec::new(),
        };
        made.note_knowledge(0);
        for (index, change) in changes.iter().enumerate() {
            let step = match change {
                Change::Add(device) => {
                    grants.push(*device);
                    add(*device)
                }
                Change::Remove(device) => Step::Remove {
                    space: team,
                    grant: grants
                        .iter()
                        .rposition(|known| known == device)
                        .expect("a grant"),
                },
            };
            assert!(made.played.attempt(0, &step), "{change:?}");
            let operation = made.played.operations.last().expect("the change");
            made.operations.push(operation.id());
            made.note_knowledge(index + 1);
        }
        made
    }

    fn replica(&self) -> &Replica {
        &self.played.replica
    }

    /// Who has lost the right goes on naming what it named while it had it.
    fn note_knowledge(&mut self, changes: usize) {
        for device in crate::world::EVERYBODY {
            let id = self.played.device(device);
            let heads = path_heads(self.replica(), &id, &self.section);
            let heads: Vec<_> = heads.into_values().chain(self.section.head()).collect();
            let knowledge = Knowledge::of(self.replica(), &heads).expect("known heads");
            self.knowledge
                .insert((device, changes), Arc::new(knowledge));
        }
    }
}

fn real_verdicts(question: &Question) -> Verdicts {
    let logs = LOGS.with_borrow_mut(|made| {
        let changes = question.changes.clone();
        let real = || Arc::new(RealLogs::after(&question.changes));
        Arc::clone(made.entry(changes).or_insert_with(real))
    });
    let id = |number: usize| EnvelopeId([u8::try_from(number).expect("a small number") + 1; 32]);
    let envelope = |(number, edit): &(usize, Edit)| CountedEnvelope {
        id: id(*number),
        author: logs.played.device(edit.author),
        author_sequence: *number as u64 + 1,
        kind: EnvelopeKind::Changes,
        knowledge: Arc::clone(&logs.knowledge[&(edit.author, edit.knows)]),
        parents: edit.builds_on.iter().map(id).collect(),
        received: Some(place(edit.after_restore, 2 * edit.changes_before + 1)),
    };
    let envelopes: Vec<CountedEnvelope> = question.edits.iter().map(envelope).collect();
    let operations = logs.operations.iter().enumerate();
    let receipts = Places(
        operations
            .map(|(index, operation)| {
                let after_restore = index >= question.before_restore;
                (*operation, place(after_restore, 2 * index + 2))
            })
            .collect(),
    );
    let none = Suspended::new();
    let section = logs
        .replica()
        .state(&logs.section.id())
        .expect("the section");
    let counted = counting::count(logs.replica(), &section, &envelopes, &receipts, &none);
    let numbers = question.edits.iter().map(|(number, _)| *number);
    numbers
        .map(|number| (number, counted.verdicts[&id(number)]))
        .collect()
}

/// Changes of members at even numbers, edits between them.
fn place(after_restore: bool, sequence: usize) -> Position {
    Position {
        journal: JournalId([u8::from(after_restore); 16]),
        sequence: sequence as u64,
    }
}

#[derive(Debug)]
struct Places(BTreeMap<OperationId, Position>);

impl Receipts for Places {
    fn position(&self, operation: &OperationId) -> Option<Position> {
        self.0.get(operation).copied()
    }
}
