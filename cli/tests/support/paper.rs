//! Makes a paper through the program and reads its page.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;

use super::Home;

/// What stands on a page.
pub struct Paper {
    pub words: Vec<String>,
    pub text: String,
}

fn read(page: &Path) -> Paper {
    let html = std::fs::read_to_string(page).unwrap();
    let words = html.lines().filter_map(|line| {
        let word = line.trim().strip_prefix("<li>")?.strip_suffix("</li>")?;
        Some(word.to_owned())
    });
    let rest = html.split("<p class=\"text\">").nth(1).unwrap();
    Paper {
        words: words.collect(),
        text: rest.split("</p>").next().unwrap().to_owned(),
    }
}

/// Makes one, and gives back the words that are asked for.
pub fn make(home: &Home, page: &Path) -> Paper {
    let mut child = home
        .command()
        .args(["key", "paper", page.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while stderr.read_line(&mut line).unwrap() > 0 {
        if let Some(place) = line.trim().strip_prefix("Word ") {
            let place: usize = place.trim_end_matches(':').parse().unwrap();
            writeln!(stdin, "{}", read(page).words[place - 1]).unwrap();
        }
        line.clear();
    }
    assert!(child.wait().unwrap().success());
    read(page)
}
