//! `nahtlos key paper`.

use std::path::Path;

use nahtlos_casework::fields::{Field, Name};
use nahtlos_client::ClientError;
use nahtlos_client::paper::Paper;
use serde_json::json;
use zeroize::Zeroizing;

use super::paper_words;
use super::values::parse;
use crate::context::{Context, NewFile};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interruption::RemovedUnlessKept;
use crate::output::Answer;

/// How many words are asked for.
const ASKED: usize = 4;
/// Letters of the text that stand together on the page.
const GROUP: usize = 5;

pub fn make(context: &Context, page: &Path, name: &str) -> Result<Answer, Failure> {
    let name = parse::<Name>("name", name)?.canonical();
    let mut nahtlos = context.open()?;
    let paper = nahtlos.draw_paper().map_err(not_made)?;
    let owner = nahtlos.status()?.person.unwrap_or_default();
    let words = paper.words();
    let places = places(words.len())?;
    let file = NewFile::create(page)?;
    let html = Zeroizing::new(html(&paper, &owner, &name));
    file.write(html.as_bytes())?;
    let unless_given_back = RemovedUnlessKept::watch(page);
    say(&format!(
        "The page is in {}. Print it now, then type these words from the print. Until they are given back it is no \
         paper and brings nobody back: if you stop before that, delete the page and its print.",
        page.display()
    ));
    paper_words::ask_back(&words, &places)?;
    unless_given_back.keep();
    nahtlos.list_paper(&paper, &name)?;
    let fingerprint = paper.fingerprint();
    let data = json!({ "page": page, "device": fingerprint, "name": name });
    let said =
        format!("The paper is made: {name}, a device of yours with the fingerprint {fingerprint}.");
    Ok(Answer::sentence(data, said)
        .note(format!(
            "It is good with the next `nahtlos sync`. Delete {} once it is printed: whoever reads it \
             becomes you.",
            page.display()
        ))
        .note(
            "Lost all devices? `nahtlos device restore --paper` on a new one. Seen by somebody, or no \
             longer needed: `nahtlos device revoke`, with this fingerprint.",
        ))
}

fn not_made(error: ClientError) -> Failure {
    let is_revoked = matches!(error, ClientError::NoRight { .. });
    let mut failure = Failure::from(error);
    if is_revoked {
        failure.next = "Use `nahtlos key paper` on another device of yours.".into();
    }
    failure
}

/// Different places of a page, ascending, from 1.
fn places(words: usize) -> Result<Vec<usize>, Failure> {
    let mut places = std::collections::BTreeSet::new();
    while places.len() < ASKED.min(words) {
        let random = getrandom::u32().map_err(|error| {
            Failure::new(
                Exit::Failed,
                "no_randomness",
                "This machine gives no random numbers; nothing was made.",
                format!("The system says: {error}."),
                "Restart it, then run the command again.",
            )
        })?;
        places.insert(random as usize % words + 1);
    }
    Ok(places.into_iter().collect())
}

/// A page that needs nothing else and fits one sheet.
fn html(paper: &Paper, owner: &str, name: &str) -> String {
    let words: String = paper
        .words()
        .iter()
        .map(|word| format!("<li>{word}</li>\n"))
        .collect();
    let text = paper.text().to_string();
    let (prefix, letters) = text.split_at(text.rfind('-').map_or(0, |dash| dash + 1));
    let letters: Vec<char> = letters.chars().collect();
    let mut groups = vec![prefix.to_owned()];
    groups.extend(letters.chunks(GROUP).map(|group| group.iter().collect()));
    PAGE.replace("{owner}", &escaped(owner))
        .replace("{name}", &escaped(name))
        .replace("{fingerprint}", &paper.fingerprint())
        .replace("{words}", &words)
        .replace("{text}", &groups.join(" "))
}

/// A text as HTML shows it.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        // So that a name is never taken for one of the page's own places.
        .replace('{', "&#123;")
}

/// Standard error; where nobody listens there is nobody to tell.
fn say(text: &str) {
    use std::io::Write;
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "{text}");
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>Nahtlos: paper</title>
<style>
  body { font: 12pt/1.4 sans-serif; max-width: 44rem; margin: 2rem auto; color: #000; background: #fff; }
  h1 { font-size: 16pt; margin: 0 0 .3rem; }
  ol { columns: 3; font: bold 15pt/1.9 monospace; border: 2pt solid #000; padding: .6rem 1rem .6rem 3.4rem; }
  li { break-inside: avoid; }
  .text { font: 11pt/1.7 monospace; word-break: keep-all; }
  @media print { body { margin: 0; } @page { size: A4; margin: 18mm; } }
</style>
</head>
<body>
<h1>Nahtlos: paper of {owner}</h1>
<p>{name}, fingerprint {fingerprint}</p>
<p>Whoever reads these words becomes {owner}. Keep this sheet like a key to all files: locked away,
not photographed, not stored on a computer.</p>
<ol>
{words}</ol>
<p>When all your devices are lost: on a new one, run <b>nahtlos device restore --paper</b>. It asks for this
text, where spaces and line breaks do not matter, and then for the words. The text alone is no secret.</p>
<p class="text">{text}</p>
<p>Seen by somebody else? On a device of yours, run <b>nahtlos device revoke {fingerprint}</b>, make a new
paper, and destroy this one.</p>
<p lang="de">Wer diese Wörter liest, kann alles, was {owner} kann. Unter Verschluss aufbewahren, nicht
fotografieren. Alle Geräte verloren? Auf einem neuen: <b>nahtlos device restore --paper</b></p>
<p lang="fr">Qui lit ces mots peut tout ce que peut {owner}. À conserver sous clé, ne pas photographier. Tous les
appareils perdus? Sur un nouveau: <b>nahtlos device restore --paper</b></p>
</body>
</html>
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_different_ascending_and_on_the_page() {
        for _ in 0..50 {
            let places = places(24).unwrap();
            assert_eq!(places.len(), ASKED);
            assert!(places.is_sorted_by(|one, other| one < other), "{places:?}");
            assert!(places.iter().all(|place| (1..=24).contains(place)));
        }
    }

    #[test]
    fn a_name_is_text_on_the_page_whatever_it_holds() {
        assert_eq!(escaped("<b>&{words}"), "&lt;b&gt;&amp;&#123;words}");
    }
}
