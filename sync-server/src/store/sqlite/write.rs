//! Writes, between `BEGIN IMMEDIATE` and `COMMIT`.

use std::time::Duration;

use nahtlos_protocol::envelope::EnvelopeKind;
use nahtlos_protocol::identifier::{InvitationId, ItemId, SpaceId};
use nahtlos_protocol::space::Wrap;
use nahtlos_protocol::wire::ItemKind;
use rusqlite::params;

use super::{SqliteStore, to_signed};
use crate::store::{Carry, Delivery, Identity, NewEnvelope, NewItem, Reader, Store, StoreError};

impl Store for SqliteStore {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.execute("BEGIN IMMEDIATE", [])
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let committed = self.execute("COMMIT", []);
        match committed {
            Ok(()) if self.log_holds_erased => self.empty_log(),
            Ok(()) => {}
            Err(_) => self.roll_back(),
        }
        committed
    }

    fn roll_back(&mut self) {
        if !self.connection.is_autocommit() {
            // Where rolling back fails too, SQLite has rolled back by itself.
            let _rolled_back_already = self.execute("ROLLBACK", []);
        }
    }

    fn put_identity(&mut self, identity: &Identity) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR REPLACE INTO identity
             (one, seed, journal, claim_key, network, restored, began_after, had_earlier)
             VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                identity.seed,
                identity.journal.0,
                identity.claim_key,
                identity.network.map(|network| network.0),
                identity.restored,
                to_signed(identity.began_after),
                identity.had_earlier
            ],
        )
    }

    fn put_item(&mut self, item: &NewItem<'_>) -> Result<(), StoreError> {
        let sequence = to_signed(item.sequence);
        self.execute(
            "INSERT INTO journal (sequence, kind, id, space, log_index, chain, offered)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                sequence,
                kind_number(item.kind),
                item.id.0,
                item.space.0,
                item.log_index.map(to_signed),
                item.chain.0,
                item.offered
            ],
        )?;
        if let Some(envelope) = &item.envelope {
            self.put_envelope(sequence, item.bytes.len(), envelope)?;
        }
        self.execute(
            "INSERT INTO body (sequence, bytes) VALUES (?1, ?2)",
            params![sequence, item.bytes],
        )
    }

    fn put_receipt(&mut self, sequence: u64, receipt: &[u8]) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO receipt (sequence, bytes) VALUES (?1, ?2)",
            params![to_signed(sequence), receipt],
        )
    }

    fn replace_receipt(&mut self, sequence: u64, receipt: &[u8]) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR REPLACE INTO receipt (sequence, bytes) VALUES (?1, ?2)",
            params![to_signed(sequence), receipt],
        )?;
        self.execute(
            "UPDATE journal SET offered = 1 WHERE sequence = ?1",
            [to_signed(sequence)],
        )
    }

    fn put_wrap(&mut self, operation: u64, wrap: &Wrap) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR IGNORE INTO wraps (operation, recipient, bytes) VALUES (?1, ?2, ?3)",
            params![to_signed(operation), wrap.recipient.0, wrap.bytes],
        )
    }

    fn promote(&mut self, sequence: u64) -> Result<(), StoreError> {
        self.execute(
            "UPDATE envelope SET held = 0 WHERE sequence = ?1",
            [to_signed(sequence)],
        )
    }

    fn drop_body(&mut self, sequence: u64) -> Result<(), StoreError> {
        self.execute(
            "DELETE FROM body WHERE sequence = ?1",
            [to_signed(sequence)],
        )
    }

    fn erase_content(&mut self, space: &SpaceId) -> Result<usize, StoreError> {
        self.log_holds_erased = true;
        let of_space = "SELECT sequence FROM journal WHERE space = ?1 AND kind = ";
        let dropped = self.connection.execute(
            &format!(
                "DELETE FROM body WHERE sequence IN ({of_space}2)
                 AND sequence NOT IN (SELECT sequence FROM envelope WHERE kind = 6)"
            ),
            [space.0],
        )?;
        self.execute(
            &format!("DELETE FROM wraps WHERE operation IN ({of_space}1)"),
            [space.0],
        )?;
        // Of an erasure `settled` says that it is one of an erased space; of a snapshot that nothing is left.
        self.execute(
            &format!(
                "UPDATE envelope SET settled = 1
                 WHERE kind IN (2, 6) AND settled = 0 AND sequence IN ({of_space}2)"
            ),
            [space.0],
        )?;
        Ok(dropped)
    }

    fn put_body_back(
        &mut self,
        space: &SpaceId,
        sequence: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO body (sequence, bytes) VALUES (?1, ?2)",
            params![to_signed(sequence), bytes],
        )?;
        self.execute(
            "UPDATE envelope SET settled = 0 WHERE kind = 2 AND sequence IN
             (SELECT sequence FROM journal WHERE space = ?1)",
            [space.0],
        )
    }

    fn settle(&mut self, snapshot: u64) -> Result<(), StoreError> {
        self.execute(
            "UPDATE envelope SET settled = 1 WHERE sequence = ?1",
            [to_signed(snapshot)],
        )
    }

    fn put_delivery(&mut self, feed: &SpaceId, delivery: Delivery) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO feed (feed, number, item) VALUES (?1, ?2, ?3)",
            params![feed.0, to_signed(delivery.number), to_signed(delivery.item)],
        )
    }

    fn put_carry(
        &mut self,
        space: &SpaceId,
        feed: &SpaceId,
        carry: Carry,
    ) -> Result<(), StoreError> {
        let (level, length) = match carry {
            Carry::Prefix(length) => (1, length),
            Carry::Log => (2, 0),
            Carry::Tree => (3, 0),
            Carry::Content => (4, 0),
        };
        self.execute(
            "INSERT OR REPLACE INTO carry (space, feed, level, length) VALUES (?1, ?2, ?3, ?4)",
            params![space.0, feed.0, level, to_signed(length)],
        )
    }

    fn put_membership(
        &mut self,
        member: &SpaceId,
        group: &SpaceId,
        since: u64,
    ) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR REPLACE INTO membership (member, space, since) VALUES (?1, ?2, ?3)",
            params![member.0, group.0, to_signed(since)],
        )
    }

    fn remove_membership(&mut self, member: &SpaceId, group: &SpaceId) -> Result<(), StoreError> {
        self.execute(
            "DELETE FROM membership WHERE member = ?1 AND space = ?2",
            params![member.0, group.0],
        )
    }

    fn put_usage(&mut self, institution: &SpaceId, bytes: u64) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR REPLACE INTO usage (institution, bytes) VALUES (?1, ?2)",
            params![institution.0, to_signed(bytes)],
        )
    }

    fn put_joined(&mut self, invitation: &InvitationId, item: &ItemId) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO joined (invitation, item) VALUES (?1, ?2)",
            params![invitation.0, item.0],
        )
    }

    fn probe(&mut self, now_ms: u64) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR REPLACE INTO probe (one, at_ms) VALUES (1, ?1)",
            [to_signed(now_ms)],
        )
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(Self::open_to_read(&self.path)?))
    }
}

impl SqliteStore {
    /// What was erased stood in the write-ahead log, too, until something else is written over it. Nobody is kept
    /// waiting for that: where somebody reads just now, the next commit tries again.
    fn empty_log(&mut self) {
        let emptied = self.connection.busy_timeout(Duration::ZERO).and_then(|()| {
            self.connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        });
        self.log_holds_erased = !matches!(emptied, Ok(0));
        // It is committed whatever comes of this, and the time to wait is the same for all that follows.
        let _as_before = self.connection.busy_timeout(super::BUSY_TIMEOUT);
    }

    fn put_envelope(
        &self,
        sequence: i64,
        bytes: usize,
        envelope: &NewEnvelope<'_>,
    ) -> Result<(), StoreError> {
        self.execute(
            "INSERT INTO envelope (sequence, kind, author, bytes, held, settled)
             VALUES (?1, ?2, ?3, ?4, ?5, 0)",
            params![
                sequence,
                envelope_number(envelope.kind),
                envelope.author.0,
                to_signed(bytes as u64),
                envelope.held
            ],
        )?;
        for parent in envelope.parents {
            self.execute(
                "INSERT OR IGNORE INTO parent (child, parent) VALUES (?1, ?2)",
                params![sequence, to_signed(*parent)],
            )?;
        }
        Ok(())
    }
}

/// As in the envelope's header.
fn envelope_number(kind: EnvelopeKind) -> u8 {
    match kind {
        EnvelopeKind::Changes => 1,
        EnvelopeKind::Snapshot => 2,
        EnvelopeKind::Blob => 3,
        EnvelopeKind::Attest => 4,
        EnvelopeKind::Dispute => 5,
        EnvelopeKind::Erasure => 6,
    }
}

fn kind_number(kind: ItemKind) -> u8 {
    match kind {
        ItemKind::Operation => 1,
        ItemKind::Envelope => 2,
        ItemKind::JoinRequest => 3,
    }
}
