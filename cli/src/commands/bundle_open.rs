//! `nahtlos bundle open`: no home, no relay; what is shown is what the paper's person could read.

use std::path::{Path, PathBuf};

use nahtlos_client::bundle::{BundleError, Imported, OpenedBundle};
use nahtlos_client::paper::words;
use nahtlos_client::{Case, ClientError, Nahtlos};
use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::wire::paper::PaperText;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::bundle::{failed, fields, open_file};
use super::{case, case_title, device_restore, paper_words, section};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, json};

pub fn open(path: &Path, key: &Path, case: Option<&str>) -> Result<Answer, Failure> {
    let mut file = open_file(path)?;
    let (text, seed) = read_key(key)?;
    let directory = WorkingDirectory::make()?;
    let opened = OpenedBundle::open(&mut file, &directory.0, &seed, &text);
    let mut opened = opened.map_err(|error| match error {
        ClientError::Bundle(error) => failed(error, path),
        other => other.into(),
    })?;
    let imported = opened.imported().clone();
    let nahtlos = opened.replica()?;
    require_own(nahtlos, path)?;
    let cases = match case {
        Some(case) => vec![nahtlos.find_case(case)?],
        None => {
            let lines = nahtlos.cases()?.into_iter();
            let found: Result<Vec<Case>, _> =
                lines.map(|line| nahtlos.find_case(&line.id)).collect();
            found?
        }
    };
    let mut page = Page::default().fields(origin(nahtlos, &imported)?);
    page = match case {
        None => page.table(
            &case::HEADERS,
            nahtlos.cases()?.iter().map(case::row).collect(),
            "It holds no case that the paper's person can read.",
        ),
        Some(_) => page,
    };
    let mut shown = Vec::new();
    for one in &cases {
        let (data, full) = content(nahtlos, one)?;
        shown.push(data);
        if case.is_some() {
            page = page.append(full);
        }
    }
    let data = json!({ "bundle": json::value(&imported), "cases": shown });
    let answer = Answer::new(data, page)
        .note("Nothing of it stays on this machine. What stands here is what the bundle's writer had then.");
    Ok(match case {
        Some(_) => answer,
        None => answer.note("All of one case: the same command with `--case CASE`."),
    })
}

/// A colleague's bundle knows the paper's person, and has no key that the paper opens.
fn require_own(nahtlos: &Nahtlos, path: &Path) -> Result<(), Failure> {
    let person = nahtlos.identity().person.map(|person| person.to_string());
    let directory = nahtlos.directory().unwrap_or_default();
    let is_known = person.is_some_and(|person| directory.people.contains_key(&person));
    if is_known || !nahtlos.cases()?.is_empty() {
        return Ok(());
    }
    Err(failed(BundleError::NotForThisPaper, path))
}

fn origin(
    nahtlos: &Nahtlos,
    imported: &Imported,
) -> Result<Vec<(&'static str, Option<String>)>, Failure> {
    let mut shown = vec![("paper of", nahtlos.status()?.person)];
    let known = ["written by", "needs a newer nahtlos"];
    shown.extend(
        fields(imported)
            .into_iter()
            .filter(|(name, _)| known.contains(name)),
    );
    Ok(shown)
}

fn content(nahtlos: &Nahtlos, case: &Case) -> Result<(Value, Page), Failure> {
    let mut page = Page::default().title(case_title(nahtlos, case)?);
    let mut sections = serde_json::Map::new();
    for kind in case.sections.keys() {
        let title = Page::default().title(kind.titles()[2]);
        match section::read(nahtlos, case, kind, title) {
            Ok((data, full)) => {
                sections.insert(kind.code(), data);
                page = page.append(full);
            }
            Err(_) => page = page.line(format!("`{}` does not open with this paper.", kind.code())),
        }
    }
    Ok((
        json!({ "case": case.id.to_string(), "sections": sections }),
        page,
    ))
}

/// The paper's text, and its words: from the same file where they stand in it, else as they are typed.
fn read_key(key: &Path) -> Result<(PaperText, DeviceSeed), Failure> {
    let content = Zeroizing::new(input::read_text(key)?);
    let tokens: Vec<&str> = content.split_whitespace().collect();
    let split = tokens.len().checked_sub(words::WORDS);
    if let Some((text, typed)) = split.and_then(|at| tokens.split_at_checked(at))
        && typed
            .iter()
            .all(|word| words::is_known(&word.to_lowercase()))
        && let Ok(text) = text.join("").parse::<PaperText>()
    {
        let typed = Zeroizing::new(typed.join(" "));
        let seed = words::read(&typed, &text.device).map_err(paper_words::wrong)?;
        return Ok((text, seed));
    }
    let text = device_restore::parse(&content)?;
    let seed = paper_words::ask_all(&text.device)?;
    Ok((text, seed))
}

/// Where the encrypted working copy lies; it goes when this is dropped.
struct WorkingDirectory(PathBuf);

impl WorkingDirectory {
    fn make() -> Result<Self, Failure> {
        let random = getrandom::u64().map_err(|error| {
            Failure::new(
                Exit::Failed,
                "no_randomness",
                "This machine gives no random numbers; nothing was opened.",
                format!("The system says: {error}."),
                "Restart it, then run the command again.",
            )
        })?;
        let path = std::env::temp_dir().join(format!("nahtlos-bundle-{random:016x}"));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&path)
            .map_err(|error| Failure::file("written", &path, &error))?;
        Ok(Self(path))
    }
}

impl Drop for WorkingDirectory {
    fn drop(&mut self) {
        let _as_far_as_it_goes = std::fs::remove_dir_all(&self.0);
    }
}
