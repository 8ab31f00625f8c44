//! Drawing pages: tables with lines at a terminal, plain columns elsewhere.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Row, Table, Width, presets};

use super::page::{Block, Page};

const HEADING: Style = Style::new().bold();
const NAME: Style = AnsiColor::Cyan.on_default();
/// Blank after a cell at a terminal, in columns; the style's separator is one more.
const PADDING: u16 = 1;

/// Draws a page. Styles are left in; who prints strips them where nobody sees them.
pub fn draw(page: &Page, at_terminal: bool) -> String {
    let width = Table::new().width().map(usize::from);
    // A terminal that does not know its width says 0.
    draw_within(page, at_terminal, width.filter(|width| *width > 0))
}

fn draw_within(page: &Page, at_terminal: bool, width: Option<usize>) -> String {
    let mut text = String::new();
    for (position, block) in page.blocks.iter().enumerate() {
        match block {
            Block::Title(title) => {
                let gap = if position > 0 { "\n" } else { "" };
                let _ = writeln!(text, "{gap}{HEADING}{}{HEADING:#}", visible(title));
            }
            Block::Line(line) => {
                let _ = writeln!(text, "{}", visible(line));
            }
            Block::Fields(fields) => draw_fields(&mut text, fields),
            Block::Table { headers, rows } => {
                if at_terminal {
                    draw_at_terminal(&mut text, headers, rows, width);
                } else {
                    draw_plain(&mut text, headers, rows);
                }
            }
            Block::Verbatim(exact) => text.push_str(exact),
        }
    }
    text
}

/// What others typed, without characters that could steer a terminal.
pub fn visible(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' => '\n',
            '\t' => ' ',
            hidden if hidden.is_control() || is_reordering(hidden) => '\u{fffd}',
            plain => plain,
        })
        .collect()
}

/// Characters that show text in another order than it has.
fn is_reordering(character: char) -> bool {
    matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}')
}

fn draw_fields(text: &mut String, fields: &[(String, String)]) {
    let width = fields
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    for (name, value) in fields {
        let value = visible(value).replace('\n', &format!("\n{:width$}  ", ""));
        let _ = writeln!(text, "{NAME}{:width$}{NAME:#}  {value}", visible(name));
    }
}

/// One line a row, for programs that read lines.
fn draw_plain(text: &mut String, headers: &[String], rows: &[Vec<String>]) {
    let mut table = Table::new();
    table.force_no_tty().load_style(presets::NOTHING);
    table.set_header(Row::from(headers));
    for row in rows {
        let cells = row.iter().map(|cell| visible(cell).replace('\n', " "));
        table.add_row(Row::from(cells.collect::<Vec<_>>()));
    }
    print_table(text, &table);
}

/// Fitted to the width without ever breaking a number, a date or a word: first without the columns
/// that say nothing, then as blocks of fields.
fn draw_at_terminal(
    text: &mut String,
    headers: &[String],
    rows: &[Vec<String>],
    width: Option<usize>,
) {
    let all: Vec<usize> = (0..headers.len()).collect();
    let Some(width) = width else {
        text.push_str(&columns_drawn(headers, rows, &all, None));
        return;
    };
    let filled: Vec<usize> = all
        .iter()
        .copied()
        .filter(|column| rows.iter().any(|row| !cell_of(row, *column).is_empty()))
        .collect();
    for columns in [&all, &filled] {
        let drawn = columns_drawn(headers, rows, columns, Some(width));
        let mut words = columns
            .iter()
            .flat_map(|column| words(headers, rows, *column));
        let fits = drawn.lines().all(|line| line.chars().count() <= width);
        if fits && words.all(|word| drawn.contains(&word)) {
            text.push_str(&drawn);
            return;
        }
    }
    for (position, row) in rows.iter().enumerate() {
        if position > 0 {
            text.push('\n');
        }
        let fields: Vec<(String, String)> = filled
            .iter()
            .map(|column| (cell_of(headers, *column), cell_of(row, *column)))
            .filter(|(_, value)| !value.is_empty())
            .map(|(heading, value)| {
                let heading = match heading.as_str() {
                    "" => heading,
                    _ => format!("{heading}:"),
                };
                (heading, value)
            })
            .collect();
        draw_fields(text, &fields);
    }
}

/// A table at most as wide as asked, or wider where its longest words are.
fn columns_drawn(
    headers: &[String],
    rows: &[Vec<String>],
    columns: &[usize],
    width: Option<usize>,
) -> String {
    let of = |row: &[String]| -> Vec<String> {
        columns.iter().map(|column| cell_of(row, *column)).collect()
    };
    let fixed = |width: usize| Width::Fixed(u16::try_from(width).unwrap_or(u16::MAX));
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header(Row::from(of(headers)));
    for row in rows {
        table.add_row(Row::from(of(row)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, PADDING));
    }
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        table.set_constraints(columns.iter().map(|column| {
            let words = words(headers, rows, *column);
            let longest = words.iter().map(|word| word.chars().count()).max();
            ColumnConstraint::LowerBoundary(fixed(longest.unwrap_or(0) + usize::from(PADDING)))
        }));
    }
    let mut text = String::new();
    print_table(&mut text, &table);
    text
}

fn print_table(text: &mut String, table: &Table) {
    for line in table.lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// What may never be broken: the words of a column.
fn words(headers: &[String], rows: &[Vec<String>], column: usize) -> Vec<String> {
    let cells = rows.iter().map(|row| cell_of(row, column));
    cells
        .chain([cell_of(headers, column)])
        .flat_map(|cell| {
            let words = cell.split_whitespace().map(str::to_owned);
            words.collect::<Vec<_>>()
        })
        .collect()
}

fn cell_of(row: &[String], column: usize) -> String {
    row.get(column)
        .map(|cell| visible(cell))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_value_cannot_steer_the_terminal() {
        let page = Page::default()
            .line("ab\u{1b}[2Jc\u{202e}d")
            .fields([("name", Some("x\u{7}y".to_owned()))])
            .table(&["a"], vec![vec!["p\u{9b}q".into()]], "none");
        let drawn = anstream::adapter::strip_str(&draw(&page, false)).to_string();
        assert!(!drawn.contains('\u{1b}') && !drawn.contains('\u{7}') && !drawn.contains('\u{9b}'));
        assert!(drawn.contains("ab\u{fffd}[2Jc\u{fffd}d"));
        assert!(drawn.contains("p\u{fffd}q"));
    }

    #[test]
    fn a_table_is_one_line_a_row_where_nobody_looks() {
        let rows = vec![vec!["1".to_owned(), "two\nlines".to_owned()]];
        let page = Page::default().table(&["no", "text"], rows, "nothing");
        let drawn = draw(&page, false);
        assert_eq!(drawn.lines().count(), 2);
        assert!(drawn.contains("two lines"));
        let none = Page::default().table(&["no"], Vec::new(), "nothing");
        assert_eq!(draw(&none, false), "nothing\n");
    }

    #[test]
    fn a_table_at_a_narrow_terminal_breaks_no_number_and_no_date() {
        let headers = [
            "case",
            "name",
            "born",
            "phase",
            "next due",
            "new",
            "waiting",
            "conflicts",
        ];
        let row = |number: &str, name: &str| -> Vec<String> {
            [
                number,
                name,
                "17.05.1982",
                "reported",
                "02.10.2026",
                "",
                "11",
                "",
            ]
            .map(str::to_owned)
            .to_vec()
        };
        let rows = vec![
            row("BE-2026-001-BA-001-Y", "Ruth Mosimann"),
            row("BE-2026-001-BA-002-W", "Tesfay Gebremedhin"),
        ];
        let page = Page::default().table(&headers, rows, "none");
        for width in [200, 80, 50, 40] {
            let drawn = draw_within(&page, true, Some(width));
            let drawn = anstream::adapter::strip_str(&drawn).to_string();
            for whole in [
                "BE-2026-001-BA-001-Y",
                "17.05.1982",
                "02.10.2026",
                "Gebremedhin",
            ] {
                assert!(drawn.contains(whole), "{whole} at {width}:\n{drawn}");
            }
            let longest = drawn.lines().map(|line| line.chars().count()).max();
            assert!(longest.unwrap() <= width, "{width}:\n{drawn}");
            // Blocks only where columns do not fit, and empty columns only where they do.
            assert_eq!(drawn.contains("case:"), width < 80, "{width}:\n{drawn}");
            assert_eq!(
                drawn.contains("conflicts"),
                width == 200,
                "{width}:\n{drawn}"
            );
        }
    }
}
