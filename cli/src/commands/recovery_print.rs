//! `nahtlos recovery print`, and shares that are typed from print.

use std::path::Path;

use nahtlos_client::Nahtlos;
use nahtlos_client::recovery::{PrintedShare, TypedShare};
use serde_json::json;
use zeroize::Zeroizing;

use super::paper::escaped;
use super::paper_words;
use crate::context::{Context, NewFile};
use crate::failure::Failure;
use crate::output::Answer;

pub fn print(context: &Context, page: &Path) -> Result<Answer, Failure> {
    let nahtlos = context.open()?;
    let share = nahtlos.print_share()?;
    let file = NewFile::create(page)?;
    let html = Zeroizing::new(html(&share));
    file.write(html.as_bytes())?;
    let data = json!({
        "page": page, "share": share.index, "set": share.set, "check_words": share.check_words,
    });
    let said = format!(
        "Share {} is in {}. Its check words: {}",
        share.index,
        page.display(),
        share.check_words
    );
    Ok(Answer::sentence(data, said)
        .note(format!(
            "Print it now, then try the print: `nahtlos recovery verify --printed {}`. Then delete {}.",
            share.index,
            page.display()
        ))
        .note(
            "Whoever reads the page holds your share: lock it away, where the others' shares are not. A new \
             recovery key makes it worthless.",
        ))
}

/// Asks for the words of printed shares, one after the other.
pub fn typed(nahtlos: &Nahtlos, indices: &[u8]) -> Result<Vec<TypedShare>, Failure> {
    for index in indices {
        nahtlos.require_printed(*index)?;
    }
    let mut shares = Vec::new();
    for words in paper_words::ask_shares(indices)? {
        let (index, words) = words;
        shares.push(nahtlos.read_printed_share(index, &words)?);
    }
    Ok(shares)
}

/// A page that needs nothing else and fits one sheet.
fn html(share: &PrintedShare) -> String {
    let words: String = share
        .words
        .iter()
        .map(|word| format!("<li>{word}</li>\n"))
        .collect();
    PAGE.replace("{custodian}", &escaped(&share.custodian))
        .replace("{institution}", &escaped(&share.institution))
        .replace("{index}", &share.index.to_string())
        .replace("{threshold}", &share.threshold.to_string())
        .replace("{count}", &share.count.to_string())
        .replace("{set}", &share.set)
        .replace("{check}", &share.check_words)
        .replace("{words}", &words)
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>Nahtlos: share of a recovery key</title>
<style>
  body { font: 12pt/1.4 sans-serif; max-width: 44rem; margin: 2rem auto; color: #000; background: #fff; }
  h1 { font-size: 16pt; margin: 0 0 .3rem; }
  ol { columns: 3; font: bold 15pt/1.9 monospace; border: 2pt solid #000; padding: .6rem 1rem .6rem 3.4rem; }
  li { break-inside: avoid; }
  @media print { body { margin: 0; } @page { size: A4; margin: 18mm; } }
</style>
</head>
<body>
<h1>Nahtlos: share {index} of the recovery key of {institution}</h1>
<p>Held by {custodian}. Set {set}, check words <b>{check}</b>. Of {count} shares, {threshold} together open
it.</p>
<p>Keep this sheet locked away, and not where the other shares are; not photographed, not stored on a computer.</p>
<ol>
{words}</ol>
<p>When the recovery is carried out: give it to the person who does it, or type it there,
<b>nahtlos recovery use --printed {index} …</b>, which asks for the words. The set and the check words are
no secret: <b>nahtlos recovery</b> shows the same ones as long as this sheet is good. When it shows others, destroy it.</p>
<p lang="de">Anteil {index} am Wiederherstellungsschlüssel von {institution}. Unter Verschluss aufbewahren, getrennt von den
anderen, nicht fotografieren.</p>
<p lang="fr">Part {index} de la clé de récupération de {institution}. À conserver sous clé, séparée des autres, ne pas
photographier.</p>
</body>
</html>
"#;
