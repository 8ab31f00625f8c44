//! What the codes of closed lists are called, in German, French and English: for pages that people read who know no
//! codes.

use crate::fields::{
    ClosingReason, CompetenceKind, ConsentEventKind, ConsentForm, ContactChannel, CountryCode,
    Direction, Field, FieldError, GoalStatus, JournalKind, LanguageCode, OverallTarget, Phase,
    Priority, ProblemArea, Purpose, Rating, Recurrence, ReopeningReason, ReviewOutcome, RiskStatus,
    Severity, Sex, SignatureMethod, StepStatus, TaskStatus, WithdrawalNotice,
};
use crate::labels::Names;
use crate::role::{Function, InstitutionKind};
use crate::searching::folded;

/// A code and its names.
type Named = (&'static str, Names);

/// The lists, by the name of their field ([`Field::NAME`]).
const LISTS: [(&str, &[Named]); 20] = [
    (Phase::NAME, &PHASES),
    (GoalStatus::NAME, &GOAL_STATUSES),
    (StepStatus::NAME, &STEP_STATUSES),
    (TaskStatus::NAME, &TASK_STATUSES),
    (Priority::NAME, &PRIORITIES),
    (JournalKind::NAME, &JOURNAL_KINDS),
    (OverallTarget::NAME, &TARGETS),
    (ProblemArea::NAME, &AREAS),
    (Severity::NAME, &SEVERITIES),
    (ReviewOutcome::NAME, &OUTCOMES),
    (RiskStatus::NAME, &RISK_STATUSES),
    (Rating::NAME, &RATINGS),
    (ContactChannel::NAME, &CHANNELS),
    (Sex::NAME, &SEXES),
    (ConsentForm::NAME, &CONSENT_FORMS),
    (Purpose::NAME, &PURPOSES),
    (Direction::NAME, &DIRECTIONS),
    (Recurrence::NAME, &RECURRENCES),
    (WithdrawalNotice::NAME, &NOTICES),
    (SignatureMethod::NAME, &METHODS),
];

/// What a code of a list is called; nothing for one of a newer version. `list` is the [`Field::NAME`] of its type.
pub fn code_names(list: &str, code: &str) -> Option<Names> {
    let own = LISTS.iter().find(|(name, _)| *name == list);
    if let Some((_, codes)) = own {
        let found = codes.iter().find(|(own, _)| *own == code);
        return found.map(|(_, names)| *names);
    }
    if list == LanguageCode::NAME {
        return listed("L", code);
    }
    if list == CountryCode::NAME {
        return listed("C", code);
    }
    if list == ClosingReason::NAME {
        return ClosingReason::parse(code).ok().map(ClosingReason::names);
    }
    if list == ReopeningReason::NAME {
        return ReopeningReason::parse(code)
            .ok()
            .map(ReopeningReason::names);
    }
    if list == CompetenceKind::NAME {
        return CompetenceKind::parse(code).ok().map(CompetenceKind::names);
    }
    if list == InstitutionKind::NAME {
        return InstitutionKind::parse(code)
            .ok()
            .map(InstitutionKind::names);
    }
    if list == Function::NAME {
        return Function::parse(code).ok().map(Function::names);
    }
    if list == ConsentEventKind::NAME {
        return ConsentEventKind::parse(code).ok().map(event_names);
    }
    None
}

/// Small words at the beginning of a name that people leave away: "Papier" for "auf Papier".
const LEFT_AWAY: [&str; 20] = [
    "auf", "einem", "einer", "im", "in", "am", "mit", "dem", "der", "sur", "un", "une", "en", "a",
    "par", "la", "le", "on", "with", "the",
];

/// Reads the code of a closed list, or what it is called in one of the three languages.
///
/// # Errors
/// Where no code, or more than one, is called so: with all codes and their names.
pub(crate) fn typed<F: Field>(all: &[F], input: &str) -> Result<F, FieldError> {
    if let Ok(value) = F::parse(input) {
        return Ok(value);
    }
    let named: Vec<(String, Option<Names>)> = all
        .iter()
        .map(|value| value.canonical())
        .map(|code| (code.clone(), code_names(F::NAME, &code)))
        .collect();
    let names = |at: usize| named.get(at).and_then(|(_, names)| *names);
    let mut called =
        (0..all.len()).filter(|at| names(*at).is_some_and(|names| is_called(&names, input)));
    if let (Some(at), None) = (called.next(), called.next())
        && let Some(value) = all.get(at)
    {
        return Ok(value.clone());
    }
    let codes = named
        .iter()
        .map(|(code, names)| (code.as_str(), names.as_ref()));
    Err(unknown_code(F::NAME, codes))
}

/// Whether what was typed is one of the names: capitals, accents and small words before it do not matter.
pub fn is_called(names: &Names, typed: &str) -> bool {
    let wanted = essence(typed);
    let mut names = names
        .iter()
        .flat_map(|name| name.split(", ").chain([*name]));
    !wanted.is_empty() && names.any(|name| essence(name) == wanted)
}

/// What is refused as none of a list: with each code, and what it is called where that says more.
pub(crate) fn unknown_code<'a>(
    field: &'static str,
    codes: impl Iterator<Item = (&'a str, Option<&'a Names>)>,
) -> FieldError {
    let codes = codes.map(|(code, names)| match names {
        Some([german, french, _]) => format!("{code} ({german}, {french})"),
        None => code.to_owned(),
    });
    let codes: Vec<String> = codes.collect();
    FieldError::new(
        field,
        "unknown_code",
        "this is not one of the known codes",
        format!("write one of {}", codes.join(", ")),
    )
}

fn essence(name: &str) -> String {
    let folded = folded(name).replace(['\'', '_', '-'], " ");
    let words: Vec<&str> = folded.split_whitespace().collect();
    let kept = words
        .iter()
        .position(|word| !LEFT_AWAY.contains(word))
        .and_then(|at| words.get(at..));
    kept.unwrap_or_default().join(" ")
}

/// Names of languages and countries, as the Unicode CLDR has them for Switzerland: kind, code, German, French, English.
/// Its licence stands beside the file and must go where the file goes.
const LANGUAGES_AND_COUNTRIES: &str = include_str!("../data/languages_and_countries.csv");

fn listed(kind: &str, code: &str) -> Option<Names> {
    LANGUAGES_AND_COUNTRIES.lines().find_map(|line| {
        let mut cells = line.split(';');
        if cells.next()? != kind || cells.next()? != code {
            return None;
        }
        Some([cells.next()?, cells.next()?, cells.next()?])
    })
}

const PHASES: [Named; 12] = [
    ("reported", ["gemeldet", "annoncé", "reported"]),
    (
        "preclarified",
        ["vorabgeklärt", "préclarifié", "preclarified"],
    ),
    ("consented", ["eingewilligt", "consenti", "consented"]),
    ("assessed", ["beurteilt", "évalué", "assessed"]),
    ("planned", ["geplant", "planifié", "planned"]),
    ("running", ["laufend", "en cours", "running"]),
    ("paused", ["unterbrochen", "suspendu", "paused"]),
    ("closing", ["im Abschluss", "en voie de clôture", "closing"]),
    ("closed", ["abgeschlossen", "clos", "closed"]),
    ("reopened", ["wieder eröffnet", "rouvert", "reopened"]),
    ("archived", ["archiviert", "archivé", "archived"]),
    ("deleted", ["gelöscht", "effacé", "deleted"]),
];

const GOAL_STATUSES: [Named; 6] = [
    ("open", ["offen", "ouvert", "open"]),
    ("active", ["in Arbeit", "en cours", "active"]),
    ("reached", ["erreicht", "atteint", "reached"]),
    (
        "partly",
        [
            "teilweise erreicht",
            "partiellement atteint",
            "partly reached",
        ],
    ),
    (
        "not_reached",
        ["nicht erreicht", "non atteint", "not reached"],
    ),
    ("dropped", ["aufgegeben", "abandonné", "dropped"]),
];

const STEP_STATUSES: [Named; 7] = [
    ("planned", ["geplant", "planifié", "planned"]),
    ("requested", ["beantragt", "demandé", "requested"]),
    ("approved", ["bewilligt", "approuvé", "approved"]),
    ("running", ["läuft", "en cours", "running"]),
    ("done", ["erledigt", "fait", "done"]),
    ("aborted", ["abgebrochen", "interrompu", "aborted"]),
    ("refused", ["abgelehnt", "refusé", "refused"]),
];

const TASK_STATUSES: [Named; 4] = [
    ("open", ["offen", "à faire", "open"]),
    ("in_progress", ["in Arbeit", "en cours", "in progress"]),
    ("done", ["erledigt", "fait", "done"]),
    ("cancelled", ["gestrichen", "annulé", "cancelled"]),
];

const PRIORITIES: [Named; 3] = [
    ("1", ["hoch", "haute", "high"]),
    ("2", ["mittel", "moyenne", "medium"]),
    ("3", ["tief", "basse", "low"]),
];

const JOURNAL_KINDS: [Named; 7] = [
    ("call", ["Telefon", "téléphone", "call"]),
    ("visit", ["Besuch", "visite", "visit"]),
    ("mail", ["Post, E-Mail", "courrier, courriel", "mail"]),
    ("meeting", ["Gespräch", "entretien", "meeting"]),
    ("note", ["Notiz", "note", "note"]),
    ("decision", ["Entscheid", "décision", "decision"]),
    ("event", ["Ereignis", "événement", "event"]),
];

const TARGETS: [Named; 5] = [
    (
        "first_labour_market",
        [
            "erster Arbeitsmarkt",
            "premier marché du travail",
            "first labour market",
        ],
    ),
    (
        "supported",
        ["begleitete Arbeit", "emploi accompagné", "supported work"],
    ),
    (
        "eba_efz",
        ["EBA oder EFZ", "AFP ou CFC", "vocational training"],
    ),
    (
        "stabilisation",
        ["Stabilisierung", "stabilisation", "stabilisation"],
    ),
    (
        "social",
        [
            "soziale Integration",
            "intégration sociale",
            "social integration",
        ],
    ),
];

const AREAS: [Named; 12] = [
    (
        "somatic",
        [
            "körperliche Gesundheit",
            "santé physique",
            "physical health",
        ],
    ),
    (
        "psychic",
        ["psychische Gesundheit", "santé psychique", "mental health"],
    ),
    ("addiction", ["Sucht", "dépendance", "addiction"]),
    ("debts", ["Schulden", "dettes", "debts"]),
    ("housing", ["Wohnen", "logement", "housing"]),
    ("family", ["Familie", "famille", "family"]),
    ("language", ["Sprache", "langue", "language"]),
    (
        "qualification",
        ["Qualifikation", "qualification", "qualification"],
    ),
    ("residence", ["Aufenthalt", "séjour", "residence"]),
    ("justice", ["Justiz", "justice", "justice"]),
    (
        "digital",
        [
            "digitale Kenntnisse",
            "compétences numériques",
            "digital skills",
        ],
    ),
    ("motivation", ["Motivation", "motivation", "motivation"]),
];

const SEVERITIES: [Named; 4] = [
    ("0", ["keine", "aucune", "none"]),
    ("1", ["leicht", "légère", "light"]),
    ("2", ["deutlich", "marquée", "marked"]),
    ("3", ["schwer", "lourde", "heavy"]),
];

const OUTCOMES: [Named; 3] = [
    ("continue", ["weiterführen", "poursuivre", "continue"]),
    ("adapt", ["anpassen", "adapter", "adapt"]),
    ("stop", ["beenden", "arrêter", "stop"]),
];

const RISK_STATUSES: [Named; 2] = [
    ("open", ["offen", "ouvert", "open"]),
    ("closed", ["erledigt", "clos", "closed"]),
];

const RATINGS: [Named; 5] = [
    (
        "-2",
        [
            "viel schlechter als erwartet",
            "bien moins bien que prévu",
            "much worse than expected",
        ],
    ),
    (
        "-1",
        [
            "schlechter als erwartet",
            "moins bien que prévu",
            "worse than expected",
        ],
    ),
    ("0", ["wie erwartet", "comme prévu", "as expected"]),
    (
        "1",
        [
            "besser als erwartet",
            "mieux que prévu",
            "better than expected",
        ],
    ),
    (
        "2",
        [
            "viel besser als erwartet",
            "bien mieux que prévu",
            "much better than expected",
        ],
    ),
];

const CHANNELS: [Named; 6] = [
    ("phone", ["Telefon", "téléphone", "phone"]),
    ("message", ["Kurznachricht", "message", "message"]),
    ("mail", ["E-Mail", "courriel", "e-mail"]),
    ("letter", ["Brief", "lettre", "letter"]),
    ("in_person", ["persönlich", "en personne", "in person"]),
    (
        "representative",
        [
            "über die Vertretung",
            "par la représentation",
            "through the representative",
        ],
    ),
];

const SEXES: [Named; 3] = [
    ("1", ["männlich", "masculin", "male"]),
    ("2", ["weiblich", "féminin", "female"]),
    ("3", ["unbestimmt", "indéterminé", "undetermined"]),
];

const CONSENT_FORMS: [Named; 3] = [
    ("paper", ["auf Papier", "sur papier", "on paper"]),
    (
        "device",
        ["auf einem Gerät", "sur un appareil", "on a device"],
    ),
    ("verbal", ["mündlich", "oralement", "verbally"]),
];

const PURPOSES: [Named; 6] = [
    (
        "coordination",
        ["Zusammenarbeit", "collaboration", "coordination"],
    ),
    (
        "clarification",
        ["Abklärung", "clarification", "clarification"],
    ),
    ("planning", ["Planung", "planification", "planning"]),
    ("measure", ["Massnahme", "mesure", "measure"]),
    (
        "placement",
        [
            "Stelle oder Lehrstelle",
            "emploi ou apprentissage",
            "placement",
        ],
    ),
    ("benefits", ["Leistungen", "prestations", "benefits"]),
];

const DIRECTIONS: [Named; 2] = [
    ("receives", ["erhält", "reçoit", "receives"]),
    ("exchanges", ["tauscht aus", "échange", "exchanges"]),
];

const RECURRENCES: [Named; 2] = [
    ("once", ["einmal", "une fois", "once"]),
    (
        "recurring",
        [
            "solange sie gilt",
            "tant qu'il est valable",
            "as long as it holds",
        ],
    ),
];

const NOTICES: [Named; 2] = [
    ("given", ["ja", "oui", "yes"]),
    ("not_given", ["nein", "non", "no"]),
];

const METHODS: [Named; 3] = [
    (
        "device_key",
        [
            "mit dem Schlüssel eines Geräts",
            "avec la clé d'un appareil",
            "with a device's key",
        ],
    ),
    ("paper", ["auf Papier", "sur papier", "on paper"]),
    ("verbal", ["mündlich", "oralement", "verbally"]),
];

const fn event_names(kind: ConsentEventKind) -> Names {
    match kind {
        ConsentEventKind::Given => ["gegeben", "donné", "given"],
        ConsentEventKind::Narrowed => ["eingeschränkt", "restreint", "narrowed"],
        ConsentEventKind::Extended => ["erweitert", "étendu", "extended"],
        ConsentEventKind::Withdrawn => ["widerrufen", "retiré", "withdrawn"],
        ConsentEventKind::Superseded => ["ersetzt", "remplacé", "superseded"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::{FormField, ValueType, form_of};
    use crate::import::SECTIONS;
    use crate::section::SectionKind;

    /// Lists that no page for a person shows: what is typed on a command line, and cantons and levels, whose codes are their names.
    const NOT_SHOWN: [&str; 4] = ["May", "ListName", "Canton", "LanguageLevel"];

    fn check<F: Field>(values: &[F], seen: &mut usize) {
        *seen += 1;
        for value in values {
            let names = code_names(F::NAME, &value.canonical());
            let names = names.unwrap_or_else(|| panic!("{} {}", F::NAME, value.canonical()));
            assert!(
                names
                    .iter()
                    .all(|name| !name.trim().is_empty() && !name.contains('_'))
            );
        }
        assert_eq!(code_names(F::NAME, "of a newer version"), None);
    }

    fn every_name_is_read<F: Field>(values: &[F]) {
        for value in values {
            let names = code_names(F::NAME, &value.canonical()).unwrap();
            for name in names {
                let of_this_name = |other: &&F| {
                    let names = code_names(F::NAME, &other.canonical()).unwrap();
                    is_called(&names, name)
                };
                let is_only_one = values.iter().filter(of_this_name).count() == 1;
                for typed in [name.to_owned(), name.to_uppercase(), folded(name)] {
                    let read = F::parse_typed(&typed);
                    assert_eq!(read.is_ok(), is_only_one, "{typed}");
                    assert!(read.is_err() || read.as_ref() == Ok(value), "{typed}");
                }
            }
            assert_eq!(F::parse_typed(&value.canonical()).as_ref(), Ok(value));
        }
    }

    #[test]
    fn what_a_code_is_called_is_read_from_a_person_in_three_languages() {
        every_name_is_read(Phase::ALL);
        every_name_is_read(StepStatus::ALL);
        every_name_is_read(JournalKind::ALL);
        every_name_is_read(ConsentForm::ALL);
        every_name_is_read(Purpose::ALL);
        every_name_is_read(ClosingReason::ALL);
        let form = ConsentForm::parse_typed;
        for paper in ["Papier", "auf Papier", "SUR PAPIER", "paper", " papier "] {
            assert_eq!(form(paper).unwrap().code(), "paper", "{paper}");
        }
        assert_eq!(form("mundlich").unwrap().code(), "verbal");
        let refused = form("am Telefon").unwrap_err();
        assert_eq!(
            (refused.field, refused.code),
            (ConsentForm::NAME, "unknown_code")
        );
        assert!(
            refused.remedy.contains("verbal (mündlich, oralement)"),
            "{refused}"
        );
        for nothing in ["", " ", "auf", "nicht"] {
            assert!(form(nothing).is_err(), "{nothing:?}");
        }
    }

    #[test]
    fn a_name_that_stands_in_a_document_is_no_code() {
        for name in ["geplant", "Planned!", "planifié"] {
            assert!(Phase::parse(name).is_err(), "{name}");
        }
        let stored = serde_json::from_str::<Phase>("\"geplant\"");
        assert!(stored.is_err());
    }

    #[test]
    fn every_code_of_every_closed_list_has_a_name_in_three_languages() {
        let mut seen = 0;
        check(Phase::ALL, &mut seen);
        check(GoalStatus::ALL, &mut seen);
        check(StepStatus::ALL, &mut seen);
        check(TaskStatus::ALL, &mut seen);
        check(Priority::ALL, &mut seen);
        check(JournalKind::ALL, &mut seen);
        check(OverallTarget::ALL, &mut seen);
        check(ProblemArea::ALL, &mut seen);
        check(ReviewOutcome::ALL, &mut seen);
        check(RiskStatus::ALL, &mut seen);
        check(Rating::ALL, &mut seen);
        check(ContactChannel::ALL, &mut seen);
        check(ConsentForm::ALL, &mut seen);
        check(Purpose::ALL, &mut seen);
        check(Direction::ALL, &mut seen);
        check(Recurrence::ALL, &mut seen);
        check(WithdrawalNotice::ALL, &mut seen);
        check(SignatureMethod::ALL, &mut seen);
        check(ClosingReason::ALL, &mut seen);
        check(ReopeningReason::ALL, &mut seen);
        check(CompetenceKind::ALL, &mut seen);
        check(InstitutionKind::ALL, &mut seen);
        check(Function::ALL, &mut seen);
        check(ConsentEventKind::ALL, &mut seen);
        // Not a list that is forgotten here: every one in the sources is seen, or no page shows it.
        assert_eq!(seen + NOT_SHOWN.len(), lists_in_the_sources());
        let mut others = 0;
        let severities: Vec<Severity> = ["0", "1", "2", "3"]
            .map(|code| Severity::parse(code).unwrap())
            .into();
        check(&severities, &mut others);
        let sexes: Vec<Sex> = ["1", "2", "3"].map(|code| Sex::parse(code).unwrap()).into();
        check(&sexes, &mut others);
    }

    fn lists_in_the_sources() -> usize {
        fn count(directory: &std::path::Path) -> usize {
            let entries = std::fs::read_dir(directory)
                .unwrap()
                .map(|entry| entry.unwrap().path());
            entries
                .map(|path| match path.is_dir() {
                    true => count(&path),
                    false => {
                        let text = std::fs::read_to_string(&path).unwrap();
                        text.lines().filter(|line| *line == "coded_enum! {").count()
                    }
                })
                .sum()
        }
        count(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
    }

    #[test]
    fn every_language_and_country_has_a_german_and_a_french_name() {
        let mut lines = LANGUAGES_AND_COUNTRIES.lines().skip(1);
        assert!(lines.all(|line| line.split(';').filter(|cell| !cell.is_empty()).count() == 5));
        let mut languages = 0;
        let mut countries = 0;
        let letters = || 'a'..='z';
        for (first, second) in
            letters().flat_map(|first| letters().map(move |second| (first, second)))
        {
            let code = format!("{first}{second}");
            if LanguageCode::parse(&code).is_ok() {
                languages += 1;
                assert!(code_names(LanguageCode::NAME, &code).is_some(), "{code}");
            }
            let code = code.to_uppercase();
            if CountryCode::parse(&code).is_ok() {
                countries += 1;
                assert!(code_names(CountryCode::NAME, &code).is_some(), "{code}");
            }
        }
        assert!(languages > 180 && countries > 240);
        let stateless = code_names(CountryCode::NAME, "stateless").unwrap();
        assert_eq!(stateless[1], "apatride");
    }

    #[test]
    fn every_field_list_and_code_of_every_section_has_a_german_and_a_french_name() {
        let further = [
            SectionKind::Medical,
            SectionKind::Access,
            SectionKind::Enquiry,
            SectionKind::Measure("x".to_owned()),
            SectionKind::Meeting("x".to_owned()),
            SectionKind::Employer("x".to_owned()),
            SectionKind::Internal("x".to_owned()),
        ];
        let sections = SECTIONS
            .map(|(_, section)| section)
            .into_iter()
            .chain(further);
        let is_named = |names: &Names, what: &str| {
            let fits = |name: &str| !name.trim().is_empty() && !name.contains('_');
            assert!(names.iter().all(|name| fits(name)), "{what}");
        };
        let field = |field: &FormField| {
            is_named(&field.names, field.code);
            if let ValueType::Code(codes) = field.value {
                codes.iter().for_each(|(code, names)| is_named(names, code));
            }
        };
        for section in sections {
            let form = form_of(&section).unwrap();
            form.fields.iter().for_each(field);
            for list in form.lists {
                is_named(&list.names, list.code);
                list.fields.iter().for_each(field);
            }
        }
    }
}
