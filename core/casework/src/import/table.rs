//! Tables of comma-separated values (RFC 4180), as spreadsheets write them: with commas, semicolons or tabs.

use super::ImportError;

/// Most rows of a table.
pub const ROWS_MAX: usize = 1_000_000;
/// Most bytes of a table.
pub const TABLE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Errors after which nobody reads on.
const ERRORS_MAX: usize = 100;
const SEPARATORS: [char; 3] = [',', ';', '\t'];
/// Characters by which a spreadsheet takes a cell for a formula.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Rows below a header, every one with as many cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// One row, and the line of the file in which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: usize,
    pub(super) cells: Vec<String>,
}

/// A text as it stands in a cell: an apostrophe first where a spreadsheet would run it as a formula. Reading
/// takes that apostrophe away again.
pub fn guarded(text: &str) -> String {
    match is_formula(text) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

/// What is in front of a formula, and not shown, does not make it harmless; and what is guarded by hand is
/// guarded once more, so that exactly one apostrophe goes away again.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches([' ', '\n', '\''])
        .starts_with(FORMULA_STARTS)
}

fn unguarded(cell: String) -> String {
    match cell.strip_prefix('\'') {
        Some(text) if is_formula(text) => text.to_owned(),
        _ => cell,
    }
}

impl Table {
    /// Reads a table as a whole or not at all. `columns` are the names that may stand in its header.
    pub(super) fn parse(bytes: &[u8], columns: &[&str]) -> Result<Self, Vec<ImportError>> {
        let text = decoded(bytes).map_err(|error| vec![error])?;
        let first = text.lines().next().unwrap_or_default();
        let known = |separator: &char| {
            let cells = first.split(*separator);
            cells
                .filter(|cell| columns.contains(&name_of(cell).as_str()))
                .count()
        };
        // Of several that fit equally well, the comma.
        let separator = SEPARATORS
            .into_iter()
            .rev()
            .max_by_key(known)
            .unwrap_or(',');
        let mut rows = Scan::new(text, separator).rows()?;
        if rows.is_empty() {
            return Err(vec![at(
                1,
                "",
                "empty",
                "the file is empty",
                header_of(columns),
            )]);
        }
        let header = rows.remove(0);
        let header = checked_header(header, columns)?;
        let errors: Vec<ImportError> = rows
            .iter()
            .filter(|row| row.cells.len() != header.len())
            .take(ERRORS_MAX)
            .map(|row| {
                at(
                    row.line,
                    "",
                    "cells",
                    format!(
                        "this row has {} cells and the header {}",
                        row.cells.len(),
                        header.len()
                    ),
                    "check for a missing or surplus separator; a cell that holds one stands in quotation marks",
                )
            })
            .collect();
        match errors.is_empty() {
            true => Ok(Self { header, rows }),
            false => Err(errors),
        }
    }
}

fn name_of(cell: &str) -> String {
    cell.trim().trim_matches('"').trim().to_lowercase()
}

fn checked_header(header: Row, columns: &[&str]) -> Result<Vec<String>, Vec<ImportError>> {
    let mut names: Vec<String> = Vec::new();
    let mut errors = Vec::new();
    for cell in &header.cells {
        let name = name_of(cell);
        if !columns.contains(&name.as_str()) {
            // The header is no value about a person, so it may be named.
            errors.push(at(
                header.line,
                &name.chars().take(40).collect::<String>(),
                "unknown_column",
                "there is no such column here",
                header_of(columns),
            ));
        } else if names.contains(&name) {
            errors.push(at(
                header.line,
                &name,
                "duplicate",
                "this column stands in the header twice",
                "take one of the two away",
            ));
        }
        names.push(name);
    }
    match errors.is_empty() {
        true => Ok(names),
        false => Err(errors),
    }
}

fn header_of(columns: &[&str]) -> String {
    format!(
        "the first row names its columns, some of: {}",
        columns.join(", ")
    )
}

/// UTF-8, with or without a mark at its beginning; anything else is named, not guessed.
fn decoded(bytes: &[u8]) -> Result<&str, ImportError> {
    const SAVE: &str = "save it as \"CSV UTF-8\"";
    if bytes.len() > TABLE_BYTES_MAX {
        return Err(at(
            1,
            "",
            "too_long",
            "the file has more than 64 MiB",
            "split it",
        ));
    }
    let has_zero = bytes.iter().take(1_000).any(|byte| *byte == 0);
    if has_zero || bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(at(
            1,
            "",
            "encoding",
            "this is UTF-16 or no text, not UTF-8",
            SAVE,
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let reason = "this is not UTF-8 from here on, but perhaps Latin-1 (Windows-1252)";
        at(line, "", "encoding", reason, SAVE)
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

pub(super) fn at(
    line: usize,
    path: &str,
    code: &'static str,
    reason: impl Into<String>,
    remedy: impl Into<String>,
) -> ImportError {
    let path = if path.is_empty() { "row" } else { path };
    ImportError {
        path: path.to_owned(),
        line: Some(line),
        code,
        reason: reason.into(),
        remedy: remedy.into(),
    }
}

/// Goes once through the text.
struct Scan<'a> {
    text: std::iter::Peekable<std::str::Chars<'a>>,
    separator: char,
    line: usize,
}

/// How a cell ended.
#[derive(PartialEq)]
enum End {
    Separator,
    Line,
    File,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str, separator: char) -> Self {
        Self {
            text: text.chars().peekable(),
            separator,
            line: 1,
        }
    }

    fn rows(mut self) -> Result<Vec<Row>, Vec<ImportError>> {
        let mut rows = Vec::new();
        while self.text.peek().is_some() {
            // The header is one more.
            if rows.len() > ROWS_MAX {
                let reason = format!("the table has more than {ROWS_MAX} rows");
                return Err(vec![at(
                    self.line,
                    "",
                    "too_many",
                    reason,
                    "split the file",
                )]);
            }
            let line = self.line;
            let mut cells = Vec::new();
            loop {
                let (cell, end) = self.cell().map_err(|error| vec![error])?;
                cells.push(cell);
                if end != End::Separator {
                    break;
                }
            }
            // A line without anything, as some programs leave at the end.
            if cells.iter().any(|cell| !cell.trim().is_empty()) {
                rows.push(Row { line, cells });
            }
        }
        Ok(rows)
    }

    fn next(&mut self) -> Option<char> {
        let next = self.text.next();
        if next == Some('\n') {
            self.line += 1;
        }
        next
    }

    fn cell(&mut self) -> Result<(String, End), ImportError> {
        match self.text.peek() {
            Some('"') => self.quoted_cell(),
            _ => self.plain_cell(),
        }
    }

    fn plain_cell(&mut self) -> Result<(String, End), ImportError> {
        let mut cell = String::new();
        let line = self.line;
        loop {
            match self.next() {
                None => return Ok((unguarded(cell), End::File)),
                Some('\n') => {
                    // Before a line feed it belongs to the line's end.
                    let cell = cell.strip_suffix('\r').map(str::to_owned).unwrap_or(cell);
                    return Ok((unguarded(cell), End::Line));
                }
                Some('"') => {
                    return Err(at(
                        line,
                        "",
                        "quotation",
                        "a quotation mark stands inside a cell that does not begin with one",
                        "put the cell in quotation marks and write those inside it twice",
                    ));
                }
                Some(next) if next == self.separator => {
                    return Ok((unguarded(cell), End::Separator));
                }
                Some(next) => cell.push(next),
            }
        }
    }

    fn quoted_cell(&mut self) -> Result<(String, End), ImportError> {
        let line = self.line;
        self.next();
        let mut cell = String::new();
        loop {
            match self.next() {
                None => {
                    return Err(at(
                        line,
                        "",
                        "quotation",
                        "a cell that begins with a quotation mark in this row never ends",
                        "close it; a quotation mark inside a cell is written twice",
                    ));
                }
                Some('"') if self.text.peek() == Some(&'"') => {
                    self.next();
                    cell.push('"');
                }
                Some('"') => break,
                Some(next) => cell.push(next),
            }
        }
        if self.text.peek() == Some(&'\r') {
            self.next();
        }
        match self.next() {
            None => Ok((unguarded(cell), End::File)),
            Some('\n') => Ok((unguarded(cell), End::Line)),
            Some(next) if next == self.separator => Ok((unguarded(cell), End::Separator)),
            Some(_) => Err(at(
                line,
                "",
                "quotation",
                "something stands behind the closing quotation mark of a cell in this row",
                "a quotation mark inside a cell is written twice",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COLUMNS: [&str; 3] = ["title", "due", "text"];

    fn refused(bytes: &[u8]) -> (Option<usize>, &'static str) {
        let errors = Table::parse(bytes, &COLUMNS).unwrap_err();
        let error = errors.first().unwrap();
        assert!(!error.reason.is_empty() && !error.remedy.is_empty());
        (error.line, error.code)
    }

    #[test]
    fn tables_of_different_spreadsheets_read_alike() {
        for text in [
            "title,due\r\n\"a, b; c\",2027-01-31\r\n",
            "\u{feff}Title;Due\n\"a, b; c\";2027-01-31\n\n",
            "title\tdue\n\"a, b; c\"\t2027-01-31",
            "\"title\",\"due\"\n\"a, b; c\",\"2027-01-31\"\n,\n",
        ] {
            let table = Table::parse(text.as_bytes(), &COLUMNS).unwrap();
            assert_eq!(table.header, ["title", "due"]);
            assert_eq!(table.rows.len(), 1, "{text:?}");
            let row = table.rows.first().unwrap();
            assert_eq!(row.cells, ["a, b; c", "2027-01-31"], "{text:?}");
            assert_eq!(row.line, 2);
        }
    }

    #[test]
    fn a_row_is_named_by_the_line_it_begins_in() {
        let text = "title,text\nx,\"two\nlines \"\"so\"\"\"\ny,z";
        let table = Table::parse(text.as_bytes(), &COLUMNS).unwrap();
        let lines: Vec<usize> = table.rows.iter().map(|row| row.line).collect();
        assert_eq!(lines, [2, 4]);
        assert_eq!(table.rows[0].cells[1], "two\nlines \"so\"");
    }

    #[test]
    fn another_encoding_is_named_with_its_line_and_never_guessed() {
        let utf_16: Vec<u8> = "title\nx"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(refused(&utf_16), (Some(1), "encoding"));
        assert_eq!(
            refused(&[&[0xff, 0xfe][..], &utf_16].concat()),
            (Some(1), "encoding")
        );
        assert_eq!(refused(b"title\nGr\xfcn\n"), (Some(2), "encoding"));
        assert!(
            Table::parse("title\nGrün\n".as_bytes(), &COLUMNS).is_ok(),
            "control"
        );
    }

    #[test]
    fn wrong_quotation_columns_and_cells_are_refused_with_their_line() {
        for (text, line, code) in [
            ("", 1, "empty"),
            ("\u{feff}", 1, "empty"),
            ("title,color\nx,y", 1, "unknown_column"),
            ("title,title\nx,y", 1, "duplicate"),
            ("title,due\nx", 2, "cells"),
            ("title,due\nx,y\nx,y,z", 3, "cells"),
            ("title\n\"x", 2, "quotation"),
            ("title\nx\n\"x\" y\n", 3, "quotation"),
            ("title\nx\"y\"\n", 2, "quotation"),
        ] {
            assert_eq!(refused(text.as_bytes()), (Some(line), code), "{text:?}");
        }
    }

    #[test]
    fn a_million_rows_are_read_and_one_more_is_refused() {
        let mut text = "title\n".to_owned();
        text.push_str(&"x\n".repeat(ROWS_MAX));
        assert_eq!(
            Table::parse(text.as_bytes(), &COLUMNS).unwrap().rows.len(),
            ROWS_MAX
        );
        text.push_str("x\n");
        assert_eq!(refused(text.as_bytes()).1, "too_many");
    }

    #[test]
    fn a_guarded_cell_is_no_formula_and_reads_as_what_it_was() {
        for text in [
            "=1+1", "'=1", "''-2", " +41", "\n@x", "-", "'", "it's", "a=b", "''",
        ] {
            let cell = guarded(text);
            let starts = cell.trim_start_matches([' ', '\n']);
            assert!(!starts.starts_with(FORMULA_STARTS), "{text:?}");
            assert_eq!(unguarded(cell), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_survives_a_cell(texts in proptest::collection::vec("[ -~\nä'\"=+@;,-]{1,12}", 1..6)) {
            let mut file = "title,text\r\n".to_owned();
            for text in &texts {
                let cell = guarded(text).replace('"', "\"\"");
                file.push_str(&format!("\"x\",\"{cell}\"\r\n"));
            }
            let table = Table::parse(file.as_bytes(), &COLUMNS).unwrap();
            let read: Vec<&String> = table.rows.iter().map(|row| &row.cells[1]).collect();
            prop_assert_eq!(read, texts.iter().collect::<Vec<_>>());
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Table::parse(&bytes, &COLUMNS);
        }
    }
}
