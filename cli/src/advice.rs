//! Commands in advice, completed so that they can be typed as they stand.

/// What is known of the command line: goes into the commands that answers and failures advise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// `--home` as it was typed. The environment's needs no repeating.
    pub home: Option<String>,
    /// The case as it was named.
    pub case: Option<String>,
    /// The section as it was named.
    pub section: Option<String>,
}

impl Advice {
    /// Completes the commands in backticks: `--home`, `CASE` and `SECTION`.
    pub fn complete(&self, text: &str) -> String {
        let mut completed = String::with_capacity(text.len());
        for (position, part) in text.split('`').enumerate() {
            if position > 0 {
                completed.push('`');
            }
            let is_command = position % 2 == 1;
            if is_command {
                completed.push_str(&self.command(part));
            } else {
                completed.push_str(part);
            }
        }
        completed
    }

    fn command(&self, command: &str) -> String {
        // A command for another home names it.
        let home = match &self.home {
            Some(home) if !command.split(' ').any(|word| word == "--home") => Some(home),
            _ => None,
        };
        let words = command.split(' ').enumerate().map(|(position, word)| {
            match (position, word, home, &self.case, &self.section) {
                (0, "nahtlos", Some(home), ..) => format!("nahtlos --home {}", quoted(home)),
                (_, "CASE", _, Some(case), _) => quoted(case),
                (_, "SECTION", _, _, Some(section)) => quoted(section),
                _ => word.to_owned(),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

/// As a POSIX shell needs it.
pub fn quoted(word: &str) -> String {
    let plain = |character: char| {
        character.is_alphanumeric() || matches!(character, '/' | '.' | '-' | '_' | ':' | '=')
    };
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advised_commands_can_be_typed_as_they_stand() {
        let text = "Run `nahtlos sync`, then `nahtlos share explain CASE SECTION --for YOU`.";
        assert_eq!(Advice::default().complete(text), text);
        let advice = Advice {
            home: Some("/tmp/it's".into()),
            case: Some("ruth mo".into()),
            section: Some("plan".into()),
        };
        assert_eq!(
            advice.complete(text),
            r"Run `nahtlos --home '/tmp/it'\''s' sync`, then `nahtlos --home '/tmp/it'\''s' share explain 'ruth mo' plan --for YOU`."
        );
    }

    #[test]
    fn a_command_for_another_home_keeps_it() {
        let text = "Run `nahtlos member join --invitation FILE --home NEW_DIR`.";
        let advice = Advice {
            home: Some("old".into()),
            ..Advice::default()
        };
        assert_eq!(advice.complete(text), text);
    }

    #[test]
    fn words_outside_commands_stay() {
        let advice = Advice {
            case: Some("x".into()),
            ..Advice::default()
        };
        assert_eq!(advice.complete("the nahtlos CASE"), "the nahtlos CASE");
    }
}
