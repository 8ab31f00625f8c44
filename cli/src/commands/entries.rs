//! Entries of a section: from a number in a list, or the beginning of an identifier, to the entry.

use nahtlos_casework::fields::{EntryId, Field, Stored};
use nahtlos_client::ClientError;

use crate::exit::Exit;
use crate::failure::Failure;

/// Shortest beginning of an identifier that is looked for.
const PREFIX_MIN: usize = 3;

/// A fresh random identifier.
///
/// # Errors
/// Where the operating system gives no randomness.
pub fn new_id() -> Result<EntryId, Failure> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| {
        Failure::new(
            Exit::Failed,
            "no_randomness",
            "The operating system gives no randomness; nothing was changed.",
            "",
            "Restart the machine, then run the command again.",
        )
    })?;
    Ok(EntryId::from_random(bytes))
}

/// What is made with fresh identifiers. Randomness that fails once fails the whole command, before anything is stored.
///
/// # Errors
/// Where the operating system gives no randomness.
pub fn with_new_ids<T>(make: impl FnOnce(&mut dyn FnMut() -> EntryId) -> T) -> Result<T, Failure> {
    let mut failed = None;
    let made = make(&mut || {
        new_id().unwrap_or_else(|failure| {
            failed = Some(failure);
            EntryId::from_random([0; 8])
        })
    });
    failed.map_or(Ok(made), Err)
}

/// The entry that is meant: by its number in the list, its identifier, or the beginning of it.
///
/// # Errors
/// Where none or several match.
pub fn find<'a, T>(
    what: &'static str,
    input: &str,
    entries: &'a [(String, String, T)],
) -> Result<&'a T, ClientError> {
    let wanted = input.trim().to_lowercase();
    if let Some((_, _, entry)) = entries.iter().find(|(number, ..)| *number == wanted) {
        return Ok(entry);
    }
    let found: Vec<&(String, String, T)> = entries
        .iter()
        .filter(|(_, id, _)| wanted.len() >= PREFIX_MIN && id.starts_with(&wanted))
        .collect();
    match found.as_slice() {
        [(_, _, entry)] => Ok(entry),
        [] => Err(ClientError::NotFound {
            what,
            input: input.to_owned(),
        }),
        several => Err(ClientError::Ambiguous {
            what: "entries",
            input: input.to_owned(),
            matches: several.iter().map(|(_, id, _)| id.clone()).collect(),
        }),
    }
}

/// The identifier of an entry, if this version understands it.
///
/// # Errors
/// [`ClientError::NeedsNewer`].
pub fn known_id(id: &Stored<EntryId>) -> Result<EntryId, ClientError> {
    id.known().copied().ok_or(ClientError::NeedsNewer)
}

/// As much of an identifier as a list shows.
pub fn short_id(id: &Stored<EntryId>) -> String {
    id.canonical().chars().take(5).collect()
}

/// A stored value in words.
pub fn shown<F: Field>(value: &Option<Stored<F>>) -> Option<String> {
    value.as_ref().map(ToString::to_string)
}

/// A stored value for a table: nothing is an empty cell.
pub fn cell<F: Field>(value: &Option<Stored<F>>) -> String {
    shown(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<(String, String, u8)> {
        vec![
            ("1".into(), "abcde22222222".into(), 1),
            ("2".into(), "abcdf22222222".into(), 2),
        ]
    }

    #[test]
    fn an_entry_is_found_by_number_and_by_the_beginning_of_its_identifier() {
        let entries = entries();
        assert_eq!(*find("task", "2", &entries).unwrap(), 2);
        assert_eq!(*find("task", "ABCDE", &entries).unwrap(), 1);
    }

    #[test]
    fn an_unclear_or_unknown_entry_is_refused() {
        let entries = entries();
        assert_eq!(
            find("task", "abcd", &entries).unwrap_err().code(),
            "ambiguous"
        );
        for unknown in ["3", "", "ab", "xyz"] {
            assert_eq!(
                find("task", unknown, &entries).unwrap_err().code(),
                "not_found"
            );
        }
    }
}
