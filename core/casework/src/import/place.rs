//! In which line of a file a value stands.

use std::collections::{BTreeMap, BTreeSet};

use super::ImportError;

/// Gives every error its line: where the value stands, or what it is missing in. The text was read as
/// JSON before.
pub(super) fn locate(json: &str, errors: &mut [ImportError]) {
    let lines = lines_of(json, errors.iter().map(|error| error.path.as_str()));
    for error in errors {
        let mut places = beginnings(&error.path);
        error.line = places.find_map(|place| lines.get(place).copied());
    }
}

/// The lines of these paths and of what they lie in, as far as they are there. The text was read as JSON
/// before.
pub(super) fn lines_of<'a>(
    json: &str,
    paths: impl Iterator<Item = &'a str>,
) -> BTreeMap<String, usize> {
    let mut scan = Scan {
        json,
        at: 0,
        line: 1,
        wanted: paths.flat_map(beginnings).map(str::to_owned).collect(),
        lines: BTreeMap::new(),
    };
    scan.value("$");
    scan.lines
}

/// A path and what it lies in, the innermost first.
fn beginnings(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |place| place.get(..place.rfind(['.', '['])?))
}

/// Goes once through a text that is JSON, as deep as its reader allowed; names only what is looked for.
struct Scan<'a> {
    json: &'a str,
    at: usize,
    line: usize,
    /// The paths that are looked for.
    wanted: BTreeSet<String>,
    /// Their lines.
    lines: BTreeMap<String, usize>,
}

impl Scan<'_> {
    fn value(&mut self, path: &str) {
        self.skip_space();
        let is_wanted = self.wanted.contains(path);
        if is_wanted {
            self.lines.insert(path.to_owned(), self.line);
        }
        match self.peek() {
            Some(b'{') => self.members(|scan, _| {
                scan.skip_space();
                let name = scan.string();
                scan.skip_space();
                scan.step();
                match is_wanted {
                    true => format!("{path}.{name}"),
                    false => String::new(),
                }
            }),
            Some(b'[') => self.members(|_, position| match is_wanted {
                true => format!("{path}[{position}]"),
                false => String::new(),
            }),
            Some(b'"') => {
                self.string();
            }
            _ => {
                while self
                    .peek()
                    .is_some_and(|byte| !b",]} \t\r\n".contains(&byte))
                {
                    self.step();
                }
            }
        }
    }

    /// The values of an object or a list, each behind what names it.
    fn members(&mut self, name: impl Fn(&mut Self, usize) -> String) {
        self.step();
        for position in 0.. {
            self.skip_space();
            match self.peek() {
                None => return,
                Some(b'}' | b']') => return self.step(),
                Some(b',') => self.step(),
                Some(_) => {}
            }
            let path = name(self, position);
            self.value(&path);
        }
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.step();
        while let Some(byte) = self.peek() {
            self.step();
            match byte {
                b'\\' => self.step(),
                b'"' => break,
                _ => {}
            }
        }
        let text = self.json.get(start..self.at).unwrap_or_default();
        serde_json::from_str(text).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.step();
        }
    }

    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    fn step(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line += 1;
        }
        self.at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(json: &str, path: &str) -> Option<usize> {
        let error = ImportError {
            path: path.to_owned(),
            line: None,
            code: "x",
            reason: String::new(),
            remedy: String::new(),
        };
        let mut errors = [error];
        locate(json, &mut errors);
        errors[0].line
    }

    #[test]
    fn a_value_is_found_where_it_begins_and_a_missing_one_where_it_is_missing() {
        let json =
            "{\n \"a\": [1, {\n  \"b\\n\\\"]\": \"x\ny\",\n  \"c\": true}\n ],\n \"d\":\n  {}}";
        // Line breaks cannot stand in a string of JSON: this one is for the scan alone.
        for (path, line) in [
            ("$", 1),
            ("$.a", 2),
            ("$.a[0]", 2),
            ("$.a[1]", 2),
            ("$.a[1].b\n\"]", 3),
            ("$.a[1].c", 5),
            ("$.a[1].missing", 2),
            ("$.d", 8),
            ("$.d.missing", 8),
            ("$.nowhere[3].at.all", 1),
        ] {
            assert_eq!(line_of(json, path), Some(line), "{path}");
        }
        assert_eq!(line_of("", "elsewhere"), None);
    }
}
