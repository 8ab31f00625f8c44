//! Drawing pages: tables with lines at a terminal, plain columns elsewhere.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, LineStyle, Row, Table, presets};

use super::page::{Block, Page};

const HEADING: Style = Style::new().bold();
const NAME: Style = AnsiColor::Cyan.on_default();
/// Columns below which a table is not fitted to the terminal.
const WIDTH_MIN: u16 = 60;

/// Draws a page. Styles are left in; who prints strips them where nobody sees them.
pub fn draw(page: &Page, at_terminal: bool) -> String {
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
            Block::Table { headers, rows } => draw_table(&mut text, headers, rows, at_terminal),
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

fn draw_table(text: &mut String, headers: &[String], rows: &[Vec<String>], at_terminal: bool) {
    let mut table = Table::new();
    if at_terminal {
        table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
        // Narrower, words break into letters; a terminal that does not know its width says 0.
        if table.width().is_some_and(|width| width >= WIDTH_MIN) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
    } else {
        table.force_no_tty().load_style(presets::NOTHING);
    }
    table.set_header(Row::from(headers));
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .map(|cell| {
                let cell = visible(cell);
                if at_terminal {
                    cell
                } else {
                    cell.replace('\n', " ")
                }
            })
            .collect();
        table.add_row(Row::from(cells));
    }
    for line in table.lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
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
}
