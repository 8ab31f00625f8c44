//! The words of a printed plan, German and French.

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::Stored;
use nahtlos_casework::view::CoreView;
use nahtlos_client::{Case, Nahtlos};

/// Language of a printed page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// de-CH.
    German,
    /// fr-CH.
    French,
}

impl Language {
    /// Reads what was chosen; anything but `fr` is German.
    pub fn of(code: &str) -> Self {
        if code == "fr" {
            Self::French
        } else {
            Self::German
        }
    }

    /// The one that was named, else the client's language of correspondence where it is one of the two, else German;
    /// and what is to be said of it.
    pub fn for_client(nahtlos: &Nahtlos, case: &Case, named: Option<&str>) -> (Self, String) {
        if let Some(code) = named {
            let language = Self::of(code);
            return (language, format!("The page is in {}.", language.name()));
        }
        let core = nahtlos.section_document_unrecorded(case, &SectionKind::Core);
        let wished = core
            .ok()
            .and_then(|core| CoreView::read(&core).correspondence_language);
        let wished = wished
            .as_ref()
            .and_then(Stored::known)
            .map(|code| code.as_str());
        let language = Self::of(wished.unwrap_or("de"));
        let (other, name) = match language {
            Self::German => ("fr", language.name()),
            Self::French => ("de", language.name()),
        };
        let why = match wished {
            Some("de" | "fr") => "the client's language of correspondence",
            Some(_) => {
                "as pages are made in German and French, and the client's language of correspondence is another"
            }
            None => "as no language of correspondence is noted",
        };
        (
            language,
            format!(
                "The page is in {name}, {why}; `--language {other}` makes it in the other one."
            ),
        )
    }

    const fn name(self) -> &'static str {
        match self {
            Self::German => "German",
            Self::French => "French",
        }
    }

    /// For HTML.
    pub const fn code(self) -> &'static str {
        match self {
            Self::German => "de-CH",
            Self::French => "fr-CH",
        }
    }

    /// Of German, French (and English) the right one.
    pub fn pick(self, words: &[&'static str]) -> &'static str {
        let position = match self {
            Self::German => 0,
            Self::French => 1,
        };
        words.get(position).copied().unwrap_or_default()
    }

    /// The same with a capital letter, as it stands above a page.
    pub fn heading(self, words: &[&'static str]) -> String {
        let mut letters = self.pick(words).chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect()
    }

    /// The fixed words of the page.
    pub const fn words(self) -> &'static Words {
        match self {
            Self::German => &GERMAN,
            Self::French => &FRENCH,
        }
    }
}

/// Headings and sentences.
pub struct Words {
    pub title: &'static str,
    pub version: &'static str,
    pub code: &'static str,
    pub proposed: &'static str,
    pub lead: &'static str,
    pub goal: &'static str,
    pub step: &'static str,
    pub who: &'static str,
    pub when: &'static str,
    pub paid_by: &'static str,
    pub waits_for: &'static str,
    pub from: &'static str,
    pub until: &'static str,
    pub due: &'static str,
    pub review: &'static str,
    pub agreements: &'static str,
    pub risks: &'static str,
    pub other: &'static str,
    pub contested: &'static str,
    pub contested_on: &'static str,
    pub client: &'static str,
    pub ended: &'static str,
    pub signatures: &'static str,
    pub place_date: &'static str,
    pub signature: &'static str,
    pub agreed: &'static str,
    pub what_you_sign: &'static str,
}

const GERMAN: Words = Words {
    title: "Integrationsplan",
    version: "Fassung",
    code: "Prüfcode",
    proposed: "vorgeschlagen am",
    lead: "Fallführung",
    goal: "Ziel",
    step: "Schritt",
    who: "wer",
    when: "wann",
    paid_by: "wer bezahlt",
    waits_for: "wartet auf",
    from: "ab",
    until: "bis",
    due: "fällig",
    review: "Überprüfung",
    agreements: "Abmachungen",
    risks: "Risiken",
    other: "Weiteres",
    contested: "Bestritten",
    contested_on: "Die betroffene Person sagt am",
    client: "betroffene Person",
    ended: "beendet",
    signatures: "Unterschriften",
    place_date: "Ort, Datum",
    signature: "Unterschrift",
    agreed: "einverstanden seit",
    what_you_sign: "Sie unterschreiben genau diese Fassung. Ändert sich der Plan, wird eine neue Fassung \
        vorgeschlagen; diese bleibt, wie sie hier steht. Der Prüfcode steht für ihren ganzen Text.",
};

const FRENCH: Words = Words {
    title: "Plan d'intégration",
    version: "Version",
    code: "Code de contrôle",
    proposed: "proposée le",
    lead: "Conduite du cas",
    goal: "Objectif",
    step: "Étape",
    who: "qui",
    when: "quand",
    paid_by: "qui paie",
    waits_for: "attend",
    from: "dès le",
    until: "jusqu'au",
    due: "échéance",
    review: "réexamen",
    agreements: "Accords",
    risks: "Risques",
    other: "Autres",
    contested: "Contesté",
    contested_on: "La personne concernée dit, le",
    client: "personne concernée",
    ended: "terminée",
    signatures: "Signatures",
    place_date: "Lieu, date",
    signature: "Signature",
    agreed: "d'accord depuis le",
    what_you_sign: "Vous signez exactement cette version. Si le plan change, une nouvelle version sera \
        proposée; celle-ci reste telle qu'elle figure ici. Le code de contrôle désigne son texte entier.",
};
