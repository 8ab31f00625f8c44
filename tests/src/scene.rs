//! Three people at one journal, for tests of what ends and what comes late; and a line to the relay on
//! which items are hidden, added or shuffled.

use std::hash::{DefaultHasher, Hash, Hasher};

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::{Edit, JournalEdit};
use nahtlos_casework::fields::{EntryId, Field, JournalKind, JournalText};
use nahtlos_client::transport::{Answer, Transport, TransportError};
use nahtlos_client::{HttpTransport, Nahtlos};
use nahtlos_protocol::codec;
use nahtlos_protocol::crypto::secret::Secret32;
use nahtlos_protocol::crypto::signature::SigningKey;
use nahtlos_protocol::envelope::Envelope;
use nahtlos_protocol::identifier::{EnvelopeId, GrantId, ItemId, JournalId, SpaceId};
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Effect, Role};
use nahtlos_protocol::wire::receipt::Batch;
use nahtlos_protocol::wire::{Item, ItemKind, PushItem, SYNC_PATH, SyncRequest, SyncResponse};

use crate::journal::{FIRST_NOTE, note};
use crate::{Home, World};

/// Iseli's team.
pub const IV_TEAM: &str = "IV-Stelle Bern Team 1";

/// Berger (ALV) manages a case's journal, her colleague Keller too; Iseli (IV) writes in it.
pub struct Scene {
    /// The relay and the homes' directory.
    pub world: World,
    /// Founded the network and opened the case.
    pub berger: Home,
    /// Berger's colleague.
    pub keller: Home,
    /// Of another institution.
    pub iseli: Home,
    /// The case.
    pub number: String,
    /// Its journal's space.
    pub journal: SpaceId,
    /// What grants Iseli's team the journal.
    pub grant: GrantId,
}

/// The three of them, everything synced.
///
/// # Panics
/// Where a step fails.
#[must_use]
pub fn scene() -> Scene {
    let world = World::new();
    let mut berger = world.found("berger", "Anna Berger", "RAV Langnau", "alv");
    let mut iseli = world.institution(&mut berger, "iseli", "Marc Iseli", "IV-Stelle Bern", "iv");
    let mut keller = world.colleague(&mut berger, "keller", "Eva Keller", Role::Write);
    let number = berger.open_example_case();
    for kind in [SectionKind::Core, SectionKind::Journal] {
        berger.share(&number, &kind, IV_TEAM, Role::Write, "AVG35a1");
    }
    for home in [&mut berger, &mut iseli, &mut keller] {
        home.sync();
    }
    let case = berger.nahtlos.find_case(&number).unwrap();
    let journal = case.section(&SectionKind::Journal).unwrap();
    let team = berger.nahtlos.directory().unwrap().find_member(IV_TEAM);
    let team = MemberId::Space(team.unwrap());
    let grants = berger.nahtlos.grants_of(&journal);
    let grant = grants.iter().find(|grant| grant.member == team).unwrap();
    let grant = grant.id;
    Scene {
        world,
        berger,
        keller,
        iseli,
        number,
        journal,
        grant,
    }
}

impl Scene {
    /// Changes what Iseli's team may do.
    ///
    /// # Panics
    /// Where a step fails.
    pub fn set_role(&mut self, role: Role) {
        let grant = self.grant;
        self.change(vec![Effect::SetRole { grant, role }], false);
    }

    /// Berger changes the journal's log and syncs.
    ///
    /// # Panics
    /// Where a step fails.
    pub fn change(&mut self, effects: Vec<Effect>, rotate: bool) {
        let berger = &mut self.berger.nahtlos;
        berger
            .hostile_change(&self.journal, effects, rotate)
            .unwrap();
        self.berger.sync();
    }

    /// Each syncs once.
    ///
    /// # Panics
    /// Where a step fails.
    pub fn sync_all(&mut self) {
        for home in [&mut self.berger, &mut self.iseli, &mut self.keller] {
            home.sync();
        }
    }

    /// Numbers of the notes in a journal, ascending.
    ///
    /// # Panics
    /// Where a step fails.
    #[must_use]
    pub fn notes(&self, home: &Home) -> Vec<u64> {
        let lines = home.journal(&self.number);
        let mut notes: Vec<u64> = lines
            .iter()
            .filter_map(|line| line.split_once(": entry ")?.1.parse().ok())
            .collect();
        notes.sort_unstable();
        notes
    }

    /// The one envelope that `home` shows with this standing.
    ///
    /// # Panics
    /// Where there is none, or more than one.
    pub fn envelope(&self, home: &Home, standing: &str) -> EnvelopeId {
        let all = home.nahtlos.counting_of(&self.journal);
        let mut found = all.iter().filter(|(_, known, _)| known.contains(standing));
        let (id, ..) = found.next().expect("one with this standing");
        assert!(found.next().is_none(), "just one: {all:?}");
        *id
    }

    /// Every envelope of the journal, its verdict, and whether it is part of the document.
    #[must_use]
    pub fn standings(&self, home: &Home) -> Vec<(EnvelopeId, String, bool)> {
        home.nahtlos.counting_of(&self.journal)
    }
}

fn entry(number: u64) -> EntryId {
    EntryId::from_random((FIRST_NOTE + number).to_be_bytes())
}

/// A note that corrects another one: it needs it.
///
/// # Panics
/// Never.
#[must_use]
pub fn correction(number: u64, of: u64) -> Edit {
    Edit::Journal(JournalEdit::AddEntry {
        id: entry(number),
        at: None,
        kind: JournalKind::Note,
        text: JournalText::parse(&format!("entry {number}")).unwrap(),
        correction_of: Some(entry(of)),
    })
}

/// Types notes, offline.
///
/// # Panics
/// Where the journal may not be written.
pub fn type_notes(home: &mut Nahtlos, number: &str, notes: &[u64]) {
    let edits: Vec<Edit> = notes.iter().copied().map(note).collect();
    home.edit_case(number, &edits).unwrap();
}

/// Somebody who joins Berger's team and has not synced yet.
///
/// # Panics
/// Where a step fails.
#[must_use]
pub fn newcomer(scene: &mut Scene, name: &str) -> Home {
    let berger = &mut scene.berger;
    let status = berger.nahtlos.status().unwrap();
    let directory = berger.nahtlos.directory().unwrap();
    let team = directory.find_team(&status.team.unwrap()).unwrap();
    let invitation = berger
        .nahtlos
        .invite_person(&team, Role::Write, name)
        .unwrap();
    berger.sync();
    let mut home = scene.world.home(name);
    let introduction = nahtlos_client::Introduction {
        name: name.into(),
        function: "officer".into(),
    };
    let mut transport = scene.world.transport();
    let joined = home
        .nahtlos
        .join_as_person(&mut transport, &invitation, &introduction);
    joined.unwrap();
    berger.sync();
    home
}

/// A line to the relay on which items are hidden, added or shuffled. (A relay could do the same.)
pub struct Line {
    inner: HttpTransport,
    relay: SigningKey,
    /// Nobody's envelopes arrive.
    pub hides_envelopes: bool,
    /// Envelopes that were pushed.
    pub pushed: Vec<Vec<u8>>,
    /// An envelope that is served with a receipt of the journal's beginning.
    pub serves_backdated: Option<Vec<u8>>,
    /// The line breaks as soon as the relay has done something with what was pushed.
    pub breaks: bool,
    /// These envelopes never arrive.
    pub drops: Vec<EnvelopeId>,
    /// Items arrive in an order that this number makes.
    pub shuffles: Option<u64>,
}

impl Line {
    /// A line on which nothing is changed.
    ///
    /// # Panics
    /// Where the relay's key cannot be read.
    #[must_use]
    pub fn to(world: &World) -> Self {
        let database = world.directory.path().join("relay/relay.sqlite");
        let connection = rusqlite::Connection::open(database).unwrap();
        let seed: [u8; 32] = connection
            .query_row("SELECT seed FROM identity", [], |row| row.get(0))
            .unwrap();
        Self {
            inner: world.transport(),
            relay: SigningKey::from_seed(&Secret32::from_bytes(seed)),
            hides_envelopes: false,
            pushed: Vec::new(),
            serves_backdated: None,
            breaks: false,
            drops: Vec::new(),
            shuffles: None,
        }
    }

    fn backdated(&self, bytes: Vec<u8>, journal: JournalId) -> Item {
        let id = Envelope::decode(&bytes).unwrap().id();
        let batch = Batch {
            journal,
            accepted_at_ms: 1_700_000_000_000,
            items: vec![(1, ItemId::from(id))],
        };
        Item {
            kind: ItemKind::Envelope,
            bytes,
            receipt: batch.receipts(&self.relay).remove(0),
            wraps: Vec::new(),
        }
    }
}

impl Transport for Line {
    fn post(
        &mut self,
        path: &str,
        token: Option<&str>,
        body: &[u8],
    ) -> Result<Answer, TransportError> {
        let mut answer = self.inner.post(path, token, body)?;
        if path != SYNC_PATH || answer.status != 200 {
            return Ok(answer);
        }
        let request: SyncRequest = codec::decode(body, 1 << 25).expect("a request");
        for item in request.push {
            if let PushItem::Envelope { bytes, .. } = item {
                self.pushed.push(bytes);
            }
        }
        let mut response: SyncResponse = codec::decode(&answer.body, 1 << 25).expect("a response");
        if self.breaks && !response.results.is_empty() {
            return Err(TransportError::Unreachable {
                url: "test".into(),
                reason: "the line broke".into(),
            });
        }
        response.items.retain(|item| {
            let envelope = Envelope::decode(&item.bytes);
            !envelope.is_ok_and(|envelope| self.drops.contains(&envelope.id()))
        });
        if self.hides_envelopes {
            response
                .items
                .retain(|item| item.kind != ItemKind::Envelope);
        }
        if let Some(bytes) = self.serves_backdated.take() {
            let item = self.backdated(bytes, response.journal_mark.journal);
            response.items.push(item);
        }
        if let Some(seed) = self.shuffles {
            response.items.sort_by_key(|item| {
                let mut hasher = DefaultHasher::new();
                (seed, &item.bytes).hash(&mut hasher);
                hasher.finish()
            });
        }
        answer.body = codec::encode(&response);
        Ok(answer)
    }
}
