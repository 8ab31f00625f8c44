//! The words of a paper, as a person types them: hidden at a terminal, else from standard input. They
//! stand in no argument, no message and no file but the page.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::Path;

use nahtlos_client::paper::words::{self, WordsError};
use nahtlos_protocol::crypto::device_key::DeviceSeed;
use nahtlos_protocol::crypto::fingerprint::Fingerprint;
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::Failure;

/// 24 words of at most eight letters, with any gaps between them.
const BYTES_MAX: u64 = 4096;
/// How often one word may be typed.
const ATTEMPTS: usize = 3;

/// Asks for single words of a page that was just made, by their places from 1.
///
/// # Errors
/// Where one is not given back.
pub fn ask_back(page: &[&str], places: &[usize]) -> Result<(), Failure> {
    for place in places {
        let expected = place.checked_sub(1).and_then(|index| page.get(index));
        let mut attempts = 0..ATTEMPTS;
        let is_given = attempts.any(|attempt| {
            if attempt > 0 {
                show("That is not the word of that place: look at the print again.\n");
            }
            let typed = ask(&format!("Word {place}: "));
            typed.is_ok_and(|typed| Some(&typed.trim().to_lowercase().as_str()) == expected)
        });
        if !is_given {
            return Err(not_given_back(*place));
        }
    }
    Ok(())
}

/// All words of a paper.
///
/// # Errors
/// Where they are not those of this paper; it says where to look again.
pub fn ask_all(device: &Fingerprint) -> Result<DeviceSeed, Failure> {
    let typed = if io::stdin().is_terminal() {
        ask_one_by_one("the paper")?
    } else {
        let mut typed = Zeroizing::new(String::new());
        let read = io::stdin()
            .lock()
            .take(BYTES_MAX)
            .read_to_string(&mut typed);
        read.map_err(|error| Failure::file("read", Path::new("-"), &error))?;
        typed
    };
    words::read(&typed, device).map_err(wrong)
}

/// The words of printed shares, by their numbers: asked for one share after the other, or all of them from
/// standard input in the order of the numbers.
///
/// # Errors
/// Where they are not given.
pub fn ask_shares(indices: &[u8]) -> Result<Vec<(u8, Zeroizing<String>)>, Failure> {
    let mut shares = Vec::new();
    if io::stdin().is_terminal() {
        for index in indices {
            shares.push((*index, ask_one_by_one(&format!("share {index}"))?));
        }
        return Ok(shares);
    }
    let mut typed = Zeroizing::new(String::new());
    let read = io::stdin()
        .lock()
        .take(BYTES_MAX * indices.len() as u64)
        .read_to_string(&mut typed);
    read.map_err(|error| Failure::file("read", Path::new("-"), &error))?;
    let words: Vec<&str> = typed.split_whitespace().collect();
    let mut rest = words.as_slice();
    for (place, index) in indices.iter().enumerate() {
        let is_last = place + 1 == indices.len();
        let (these, after) = match rest.split_at_checked(words::WORDS) {
            Some(split) if !is_last => split,
            _ => (rest, [].as_slice()),
        };
        shares.push((*index, Zeroizing::new(these.join(" "))));
        rest = after;
    }
    Ok(shares)
}

/// A word that is in no list is asked for again at once.
fn ask_one_by_one(of_what: &str) -> Result<Zeroizing<String>, Failure> {
    show(&format!(
        "Type the words of {of_what}, one after the other. They are not shown.\n"
    ));
    let mut all = Zeroizing::new(String::with_capacity(words::WORDS * 9));
    for place in 1..=words::WORDS {
        loop {
            let typed = ask(&format!("Word {place}: "))?;
            let word = Zeroizing::new(typed.trim().to_lowercase());
            if words::is_known(&word) {
                all.push_str(&word);
                all.push(' ');
                break;
            }
            show("There is no such word in the list: look at its letters again.\n");
        }
    }
    Ok(all)
}

/// One line; at a terminal it is not shown.
fn ask(question: &str) -> Result<Zeroizing<String>, Failure> {
    if io::stdin().is_terminal() {
        let typed = rpassword::prompt_password(question);
        return typed.map(Zeroizing::new).map_err(|_| no_words());
    }
    show(&format!("{question}\n"));
    let mut line = Zeroizing::new(String::new());
    let read = io::stdin().lock().take(BYTES_MAX).read_line(&mut line);
    match read {
        Ok(bytes) if bytes > 0 => Ok(line),
        _ => Err(no_words()),
    }
}

/// Standard error; where nobody listens there is nobody to tell.
fn show(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

/// What is told of words that are not a paper's.
pub fn wrong(error: WordsError) -> Failure {
    let (code, what, why, next) = match error {
        WordsError::Count { found } => (
            "words_count",
            format!("There are {found} words; a paper has 24. Nothing was done."),
            "Words are separated by spaces or line breaks.",
            "Read the paper row by row, then run the command again.",
        ),
        WordsError::Unknown { position } => (
            "word_unknown",
            format!("Word {position} stands in no list of words; nothing was done."),
            "A letter of it is wrong or missing: all words are English, of three to eight letters.",
            "Look at this word on the paper again, then run the command again.",
        ),
        WordsError::WrongWord { position } => (
            "word_wrong",
            format!("Word {position} is not the one on this paper; nothing was done."),
            "It is another word of the list; all other words are right.",
            "Look at this word on the paper again, then run the command again.",
        ),
        WordsError::Exchanged { first, second } => (
            "words_exchanged",
            format!("Words {first} and {second} changed places; nothing was done."),
            "All words are this paper's; these two stand in the wrong order.",
            "Type them in the order of their numbers: run the command again.",
        ),
        WordsError::Checksum => (
            "words_checksum",
            "These are not the words of a paper; nothing was done.".to_owned(),
            "Each is a word of the list, but several of them, or their order, are wrong: they contradict \
             their checksum.",
            "Read the paper row by row, in the order of the numbers, then run the command again.",
        ),
        WordsError::OtherPaper => (
            "other_paper",
            "These are the words of another paper than the text belongs to; nothing was done."
                .to_owned(),
            "Words and text stand on one page: each paper has its own.",
            "Take both from the same page, then run the command again.",
        ),
    };
    Failure::new(Exit::Usage, code, what, why, next)
}

fn not_given_back(place: usize) -> Failure {
    Failure::new(
        Exit::Failed,
        "words_not_given_back",
        format!("Word {place} was not given back: no paper was made, and the page was deleted."),
        "A paper that was not printed, or not legibly, would help nobody when it is needed.",
        "Destroy what was printed, then run `nahtlos key paper FILE.html` again.",
    )
}

fn no_words() -> Failure {
    Failure::new(
        Exit::Usage,
        "words_missing",
        "The words were not given; nothing was done.",
        "",
        "Run the command again and type them, or give them on standard input.",
    )
}
