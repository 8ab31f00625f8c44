//! What somebody types at the questions of a command goes into a draft in the vault, answer by answer and line by
//! line, until the change is stored (ADR 0058). One command runs at a time: what it has been told so far stands here,
//! so that no question of any command can forget it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;

use nahtlos_client::drafts::{Draft, DraftKeeper, TypedAnswer};
use nahtlos_client::{ClientError, Nahtlos};
use nahtlos_protocol::identifier::Nonce;

use crate::advice::quoted;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::{Answer, dates, visible};

/// Options that change nothing about what a command asks for. Those with a value stand with `true`.
const LEFT_OUT: [(&str, bool); 6] = [
    ("--json", false),
    ("--yes", false),
    ("--dry-run", false),
    ("--home", true),
    ("--tls-ca", true),
    ("--occasion", true),
];

thread_local! {
    static TYPING: RefCell<Typing> = RefCell::default();
}

/// What this command has been told so far.
#[derive(Default)]
struct Typing {
    /// Its words, without the program and what is left out.
    words: Vec<String>,
    case_word: Option<String>,
    case: Option<Nonce>,
    is_dry_run: bool,
    keeper: Option<DraftKeeper>,
    has_looked: bool,
    /// The draft of an earlier time that is gone on with.
    earlier: Option<Draft>,
    draft: Option<Draft>,
    asked: BTreeMap<String, u32>,
    is_declined: bool,
    cannot_keep: bool,
}

/// A question that was begun.
pub struct Question {
    text: String,
    repetition: u32,
    /// What was answered at an earlier time.
    pub earlier: Option<String>,
    /// Where its answer stands in the draft.
    position: Option<usize>,
}

/// A command begins, which was typed with these words.
pub fn begin(typed: &[OsString], case: Option<&str>) {
    let all: Vec<String> = typed
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let typing = Typing {
        is_dry_run: all.iter().any(|word| word == "--dry-run"),
        words: what_it_asks_for(&all),
        case_word: case.map(str::to_owned),
        ..Typing::default()
    };
    TYPING.set(typing);
}

/// The vault is open: what was and is typed can be kept.
pub fn vault_is_open(nahtlos: &Nahtlos) {
    if !input::may_ask() {
        return;
    }
    TYPING.with_borrow_mut(|typing| {
        let case = typing.case_word.as_deref();
        let case = case.and_then(|case| nahtlos.find_case(case).ok());
        typing.case = case.map(|case| case.id);
        typing.keeper = Some(nahtlos.draft_keeper());
        if typing.draft.is_some() {
            typing.store();
        }
    });
}

/// A question begins. Before the first one, what was typed for the same command and not stored is offered.
///
/// # Errors
/// Where nobody can be asked, or it is interrupted.
pub fn question(text: &str) -> Result<Question, Failure> {
    if let Some(found) = TYPING.with_borrow_mut(Typing::look)? {
        offer(found)?;
    }
    Ok(TYPING.with_borrow_mut(|typing| typing.ask(text)))
}

impl Question {
    /// What to ask.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The answer was refused and is asked for again: what was refused stays in the draft.
    pub fn again(&mut self) {
        (self.earlier, self.position) = (None, None);
    }

    /// Keeps what has been answered so far.
    pub fn keep(&mut self, answer: &str) {
        if answer.is_empty() || self.earlier.as_deref() == Some(answer) {
            return;
        }
        TYPING.with_borrow_mut(|typing| typing.keep(self, answer));
    }
}

/// Somebody said at the end that it is not to be done.
pub fn declined() {
    TYPING.with_borrow_mut(|typing| typing.is_declined = true);
}

/// The command has ended: a draft of what is stored now is discarded, of another one it is said how to go on.
pub fn end(answer: Result<Answer, Failure>) -> Result<Answer, Failure> {
    let mut typing = TYPING.take();
    let Some(draft) = typing.draft.take().or_else(|| typing.earlier.take()) else {
        return answer;
    };
    let is_stored = !typing.is_declined && !typing.is_dry_run;
    match answer {
        Ok(answer) if is_stored => Ok(match typing.discard(draft.number) {
            Ok(()) => answer,
            Err(_) => answer.note(format!(
                "The draft of it could not be removed: `nahtlos draft discard {}`.",
                draft.number
            )),
        }),
        Ok(answer) => Ok(answer.note(typing.how_to_go_on(&draft))),
        Err(mut failure) => {
            failure.next = format!("{} {}", failure.next, typing.how_to_go_on(&draft))
                .trim()
                .to_owned();
            Err(failure)
        }
    }
}

/// Somebody typed Ctrl-C.
pub fn interrupted() -> Failure {
    Failure::new(
        Exit::Interrupted,
        "interrupted",
        "Interrupted: nothing of this change was stored.",
        "",
        "",
    )
}

impl Typing {
    /// The draft of the same command that was typed last, once.
    fn look(&mut self) -> Result<Option<Draft>, Failure> {
        let Some(keeper) = &self.keeper else {
            return Ok(None);
        };
        if self.has_looked {
            return Ok(None);
        }
        self.has_looked = true;
        let purpose = self.purpose();
        let drafts = keeper.drafts()?;
        let mut same = drafts
            .into_iter()
            .filter(|draft| draft.purpose == purpose && draft.case == self.case);
        Ok(same.next_back())
    }

    fn ask(&mut self, text: &str) -> Question {
        let times = self.asked.entry(text.to_owned()).or_default();
        let repetition = *times;
        *times = times.saturating_add(1);
        let earlier = self.earlier.as_ref();
        let earlier = earlier.and_then(|draft| draft.answer(text, repetition));
        Question {
            text: text.to_owned(),
            repetition,
            earlier: earlier.map(str::to_owned),
            position: None,
        }
    }

    fn keep(&mut self, question: &mut Question, text: &str) {
        let mut draft = match (self.draft.take(), &self.earlier) {
            (Some(draft), _) => draft,
            (None, Some(earlier)) => earlier.clone(),
            (None, None) => Draft {
                number: 0,
                command: String::new(),
                purpose: String::new(),
                case: None,
                typed_at_ms: 0,
                answers: Vec::new(),
            },
        };
        let known = question.position.and_then(|at| draft.answers.get_mut(at));
        if let Some(known) = known {
            text.clone_into(&mut known.text);
        } else {
            question.position = Some(draft.answers.len());
            draft.answers.push(TypedAnswer {
                question: question.text.clone(),
                repetition: question.repetition,
                text: text.to_owned(),
            });
        }
        self.draft = Some(draft);
        self.store();
    }

    fn store(&mut self) {
        let (command, purpose, case) = (self.command(), self.purpose(), self.case);
        let (Some(keeper), Some(draft)) = (&mut self.keeper, &mut self.draft) else {
            return;
        };
        (draft.command, draft.purpose, draft.case) = (command, purpose, case);
        let kept = keeper.keep(draft);
        if kept.is_err() && !self.cannot_keep {
            input::show(
                "  What you type cannot be kept on this device now (is its disk full?): it stands on your screen alone \
                 until it is stored.\n",
            );
        }
        self.cannot_keep = kept.is_err();
    }

    fn discard(&self, number: u32) -> Result<(), ClientError> {
        match &self.keeper {
            Some(keeper) if number > 0 => keeper.discard(number),
            _ => Ok(()),
        }
    }

    fn how_to_go_on(&self, draft: &Draft) -> String {
        let command = self.command();
        if draft.number == 0 || self.cannot_keep {
            return format!(
                "What you typed could not be kept: it stands on your screen alone. Copy it from there and run `{command}`."
            );
        }
        format!(
            "What you typed is kept as a draft on this device: `{command}` goes on with it; `nahtlos draft show {}` \
             shows it.",
            draft.number
        )
    }

    /// As it can be typed again.
    fn command(&self) -> String {
        let words = self.words.iter().map(|word| quoted(word));
        let words: Vec<String> = std::iter::once("nahtlos".to_owned()).chain(words).collect();
        words.join(" ")
    }

    /// The same for every way to type it: the case stands apart.
    fn purpose(&self) -> String {
        let case = self.case.and(self.case_word.as_deref());
        let words = self.words.iter().map(|word| match case {
            Some(case) if case == word => "CASE".to_owned(),
            _ => word.to_lowercase(),
        });
        words.collect::<Vec<_>>().join("\n")
    }
}

/// The words of a command without those that change nothing about what it asks for.
fn what_it_asks_for(words: &[String]) -> Vec<String> {
    let mut left = Vec::new();
    let mut is_value = false;
    for word in words {
        if std::mem::take(&mut is_value) {
            continue;
        }
        let option = LEFT_OUT.iter().find(|(option, has_value)| {
            word == option
                || *has_value
                    && word
                        .strip_prefix(option)
                        .is_some_and(|rest| rest.starts_with('='))
        });
        match option {
            Some((option, has_value)) => is_value = *has_value && word == option,
            None => left.push(word.clone()),
        }
    }
    left
}

/// Shows what was typed at an earlier time, and lets the person go on with it, or begin anew.
fn offer(found: Draft) -> Result<(), Failure> {
    let when = dates::moment(found.typed_at_ms);
    input::show(&format!(
        "A draft of {when} was typed for this command and not stored:\n{}",
        in_words(&found)
    ));
    if input::agrees("Go on with it?", true)? {
        input::show(
            "  Enter takes what stands in [brackets]; a point alone leaves it empty. A text is taken over, and what you \
             type is added below it.\n",
        );
        return TYPING.with_borrow_mut(|typing| {
            typing.earlier = Some(found);
            let keeper = typing.keeper.as_mut();
            Ok(keeper.map_or(Ok(()), DraftKeeper::keep_open)?)
        });
    }
    if input::agrees("Discard it for good?", false)? {
        TYPING.with_borrow(|typing| typing.discard(found.number))?;
    }
    Ok(())
}

/// Its questions with what was answered.
fn in_words(draft: &Draft) -> String {
    let answers = draft.answers.iter().map(|answer| {
        let text = visible(&answer.text).replace('\n', "\n    ");
        format!("  {}:\n    {text}\n", answer.question)
    });
    answers.collect()
}
