//! `nahtlos list`: dated lists of names that an institution may replace.

use std::path::{Path, PathBuf};

use nahtlos_casework::fields::{Date, Field};
use nahtlos_casework::import::lists::{ListName, NameList};
use serde_json::json;

use super::sync::count;
use crate::arguments::ListCommand;
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, Page, json as as_json};

/// Where lists of one's own lie in a home.
const DIRECTORY: &str = "lists";

pub fn run(context: &Context, command: ListCommand) -> Result<Answer, Failure> {
    match command {
        ListCommand::Show { name, on } => show(context, &name, on.as_deref()),
        ListCommand::Check { file } => check(context, &file),
    }
}

fn show(context: &Context, name: &str, on: Option<&str>) -> Result<Answer, Failure> {
    let name = ListName::parse(name)?;
    let on = on.map(Date::parse).transpose()?;
    let own = own_file(context, name);
    let list = match own.exists() {
        true => read(&own)?,
        false => name.provided(),
    };
    let shown: Vec<_> = match on {
        Some(day) => list.on(day).cloned().collect(),
        None => list.entries.clone(),
    };
    let day = |day: &Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
    let rows = shown.iter().map(|named| {
        let canton = named.canton.map(|canton| canton.to_string());
        vec![
            named.code.clone(),
            named.de.clone(),
            named.fr.clone(),
            canton.unwrap_or_default(),
            day(&named.from),
            day(&named.to),
        ]
    });
    let headers = ["code", "German", "French", "canton", "from", "to"];
    let page = Page::default().table(
        &headers,
        rows.collect(),
        "Nothing is called so on that day.",
    );
    let is_own = own.exists();
    let data = json!({
        "list": name.code(),
        "extract": list.extract,
        "own": is_own,
        "entries": as_json::value(&shown),
    });
    let answer = Answer::new(data, page);
    Ok(match (is_own, list.extract) {
        (true, _) => answer.note(format!("From {}.", own.display())),
        (false, true) => answer.note(format!(
            "This is an extract that comes with the program: put a whole list in {}.",
            own.display()
        )),
        (false, false) => answer,
    })
}

fn check(context: &Context, file: &Path) -> Result<Answer, Failure> {
    let list = read(file)?;
    let place = own_file(context, list.list);
    let entries = count(list.entries.len() as u64, "entry", "entries");
    Ok(Answer::sentence(
        json!({ "list": list.list.code(), "entries": list.entries.len(), "place": place }),
        format!(
            "The list of {} can be used, with {entries}. Put it in {}.",
            list.list.code(),
            place.display()
        ),
    ))
}

fn read(file: &Path) -> Result<NameList, Failure> {
    NameList::parse(&input::read_text(file)?).map_err(|errors| {
        let mut failure = Failure::section_file(&errors);
        failure.what = format!("The list in {} is not usable.", file.display());
        failure.next =
            "Correct the places named above and check it with `nahtlos list check FILE`; or take \
             it away to use the list that comes with the program."
                .to_owned();
        failure
    })
}

/// Lists of one's own that cannot be read: they stand in for the program's, so nothing is called by its name then.
pub fn unusable(context: &Context) -> Vec<(PathBuf, Failure)> {
    let files = ListName::ALL.iter().map(|name| own_file(context, *name));
    files
        .filter(|file| file.exists())
        .filter_map(|file| {
            let failure = read(&file).err()?;
            Some((file, failure))
        })
        .collect()
}

fn own_file(context: &Context, name: ListName) -> std::path::PathBuf {
    let file = format!("{}.json", name.code());
    context.home.join(DIRECTORY).join(file)
}
