//! Who can open what, found by trying every device's keys on everything that the relay stores.

use nahtlos_casework::SectionKind;
use nahtlos_client::audit::KeyTrial;
use nahtlos_protocol::identifier::SpaceId;

use super::DemoError;
use super::matrix::{self, Cell, Column, Row, Table};
use super::narrator::Narrator;
use super::world::{Who, World};

pub use super::matrix::Stored;

/// The sections that Ruth Mosimann's consent is about.
pub const SHARED: [SectionKind; 6] = [
    SectionKind::Core,
    SectionKind::Function,
    SectionKind::Journal,
    SectionKind::Tasks,
    SectionKind::Plan,
    SectionKind::Labour,
];

/// Documents of the first case on five devices, the ledger on those of the lead's team: `function` is not for
/// social aid.
pub const DOCUMENTS: usize = 5 * SHARED.len() - 1 + 2;

const DIRECTORY: &str = "who";
const LEDGERS: &str = "ledger";
const SLICE: &str = "slice";
const JOURNAL_AND_ACCESS: &str = "journal, access";

/// Whether somebody has a section of the first case: by the consent, or as the lead's team.
pub fn may_open(who: Who, kind: &SectionKind) -> bool {
    match who {
        Who::Berger | Who::Trachsel => true,
        Who::Iseli | Who::Keller => SHARED.contains(kind),
        Who::Sommer => SHARED.contains(kind) && *kind != SectionKind::Function,
        Who::Ruegg | Who::Gerber => false,
    }
}

/// Tries all keys.
///
/// # Errors
/// [`DemoError`].
pub fn tell(
    world: &mut World,
    first: &str,
    second: &str,
    enquiries: &[(Who, SpaceId)],
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    narrator.step("Who can open what: every device's keys, tried on what the relay stores")?;
    let stored = Stored::read(&world.relay_database())?;
    narrator.say(format!(
        "{} envelopes and {} wrapped keys, read from the relay's file. No permission is asked, and each device is",
        stored.envelopes.len(),
        stored.wraps.len()
    ))?;
    narrator.say("handed all wrapped keys, as by a relay that sides with it. First the directory, the enquiries and Ruth's case:")?;
    let columns = columns(world, first, second, enquiries)?;
    let mut rows = Vec::new();
    for home in &world.homes {
        narrator.busy(format!("trying {}'s keys", home.who.last_name()));
        let mut trial = home.nahtlos.key_trial()?;
        trial.take_wraps(&stored.wraps(), &stored.operations);
        rows.push(Row::by_trial(
            home.who.name(),
            &trial,
            &stored.envelopes,
            &columns,
            |column| expected(home.who, column),
        ));
    }
    let mut trial = KeyTrial::of_device(*stored.relay_secret);
    trial.take_wraps(&stored.wraps(), &stored.operations);
    rows.push(Row::by_trial(
        "the relay",
        &trial,
        &stored.envelopes,
        &columns,
        |_| false,
    ));
    for line in matrix::lines(Table::First, &columns, &rows) {
        narrator.say(line)?;
    }
    narrator.say("And Emir's case:")?;
    for line in matrix::lines(Table::Second, &columns, &rows) {
        narrator.say(line)?;
    }
    claim(&columns, &rows, &stored, narrator)
}

fn claim(
    columns: &[Column],
    rows: &[Row],
    stored: &Stored,
    narrator: &mut Narrator<'_>,
) -> Result<(), DemoError> {
    let differences = matrix::differences(columns, rows);
    for difference in &differences {
        narrator.say(difference)?;
    }
    let covered = stored.envelopes.iter().all(|envelope| {
        let space = envelope.header().space;
        columns.iter().any(|column| column.spaces.contains(&space))
    });
    narrator.claim(
        format!(
            "All {} cells are as consents and laws say, and every stored envelope is in one column.",
            columns.len() * rows.len()
        ),
        differences.is_empty() && covered,
    )?;
    let all_are = |cell: Cell, row: Option<&Row>, table: Table| {
        row.is_some_and(|row| {
            let all = row.cells.iter().zip(columns);
            let mut these = all.filter(|(_, column)| column.table == table).peekable();
            these.peek().is_some() && these.all(|(found, _)| *found == cell)
        })
    };
    narrator.claim(
        "Control: with Berger's keys every envelope of her case opens, so the trial can succeed.",
        all_are(Cell::All, rows.first(), Table::First),
    )?;
    narrator.claim(
        "The one secret on the relay's disk, its signing key, opens nothing.",
        [Table::First, Table::Second]
            .iter()
            .all(|table| all_are(Cell::None, rows.last(), *table)),
    )?;
    narrator.claim(
        "Emir's case is closed even to Berger, who founded the network.",
        all_are(Cell::None, rows.first(), Table::Second),
    )?;
    Ok(())
}

fn expected(who: Who, column: &Column) -> bool {
    if column.table == Table::Second {
        return match column.title.as_str() {
            "core" | "function" => matches!(who, Who::Ruegg | Who::Iseli | Who::Keller),
            SLICE => matches!(who, Who::Ruegg | Who::Gerber),
            JOURNAL_AND_ACCESS => matches!(who, Who::Ruegg | Who::Keller),
            _ => who == Who::Ruegg,
        };
    }
    match column.title.as_str() {
        DIRECTORY => true,
        LEDGERS => matches!(who, Who::Berger | Who::Trachsel),
        "iv" => matches!(who, Who::Berger | Who::Trachsel | Who::Iseli),
        "soz" => matches!(who, Who::Berger | Who::Trachsel | Who::Sommer),
        code => may_open(who, &SectionKind::from_code(code)),
    }
}

/// The directory, the enquiries, and the sections of both cases.
fn columns(
    world: &mut World,
    first: &str,
    second: &str,
    enquiries: &[(Who, SpaceId)],
) -> Result<Vec<Column>, DemoError> {
    let column = |title: String, spaces: Vec<SpaceId>| Column {
        title,
        table: Table::First,
        spaces,
    };
    let berger = &world.home(Who::Berger)?.nahtlos;
    let keys = berger.key_lines()?;
    let network = keys.iter().find(|line| line.kind == "network");
    let network = network.and_then(|line| SpaceId::from_hex(&line.id));
    let mut columns = vec![column(DIRECTORY.into(), network.into_iter().collect())];
    for (who, space) in enquiries {
        let (_, kind) = who.institution();
        columns.push(column(kind.into(), vec![*space]));
    }
    let case = berger.find_case(first)?;
    for kind in &SHARED {
        columns.push(column(kind.code(), vec![case.section(kind)?]));
    }
    let others = case
        .sections
        .iter()
        .filter(|(kind, _)| !SHARED.contains(kind));
    let others = others.map(|(_, space)| *space).collect();
    columns.push(column(LEDGERS.into(), others));
    columns.extend(second_case(world, second)?);
    Ok(columns)
}

/// What of the second case is read by the same people stands in one column.
fn second_case(world: &mut World, number: &str) -> Result<Vec<Column>, DemoError> {
    let case = world.home(Who::Ruegg)?.nahtlos.find_case(number)?;
    let mut columns: Vec<Column> = Vec::new();
    for (kind, space) in &case.sections {
        let title = match kind {
            SectionKind::Core | SectionKind::Function => kind.code(),
            SectionKind::Journal | SectionKind::Access => JOURNAL_AND_ACCESS.to_owned(),
            kind if kind.as_slice().is_some() => SLICE.to_owned(),
            _ => "plan, tasks, ledger".to_owned(),
        };
        match columns.iter_mut().find(|column| column.title == title) {
            Some(column) => column.spaces.push(*space),
            None => columns.push(Column {
                title,
                table: Table::Second,
                spaces: vec![*space],
            }),
        }
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(who: Who, table: Table, titles: &[&'static str]) -> Vec<&'static str> {
        let column = |title: &str| Column {
            title: title.into(),
            table,
            spaces: Vec::new(),
        };
        let titles = titles.iter().copied();
        titles
            .filter(|title| expected(who, &column(title)))
            .collect()
    }

    #[test]
    fn the_expected_matrix_says_no_exactly_where_nothing_was_shared() {
        let first = [DIRECTORY, "iv", "soz", "core", "function", LEDGERS];
        let second = ["core", "function", SLICE, JOURNAL_AND_ACCESS, "plan"];
        for who in Who::ALL {
            let (of_first, of_second): (&[&str], &[&str]) = match who {
                Who::Berger | Who::Trachsel => (&first, &[]),
                Who::Iseli => (&[DIRECTORY, "iv", "core", "function"], &second[..2]),
                Who::Sommer => (&[DIRECTORY, "soz", "core"], &[]),
                Who::Keller => (
                    &[DIRECTORY, "core", "function"],
                    &["core", "function", JOURNAL_AND_ACCESS],
                ),
                Who::Ruegg => (&[DIRECTORY], &second),
                Who::Gerber => (&[DIRECTORY], &[SLICE]),
            };
            assert_eq!(open(who, Table::First, &first), of_first, "{who:?}");
            assert_eq!(open(who, Table::Second, &second), of_second, "{who:?}");
        }
    }
}
