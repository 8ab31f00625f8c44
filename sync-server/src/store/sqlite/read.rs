//! Queries. Each is prepared once per connection and answered from an index.

use nahtlos_protocol::envelope::EnvelopeKind;
use nahtlos_protocol::identifier::{
    DeviceId, InvitationId, ItemId, JournalId, RecipientId, SpaceId,
};
use nahtlos_protocol::space::Wrap;
use nahtlos_protocol::wire::ItemKind;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{SqliteStore, to_signed, to_unsigned};
use crate::store::{
    Carry, Delivery, Facts, Found, Identity, KnownEnvelope, Reader, Related, StoreError, StoredItem,
};

impl Reader for SqliteStore {
    fn identity(&self) -> Result<Option<Identity>, StoreError> {
        let row = self
            .connection
            .query_row(
                "SELECT seed, journal, claim_key, network, restored, began_after, had_earlier FROM identity",
                [],
                |row| {
                    Ok((
                        row.get::<_, [u8; 32]>(0)?,
                        row.get::<_, [u8; 16]>(1)?,
                        row.get::<_, [u8; 32]>(2)?,
                        row.get::<_, Option<[u8; 32]>>(3)?,
                        row.get::<_, bool>(4)?,
                        row.get::<_, i64>(5)?,
                        row.get::<_, bool>(6)?,
                    ))
                },
            )
            .optional()?;
        Ok(row.map(
            |(seed, journal, claim_key, network, restored, began_after, had_earlier)| Identity {
                seed,
                journal: JournalId(journal),
                claim_key,
                network: network.map(SpaceId),
                restored,
                began_after: to_unsigned(began_after),
                had_earlier,
            },
        ))
    }

    fn facts(&self) -> Result<Facts, StoreError> {
        let last = |sql: &str| -> Result<u64, StoreError> {
            let last: Option<i64> = self.connection.query_row(sql, [], |row| row.get(0))?;
            Ok(last.map_or(0, to_unsigned))
        };
        let last_item = last("SELECT max(sequence) FROM journal")?;
        let feed_heads = rows(
            &self.connection,
            "SELECT feed, max(number) FROM feed GROUP BY feed",
            |row| Ok((SpaceId(row.get(0)?), to_unsigned(row.get(1)?))),
        )?;
        let last_delivery = feed_heads.iter().map(|(_, last)| *last).max().unwrap_or(0);
        let chain = self
            .connection
            .query_row(
                "SELECT chain FROM journal WHERE sequence = ?1",
                [to_signed(last_item)],
                |row| row.get(0),
            )
            .optional()?
            .map(ItemId);
        let carried = rows(
            &self.connection,
            "SELECT space, feed, level, length FROM carry",
            |row| {
                let level = row.get(2)?;
                let carry = carry_from(level, to_unsigned(row.get(3)?));
                Ok((SpaceId(row.get(0)?), SpaceId(row.get(1)?), carry))
            },
        )?;
        Ok(Facts {
            last_number: last_item.max(last_delivery),
            chain,
            carried,
            memberships: rows(
                &self.connection,
                "SELECT member, space, since FROM membership",
                |row| {
                    let since = to_unsigned(row.get(2)?);
                    Ok((SpaceId(row.get(0)?), SpaceId(row.get(1)?), since))
                },
            )?,
            feed_heads,
            usage: rows(
                &self.connection,
                "SELECT institution, bytes FROM usage",
                |row| Ok((SpaceId(row.get(0)?), to_unsigned(row.get(1)?))),
            )?,
            joined: rows(
                &self.connection,
                "SELECT invitation, item FROM joined",
                |row| Ok((InvitationId(row.get(0)?), ItemId(row.get(1)?))),
            )?,
        })
    }

    fn each_operation(
        &self,
        visit: &mut dyn FnMut(u64, Vec<u8>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT sequence, bytes FROM journal JOIN body USING (sequence)
             WHERE kind = 1 ORDER BY sequence",
        )?;
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            visit(to_unsigned(row.get(0)?), row.get(1)?)?;
        }
        Ok(())
    }

    fn find(&self, id: &ItemId) -> Result<Option<Found>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT sequence, journal.kind, space, envelope.kind, held, author
                 FROM journal LEFT JOIN envelope USING (sequence) WHERE id = ?1",
        )?;
        let row = statement
            .query_row([id.0.as_slice()], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, u8>(1)?,
                    row.get(2)?,
                    known_columns(row, 3)?,
                ))
            })
            .optional()?;
        row.map(|(sequence, kind, space, envelope)| {
            Ok(Found {
                sequence: to_unsigned(sequence),
                kind: kind_from(kind)?,
                space: SpaceId(space),
                envelope: known_envelope(envelope)?,
            })
        })
        .transpose()
    }

    fn item(&self, sequence: u64) -> Result<Option<StoredItem>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, journal.kind, space, body.bytes, receipt.bytes, chain, offered,
                 envelope.kind, held, author
             FROM journal LEFT JOIN body USING (sequence) LEFT JOIN receipt USING (sequence)
             LEFT JOIN envelope USING (sequence) WHERE sequence = ?1",
        )?;
        let row = statement
            .query_row([to_signed(sequence)], |row| {
                Ok((
                    ItemId(row.get(0)?),
                    row.get::<_, u8>(1)?,
                    SpaceId(row.get(2)?),
                    row.get(3)?,
                    row.get::<_, Option<Vec<u8>>>(4)?,
                    ItemId(row.get(5)?),
                    row.get(6)?,
                    known_columns(row, 7)?,
                ))
            })
            .optional()?;
        row.map(
            |(id, kind, space, bytes, receipt, chain, offered, envelope)| {
                Ok(StoredItem {
                    id,
                    kind: kind_from(kind)?,
                    space,
                    bytes,
                    envelope: known_envelope(envelope)?,
                    offered,
                    receipt: receipt.unwrap_or_default(),
                    chain,
                })
            },
        )
        .transpose()
    }

    fn sequences_after(&self, after: u64, limit: usize) -> Result<Vec<u64>, StoreError> {
        self.places(
            "SELECT sequence FROM journal WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
            params![to_signed(after), limit_of(limit)],
        )
    }

    fn log_places(&self, space: &SpaceId, from: u64, to: u64) -> Result<Vec<u64>, StoreError> {
        self.places(
            "SELECT sequence FROM journal
             WHERE space = ?1 AND kind = 1 AND log_index >= ?2 AND log_index < ?3
             ORDER BY sequence",
            params![space.0, to_signed(from), to_signed(to)],
        )
    }

    fn envelope_places(&self, space: &SpaceId) -> Result<Vec<u64>, StoreError> {
        self.places(
            "SELECT sequence FROM journal JOIN body USING (sequence)
             WHERE space = ?1 AND kind = 2 ORDER BY sequence",
            [space.0.as_slice()],
        )
    }

    fn held_places(&self, space: &SpaceId) -> Result<Vec<u64>, StoreError> {
        self.places(
            "SELECT sequence FROM journal JOIN envelope USING (sequence)
             WHERE space = ?1 AND journal.kind = 2 AND held = 1 ORDER BY sequence",
            [space.0.as_slice()],
        )
    }

    fn is_erased(&self, space: &SpaceId) -> Result<bool, StoreError> {
        let erased = self.places(
            "SELECT sequence FROM journal JOIN envelope USING (sequence)
             WHERE space = ?1 AND journal.kind = 2 AND envelope.kind = 6 AND settled = 1 LIMIT 1",
            [space.0.as_slice()],
        )?;
        Ok(!erased.is_empty())
    }

    fn erasures_by(&self, space: &SpaceId, author: &DeviceId) -> Result<u64, StoreError> {
        let said = self.places(
            "SELECT sequence FROM journal JOIN envelope USING (sequence)
             WHERE space = ?1 AND journal.kind = 2 AND envelope.kind = 6 AND author = ?2",
            params![space.0, author.0],
        )?;
        Ok(said.len() as u64)
    }

    fn kept_for(&self, author: &DeviceId) -> Result<(u64, u64), StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT count(*), ifnull(sum(bytes), 0) FROM envelope
             WHERE author = ?1 AND (held = 1 OR kind = 6) AND NOT (kind = 6 AND settled = 1)",
        )?;
        let (items, bytes) = statement.query_row([author.0.as_slice()], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
        Ok((to_unsigned(items), to_unsigned(bytes)))
    }

    fn ancestors(&self, sequence: u64, from: u64) -> Result<Vec<Related>, StoreError> {
        self.related(
            "WITH RECURSIVE above (sequence) AS (
                 SELECT parent FROM parent WHERE child = ?1 AND parent >= ?2
                 UNION
                 SELECT parent.parent FROM parent JOIN above ON parent.child = above.sequence
                 WHERE parent.parent >= ?2
             )
             SELECT sequence, id, envelope.kind, held, author, body.sequence IS NOT NULL
             FROM above JOIN journal USING (sequence) JOIN envelope USING (sequence)
             LEFT JOIN body USING (sequence) ORDER BY sequence",
            &[to_signed(sequence), to_signed(from)],
        )
    }

    fn children(&self, sequence: u64) -> Result<Vec<Related>, StoreError> {
        self.related(
            "SELECT journal.sequence, id, envelope.kind, held, author, body.sequence IS NOT NULL
             FROM parent JOIN journal ON journal.sequence = child
             JOIN envelope ON envelope.sequence = child
             LEFT JOIN body ON body.sequence = child
             WHERE parent = ?1 ORDER BY child",
            &[to_signed(sequence)],
        )
    }

    fn open_snapshots(&self) -> Result<Vec<u64>, StoreError> {
        self.places(
            "SELECT sequence FROM envelope WHERE kind = 2 AND settled = 0 ORDER BY sequence",
            [],
        )
    }

    fn chain_at(&self, number: u64) -> Result<Option<ItemId>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT chain FROM journal WHERE sequence <= ?1 ORDER BY sequence DESC LIMIT 1",
        )?;
        let chain = statement
            .query_row([to_signed(number)], |row| row.get(0))
            .optional()?;
        Ok(chain.map(ItemId))
    }

    fn delivered_places(&self, feed: &SpaceId) -> Result<Vec<u64>, StoreError> {
        self.places(
            "SELECT DISTINCT item FROM feed WHERE feed = ?1 ORDER BY item",
            [feed.0.as_slice()],
        )
    }

    fn deliveries(
        &self,
        feed: &SpaceId,
        after: u64,
        up_to: u64,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT number, item FROM feed WHERE feed = ?1 AND number > ?2 AND number <= ?3
             ORDER BY number LIMIT ?4",
        )?;
        let found = statement.query_map(
            params![feed.0, to_signed(after), to_signed(up_to), limit_of(limit)],
            |row| {
                Ok(Delivery {
                    number: to_unsigned(row.get(0)?),
                    item: to_unsigned(row.get(1)?),
                })
            },
        )?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    fn wraps(&self, operation: u64, recipients: &[RecipientId]) -> Result<Vec<Wrap>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT bytes FROM wraps WHERE operation = ?1 AND recipient = ?2")?;
        let mut wraps = Vec::new();
        for recipient in recipients {
            let bytes: Option<Vec<u8>> = statement
                .query_row(params![to_signed(operation), recipient.0], |row| row.get(0))
                .optional()?;
            wraps.extend(bytes.map(|bytes| Wrap {
                recipient: *recipient,
                bytes,
            }));
        }
        Ok(wraps)
    }
}

impl SqliteStore {
    fn related(&self, sql: &str, places: &[i64]) -> Result<Vec<Related>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut found = statement.query(rusqlite::params_from_iter(places))?;
        let mut related = Vec::new();
        while let Some(row) = found.next()? {
            related.push(Related {
                sequence: to_unsigned(row.get(0)?),
                id: ItemId(row.get(1)?),
                envelope: KnownEnvelope {
                    kind: envelope_kind(row.get(2)?)?,
                    held: row.get(3)?,
                    author: DeviceId(row.get(4)?),
                },
                has_body: row.get(5)?,
            });
        }
        Ok(related)
    }
}

/// Kind, held and author; none for what is no envelope.
type KnownColumns = Option<(u8, bool, [u8; 32])>;

/// The three columns from `first` on.
fn known_columns(row: &Row<'_>, first: usize) -> rusqlite::Result<KnownColumns> {
    let Some(kind) = row.get(first)? else {
        return Ok(None);
    };
    Ok(Some((kind, row.get(first + 1)?, row.get(first + 2)?)))
}

fn known_envelope(columns: KnownColumns) -> Result<Option<KnownEnvelope>, StoreError> {
    columns
        .map(|(kind, held, author)| {
            Ok(KnownEnvelope {
                kind: envelope_kind(kind)?,
                author: DeviceId(author),
                held,
            })
        })
        .transpose()
}

fn envelope_kind(number: u8) -> Result<EnvelopeKind, StoreError> {
    match number {
        1 => Ok(EnvelopeKind::Changes),
        2 => Ok(EnvelopeKind::Snapshot),
        3 => Ok(EnvelopeKind::Blob),
        4 => Ok(EnvelopeKind::Attest),
        5 => Ok(EnvelopeKind::Dispute),
        6 => Ok(EnvelopeKind::Erasure),
        other => Err(StoreError::Damaged {
            what: format!("an envelope of kind {other}"),
        }),
    }
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare(sql)?;
    let found = statement.query_map([], read)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn carry_from(level: u8, length: u64) -> Carry {
    match level {
        4 => Carry::Content,
        3 => Carry::Tree,
        2 => Carry::Log,
        _ => Carry::Prefix(length),
    }
}

fn kind_from(number: u8) -> Result<ItemKind, StoreError> {
    match number {
        1 => Ok(ItemKind::Operation),
        2 => Ok(ItemKind::Envelope),
        3 => Ok(ItemKind::JoinRequest),
        other => Err(StoreError::Damaged {
            what: format!("an item of kind {other}"),
        }),
    }
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
