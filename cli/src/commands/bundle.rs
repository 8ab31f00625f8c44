//! `nahtlos bundle`.

use std::fs::File;
use std::path::Path;

use nahtlos_client::bundle::{
    BundleError, BundleOrigin, BundleRequest, BundleScope, CarriedLine, Exported, Imported, Refusal,
};
use nahtlos_client::{ClientError, Nahtlos};
use serde_json::json;

use super::bundle_open;
use super::held_page::place_of;
use super::sync::count;
use crate::arguments::BundleCommand;
use crate::context::{Context, NewFile};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Answer, Page, dates, json};

pub fn run(context: &Context, command: BundleCommand) -> Result<Answer, Failure> {
    match command {
        BundleCommand::Export { to, cases, request } => {
            export(context, &to, &cases, request.as_deref())
        }
        BundleCommand::Request { to } => request(context, &to),
        BundleCommand::Import { file } => import(context, &file),
        BundleCommand::Open { file, key, case } => bundle_open::open(&file, &key, case.as_deref()),
    }
}

fn export(
    context: &Context,
    to: &Path,
    cases: &[String],
    request: Option<&Path>,
) -> Result<Answer, Failure> {
    let request = request.map(read_request).transpose()?;
    let mut nahtlos = context.open()?;
    let asked_by = request.as_ref().map(|one| nahtlos.request_origin(one));
    let scope = BundleScope {
        cases: (!cases.is_empty())
            .then(|| cases.iter().map(|case| nahtlos.find_case(case)).collect())
            .transpose()?,
        lacking: request,
    };
    // Made before anything is sealed: a path that cannot be written changes nothing.
    let file = NewFile::create(to)?;
    let exported = file.fill(|output| nahtlos.export_bundle(output, &scope))?;
    Ok(told_of_export(to, &exported, asked_by.as_ref()))
}

fn told_of_export(to: &Path, exported: &Exported, asked_by: Option<&BundleOrigin>) -> Answer {
    let mut said = format!(
        "The bundle is in {}: {} and {}.",
        to.display(),
        count(exported.operations, "change of access", "changes of access"),
        count(exported.envelopes, "signed edit", "signed edits"),
    );
    if exported.pending > 0 {
        said.push_str(&format!(
            " The relay does not have {} of them yet.",
            exported.pending
        ));
    }
    let mut data = json::value(exported);
    data["file"] = json!(to);
    data["for"] = json::value(&asked_by);
    let mut answer = Answer::sentence(data, said);
    if let Some(asked_by) = asked_by {
        answer = answer.note(format!(
            "It holds what the device of {} lacked on {}.",
            asked_by.by,
            dates::moment(asked_by.made_at_ms)
        ));
    }
    answer = answer.note(
        "On the other device: `nahtlos bundle import FILE`. Sections in it are sealed; who finds the file \
         reads no name and no content, but can count who wrote where and when.",
    );
    if exported.decisions_waiting > 0 {
        answer = answer.note(format!(
            "Not in it: {} that you decided; only a sync makes them.",
            count(
                exported.decisions_waiting,
                "change of access",
                "changes of access"
            )
        ));
    }
    if exported.not_sealed == 0 {
        return answer;
    }
    answer
        .note(format!(
            "Not in it: {} typed here, because the section waits for a key or for the relay. They are safe \
             here and go out with `nahtlos sync`.",
            count(exported.not_sealed, "edit", "edits")
        ))
        .exit(Exit::PartlyHeld)
}

fn request(context: &Context, to: &Path) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let file = NewFile::create(to)?;
    let requested = file.fill(|output| nahtlos.write_bundle_request(output))?;
    let mut data = json::value(&requested);
    data["file"] = json!(to);
    let said = format!(
        "The request is in {}. On the other device: `nahtlos bundle export --to FILE --for {}`.",
        to.display(),
        to.display()
    );
    Ok(Answer::sentence(data, said)
        .note("It holds numbers, no name and no content. Ask again when more has come in here."))
}

fn read_request(path: &Path) -> Result<BundleRequest, Failure> {
    let file = File::open(path).map_err(|error| Failure::file("read", path, &error))?;
    BundleRequest::read(file).map_err(|error| failed(error, path))
}

fn import(context: &Context, path: &Path) -> Result<Answer, Failure> {
    let mut file = open_file(path)?;
    let mut nahtlos = context.open()?;
    let imported = nahtlos
        .import_bundle(&mut file)
        .map_err(|error| match error {
            ClientError::Bundle(error) => failed(error, path),
            other => other.into(),
        })?;
    told_of_import(&nahtlos, &imported)
}

/// A bundle, before anybody types a passphrase for it.
pub fn open_file(path: &Path) -> Result<File, Failure> {
    if path.is_dir() {
        let error = std::io::Error::from(std::io::ErrorKind::IsADirectory);
        return Err(Failure::file("read", path, &error));
    }
    File::open(path).map_err(|error| Failure::file("read", path, &error))
}

fn told_of_import(nahtlos: &Nahtlos, imported: &Imported) -> Result<Answer, Failure> {
    let carried = nahtlos.carried_lines()?;
    let page = Page::default().fields(fields(imported)).fields(
        carried_in_words(nahtlos, &carried)
            .into_iter()
            .map(|line| ("the relay does not have yet", Some(line))),
    );
    let mut data = json::value(imported);
    data["carried"] = json::value(&carried);
    let mut answer = Answer::new(data, page);
    if !carried.is_empty() {
        answer = answer.note(
            "What the relay does not have yet is shown here and does not count before. `nahtlos sync` brings \
             it there; its authors' own devices do, too.",
        );
    }
    for one in &imported.refused {
        answer = answer.note(refusal_in_words(nahtlos, one));
    }
    let waiting = nahtlos
        .held_lines()?
        .iter()
        .filter(|line| waits(&line.reason))
        .count() as u64;
    if waiting > 0 {
        answer = answer.note(format!(
            "{} for something that neither this device nor the bundle has. `nahtlos sync` asks the relay for \
             it; if it does not come, the relay may withhold it: ask for a whole bundle.",
            count(waiting, "item waits", "items wait")
        ));
    }
    Ok(if imported.refused.is_empty() {
        answer
    } else {
        answer.exit(Exit::PartlyHeld)
    })
}

fn waits(reason: &str) -> bool {
    matches!(reason, "missing_parents" | "missing_log")
}

/// What came in, for people.
pub fn fields(imported: &Imported) -> Vec<(&'static str, Option<String>)> {
    let some = |number: u64, words: String| (number > 0).then_some(words);
    vec![
        ("written by", Some(origin_in_words(&imported.origin))),
        (
            "new here",
            Some(format!(
                "{}, {}",
                count(imported.envelopes, "signed edit", "signed edits"),
                count(imported.operations, "change of access", "changes of access")
            )),
        ),
        (
            "new, not with the relay",
            some(imported.pending, count(imported.pending, "item", "items")),
        ),
        (
            "known already",
            some(imported.known, count(imported.known, "item", "items")),
        ),
        (
            "left out",
            some(
                imported.not_shared,
                format!(
                    "{} of sections that are not shared with you",
                    count(imported.not_shared, "item", "items")
                ),
            ),
        ),
        (
            "needs a newer nahtlos",
            some(
                imported.needs_newer,
                count(imported.needs_newer, "item", "items"),
            ),
        ),
    ]
}

fn origin_in_words(origin: &BundleOrigin) -> String {
    format!("{}, {}", origin.by, dates::moment(origin.made_at_ms))
}

/// One line for each author and section.
pub fn carried_in_words(nahtlos: &Nahtlos, carried: &[CarriedLine]) -> Vec<String> {
    carried
        .iter()
        .map(|line| {
            let place = place_of(nahtlos, &line.space);
            let place = if place.is_empty() {
                String::new()
            } else {
                format!(" in {place}")
            };
            let what = match (line.is_new_section, line.edits) {
                (true, 0) => "a new section".to_owned(),
                (true, edits) => format!(
                    "a new section with {}",
                    count(edits, "signed edit", "signed edits")
                ),
                (false, edits) => count(edits, "signed edit", "signed edits"),
            };
            let state = match line.state {
                "waits" => "; not shown yet, it waits for something that has not arrived",
                "may_not_write" => "; not shown, they may not write there (any more)",
                "refused" => "; the relay refused it",
                _ => "",
            };
            format!("{what} of {}{place}{state}", line.author)
        })
        .collect()
}

fn refusal_in_words(nahtlos: &Nahtlos, refusal: &Refusal) -> String {
    let place = place_of(nahtlos, &refusal.space);
    let place = if place.is_empty() {
        String::new()
    } else {
        format!(" for {place}")
    };
    let why = match refusal.reason {
        "bad_signature" | "unknown_author" => {
            "it is not signed by who it names: forged, or altered on the way"
        }
        "no_receipt" => "a change of access counts only with the relay's receipt, and it has none",
        "place_taken" => "another change of access stands in its place",
        "not_admitted" => "its author's institution is not in your network",
        "needs_newer" => "a newer nahtlos wrote it",
        _ => "it contradicts what is known here",
    };
    format!(
        "Refused: {} in the name of {}{place}: {why}. Nothing of it was taken in; ask them whether it is theirs.",
        count(refusal.count, "item", "items"),
        refusal.author
    )
}

/// What a file is that is no bundle.
pub fn failed(error: BundleError, path: &Path) -> Failure {
    let code = error.code();
    let name = path.display();
    let say =
        |what: String, why: &str, next: &str| Failure::new(Exit::Failed, code, what, why, next);
    match error {
        BundleError::Io(error) => Failure::file("read", path, &error),
        BundleError::NotABundle => say(
            format!("{name} is no file of `nahtlos bundle`; nothing was changed."),
            "It begins with other bytes.",
            "Look which file you were given: `nahtlos bundle export` writes a bundle.",
        ),
        BundleError::NotARequest => say(
            format!("{name} is no request for a bundle; nothing was written."),
            "It begins with other bytes.",
            "Look which file you were given: `nahtlos bundle request` writes a request.",
        ),
        BundleError::IsRequest => say(
            format!("{name} is a request for a bundle, not a bundle; nothing was changed."),
            "It says what its writer has, so that you can write them the rest.",
            "Answer it: `nahtlos bundle export --to FILE --for REQUEST`.",
        ),
        BundleError::IsBundle => say(
            format!("{name} is a bundle, not a request for one; nothing was written."),
            "A request says what a device has; a bundle holds it.",
            "Take it in with `nahtlos bundle import FILE`, or export without `--for`.",
        ),
        BundleError::Damaged => say(
            format!("{name} is not whole; nothing was changed."),
            "It was cut short or changed on the way: the stick was pulled out too early, or the mail was altered.",
            "Copy it again from where it was written, or ask for a new one: `nahtlos bundle export`.",
        ),
        BundleError::NeedsNewer => say(
            format!("{name} was written by a newer nahtlos; nothing was changed."),
            "This version does not know its form.",
            "Update nahtlos, then run the command again; `nahtlos --version` shows the one you have.",
        ),
        BundleError::OtherNetwork => say(
            format!("{name} is of another network than yours; nothing was changed."),
            "A device is in one network, and takes in what belongs to that one.",
            "Use the home that is in that network: `--home DIR`.",
        ),
        BundleError::TooMuchCarried => say(
            format!(
                "{name} holds more without the relay's receipt than a device carries; nothing was changed."
            ),
            "20,000 items and 256 MiB at most, so that a made-up file cannot fill your disk.",
            "Run `nahtlos sync`, which brings what is here to the relay, then this command again; or ask for the \
             cases that you need: `nahtlos bundle export --case CASE`.",
        ),
        BundleError::NotForThisPaper => say(
            format!("{name} holds nothing for this paper."),
            "It was written before the paper was made and synced, or by somebody else: only a bundle of one of the \
             person's own devices opens with their paper.",
            "Take a bundle that a device of the same person wrote later.",
        ),
    }
}
