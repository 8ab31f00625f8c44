//! Comma-separated values (RFC 4180), for spreadsheets.

use nahtlos_casework::import::table::guarded;

/// Rows below a header, each cell in quotation marks. A cell that a spreadsheet would run as a formula
/// gets an apostrophe first, as somebody would type it who means the text.
pub fn render(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = line(header.iter().copied());
    for row in rows {
        text.push_str(&line(row.iter().map(String::as_str)));
    }
    text
}

fn line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.map(cell).collect();
    format!("{}\r\n", cells.join(","))
}

fn cell(text: &str) -> String {
    format!("\"{}\"", guarded(text).replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_keep_quotes_commas_and_line_breaks() {
        let rows = [vec!["a \"b\", c".to_owned(), "two\nlines".to_owned()]];
        assert_eq!(
            render(&["x", "y"], &rows),
            "\"x\",\"y\"\r\n\"a \"\"b\"\", c\",\"two\nlines\"\r\n"
        );
    }

    #[test]
    fn a_cell_that_a_spreadsheet_would_run_is_text() {
        for formula in [
            "=1+1",
            "+41 34 555 00 00",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            " =cmd|' /c calc'!A0",
            "\n=1",
        ] {
            let text = cell(formula);
            assert!(text.starts_with("\"'"), "{text}");
            assert!(
                text.contains(&formula.replace('"', "\"\"")),
                "nothing of it is lost"
            );
        }
        for harmless in ["", "Ruth Mosimann", "BE-2026-001-AA-001-X", "1=1", "a@b.ch"] {
            assert_eq!(cell(harmless), format!("\"{harmless}\""));
        }
    }
}
