//! What stands in the sections, on the page of `subject export`: in words of the person's language, without codes.

use std::collections::BTreeMap;

use nahtlos_casework::edit::ScalarValue;
use nahtlos_casework::fields::{
    Ahvn13, ClosingReason, Commune, CompetenceKind, ContactChannel, CountryCode, Date, EntryId,
    Field, GoalRatings, GoalStatus, JournalKind, LanguageCode, OverallTarget, Party, PayerShares,
    Permit, Phase, Phone, Priority, ProblemArea, Rating, ReopeningReason, Responsible,
    ReviewOutcome, RiskStatus, Severity, Sex, SignatureMethod, StepStatus, Suspension, TaskLink,
    TaskStatus, UtcTime,
};
use nahtlos_casework::form::{Form, FormField, ValueType};
use nahtlos_casework::import::lists::ListName;
use nahtlos_casework::plan_version::VersionText;
use nahtlos_casework::record::{Address, Body, Lead, LocalId};
use nahtlos_casework::view::{DisputesView, EntryView, FieldView, FormView};
use nahtlos_casework::{SectionKind, code_names, names_of};
use serde_json::{Map, Value, json};

use super::printed_page::escaped;
use super::subject_page::{Gathered, SectionPart};
use crate::output::dates;

/// Parts of a document that say how it is kept, not what it says.
const NOT_SHOWN: [&str; 8] = [
    "acknowledged",
    "list",
    "heads",
    "text_hash",
    "signature",
    "deleted",
    "version",
    "paper",
];
/// What a decision of a round table became: for programs.
const LINKS: [&str; 2] = ["task", "step"];

/// A section that is walked through, and what the person contests in it.
struct Walk<'a> {
    part: &'a SectionPart,
    disputes: DisputesView,
}

impl Gathered {
    /// A section that is not described by a table.
    pub(super) fn walked(&self, part: &SectionPart) -> String {
        let walk = Walk {
            part,
            disputes: DisputesView::read(&part.document, &part.authors),
        };
        let mut html = String::new();
        let content = part.document.export_json();
        self.walk(&walk, &mut Vec::new(), &content, &mut html);
        html
    }

    /// A section that is described by a table.
    pub(super) fn form(&self, part: &SectionPart, form: &Form) -> String {
        let view = FormView::read(&part.document, &part.kind, &part.authors);
        let disputes = DisputesView::read(&part.document, &part.authors);
        let contested = |path: &[&str]| self.contested(&disputes, path);
        let fields = self.fields(form.fields, &view.fields, &|code| {
            contested(&["fields", code])
        });
        let mut html = self.definitions(&fields);
        for (list, entries) in &view.lists {
            let known = form.list(list);
            let title = known.map_or(list.as_str(), |known| self.language.pick(&known.names));
            for entry in entries {
                html.push_str(&format!("<h4>{}</h4>\n", escaped(title)));
                let fields = known.map_or(&[][..], |known| known.fields);
                html.push_str(&self.definitions(&self.entry(fields, entry, &disputes)));
            }
        }
        html
    }

    fn entry(
        &self,
        fields: &[FormField],
        entry: &EntryView,
        disputes: &DisputesView,
    ) -> Vec<(String, String)> {
        let id = entry.id.canonical();
        let contested = |code: &str| {
            let maps = ["entries", "records"].iter();
            let mut marks = maps.map(|map| self.contested(disputes, &[map, &id, code]));
            marks.find(|mark| !mark.is_empty()).unwrap_or_default()
        };
        let mut rows = self.fields(fields, &entry.fields, &contested);
        if entry.deleted {
            rows.push((self.words.deleted.to_owned(), self.words.yes.to_owned()));
        }
        if entry.correction_of.is_some() {
            rows.push((self.words.corrects.to_owned(), self.words.yes.to_owned()));
        }
        if let Some(origin) = &entry.origin {
            let at = origin.at.map_or_else(String::new, dates::time);
            let who = self.written_by(origin);
            rows.push((self.words.who.to_owned(), format!("{who}, {at}")));
        }
        rows
    }

    /// What is known in the order of the table, then what a newer program wrote.
    fn fields(
        &self,
        fields: &[FormField],
        values: &BTreeMap<String, FieldView>,
        contested: &dyn Fn(&str) -> String,
    ) -> Vec<(String, String)> {
        let shown = fields.iter().filter(|field| !LINKS.contains(&field.code));
        let known = shown.filter_map(|field| {
            let value = self.form_value(field, values.get(field.code)?);
            let name = self.language.pick(&field.names).to_owned();
            Some((name, format!("{value}{}", contested(field.code))))
        });
        let is_newer = |code: &str| fields.iter().all(|field| field.code != code);
        let newer = values
            .iter()
            .filter(|(code, _)| is_newer(code))
            .map(|(code, value)| (code.replace('_', " "), value.shown.clone()));
        known.chain(newer).collect()
    }

    fn form_value(&self, field: &FormField, value: &FieldView) -> String {
        let text = match &value.stored {
            ScalarValue::Bool(truth) => return self.truth(*truth),
            ScalarValue::Text(text) => text,
            ScalarValue::Integer(_) => return value.shown.clone(),
        };
        let coded = |list: &str| self.named(list, text);
        let known = match field.value {
            ValueType::Code(codes) => {
                let found = codes.iter().find(|one| one.0 == text);
                found.map(|(_, names)| self.language.pick(names).to_owned())
            }
            ValueType::JournalKind => coded(JournalKind::NAME),
            ValueType::ProblemArea => coded(ProblemArea::NAME),
            ValueType::Severity => coded(Severity::NAME),
            ValueType::Language => coded(LanguageCode::NAME),
            ValueType::Country => coded(CountryCode::NAME),
            ValueType::Responsible => Some(self.responsible(text)),
            ValueType::Address => Address::parse(text)
                .ok()
                .map(|address| self.address(&address)),
            ValueType::Time => UtcTime::parse(text).ok().map(dates::time),
            ValueType::Minutes => Some(format!("{text} {}", self.words.minutes)),
            ValueType::Permit => Permit::parse(text).ok().map(|permit| self.permit(permit)),
            ValueType::Commune => Some(self.commune(text)),
            ValueType::Line if field.code == "sections" || field.code == "section" => {
                let codes: Vec<String> = text.split(", ").map(str::to_owned).collect();
                Some(self.section_names(&codes))
            }
            _ => None,
        };
        known.unwrap_or_else(|| value.shown.clone())
    }

    /// A map of a document: its single values, then the maps in it.
    fn walk(&self, walk: &Walk<'_>, steps: &mut Vec<String>, value: &Value, html: &mut String) {
        let Value::Object(map) = value else {
            return;
        };
        let mut rows = Vec::new();
        for (key, inner) in map {
            if NOT_SHOWN.contains(&key.as_str()) && *inner != Value::Bool(true) {
                continue;
            }
            steps.push(key.clone());
            if let Some(text) = self.scalar(walk.part, steps, inner) {
                let path: Vec<&str> = steps.iter().map(String::as_str).collect();
                let mark = self.contested(&walk.disputes, &path);
                rows.push((self.label(&walk.part.kind, steps), format!("{text}{mark}")));
            }
            steps.pop();
        }
        if !rows.is_empty() {
            if let Some(heading) = self.heading(walk.part, steps) {
                html.push_str(&format!("<h4>{}</h4>\n", escaped(&heading)));
            }
            html.push_str(&self.definitions(&rows));
        }
        for (key, inner) in map {
            if inner.is_object() && !NOT_SHOWN.contains(&key.as_str()) {
                steps.push(key.clone());
                match (steps.len(), inner.get("text").and_then(Value::as_str)) {
                    // A version's text is what is signed: its fields, not the form in which they are.
                    (2, Some(text)) if key.starts_with("version:") => {
                        html.push_str(&self.version(walk.part, text));
                    }
                    (4, Some(text)) if steps.get(2).is_some_and(|step| step == "checklist") => {
                        html.push_str(&self.checklist_line(inner, text));
                    }
                    _ => self.walk(walk, steps, inner, html),
                }
                steps.pop();
            }
        }
    }

    fn checklist_line(&self, line: &Value, text: &str) -> String {
        let done = line.get("done").and_then(Value::as_bool) == Some(true);
        let [checklist, is_done, is_open] = match self.language.code() {
            "fr-CH" => ["Liste de contrôle", "fait", "à faire"],
            _ => ["Checkliste", "erledigt", "offen"],
        };
        let state = if done { is_done } else { is_open };
        self.definitions(&[(checklist.to_owned(), format!("{text} ({state})"))])
    }

    /// A version of the plan that was proposed to be signed: what it says, as the plan says it.
    fn version(&self, part: &SectionPart, text: &str) -> String {
        let Ok(version) = VersionText::parse(text) else {
            return format!(
                "<h4>{}</h4>\n<p>{}</p>\n",
                self.words.version, self.words.not_readable
            );
        };
        let mut html = format!(
            "<h4>{} {} ({})</h4>\n",
            self.words.version,
            version.number(),
            escaped(&self.names.institution(version.lead().as_str()))
        );
        let mut content = json!({});
        for (path, value) in version.content().iter() {
            let value = serde_json::from_str(value).unwrap_or(Value::Null);
            nest(&mut content, path, value);
        }
        // The mark stands at the plan of today; what is signed stays as it was.
        let walk = Walk {
            part,
            disputes: DisputesView::default(),
        };
        self.walk(&walk, &mut Vec::new(), &content, &mut html);
        html
    }

    /// What an entry is, by the map that it stands in.
    fn heading(&self, part: &SectionPart, steps: &[String]) -> Option<String> {
        let container = steps.len().checked_sub(2).and_then(|at| steps.get(at))?;
        let last = steps.last()?;
        let words = match container.as_str() {
            "goals" => ["Ziel", "Objectif"],
            "steps" => ["Schritt", "Étape"],
            "tasks" => ["Aufgabe", "Tâche"],
            "assessments" => ["Einschätzung", "Évaluation"],
            "approvals" => ["Kostengutsprache", "Approbation"],
            "plan" if last.starts_with("risk:") => ["Risiko", "Risque"],
            "plan" if last.starts_with("review:") => ["Standortbestimmung", "Bilan"],
            "plan" if last.starts_with("signature:") => ["Unterschrift", "Signature"],
            "case" if last.starts_with("closing:") => ["Abschluss", "Clôture"],
            "case" if last.starts_with("reopening:") => ["Wiedereröffnung", "Réouverture"],
            "case" if last.starts_with("competence:") => ["Zuständigkeit", "Compétence"],
            _ => return None,
        };
        let path: Vec<&str> = steps.iter().map(String::as_str).collect();
        let disputes = DisputesView::read(&part.document, &part.authors);
        let whole = disputes.standing().any(|one| one.path == path);
        let mark = if whole { self.mark() } else { String::new() };
        Some(format!("{}{mark}", self.language.pick(&words)))
    }

    fn label(&self, kind: &SectionKind, steps: &[String]) -> String {
        let path: Vec<&str> = steps.iter().map(String::as_str).collect();
        if let Some(words) = record_label(kind, &path) {
            return self.language.pick(&words).to_owned();
        }
        match names_of(kind, &path) {
            Some(names) => self.language.pick(&names).to_owned(),
            // Of a newer version: nobody here knows what it is called.
            None => path.last().copied().unwrap_or_default().replace('_', " "),
        }
    }

    /// A single value in words; nothing for a map.
    fn scalar(&self, part: &SectionPart, steps: &[String], value: &Value) -> Option<String> {
        let path: Vec<&str> = steps.iter().map(String::as_str).collect();
        match value {
            Value::Null | Value::Object(_) => None,
            Value::Bool(truth) => Some(self.flag(part, &path, *truth)),
            Value::String(text) => Some(self.text(part, &path, text)),
            other => Some(other.to_string()),
        }
    }

    /// A flag whose name says what it is about: whom a step waits for, what a task is linked with.
    fn flag(&self, part: &SectionPart, path: &[&str], truth: bool) -> String {
        let last = path.last().copied().unwrap_or_default();
        if let Some(other) = last.strip_prefix("depends_on:").filter(|_| truth) {
            return self.step_title(part, other);
        }
        if let Some(person) = last.strip_prefix("recused:").filter(|_| truth) {
            return self.names.person(person);
        }
        if let Some(link) = last.strip_prefix("link:").filter(|_| truth)
            && let Ok(link) = TaskLink::parse(link)
        {
            return self.link(&link);
        }
        self.truth(truth)
    }

    /// The title of a step in whichever goal.
    fn step_title(&self, part: &SectionPart, id: &str) -> String {
        let content = part.document.export_json();
        let goals = content.get("goals").and_then(Value::as_object);
        let mut titles = goals.into_iter().flatten().filter_map(|(_, goal)| {
            let title = goal.get("steps")?.get(id)?.get("title")?.as_str()?;
            Some(format!("«{title}»"))
        });
        titles
            .next()
            .unwrap_or_else(|| self.words.not_readable.to_owned())
    }

    /// What a task is linked with.
    fn link(&self, link: &TaskLink) -> String {
        let text = link.canonical();
        let (kind, id) = text.split_once('/').unwrap_or((&text, ""));
        let entry = id.rsplit('/').next().unwrap_or_default();
        let of = |kind: &SectionKind| self.sections.iter().find(|part| part.kind == *kind);
        match kind {
            "journal" => {
                let title = self.language.pick(&["Journaleintrag", "entrée du journal"]);
                let part = of(&SectionKind::Journal);
                let at = part.and_then(|part| {
                    let content = part.document.export_json();
                    let at = content
                        .get("entries")?
                        .get(entry)?
                        .get("at")?
                        .as_str()?
                        .to_owned();
                    UtcTime::parse(&at).ok().map(dates::time)
                });
                at.map_or_else(|| title.to_owned(), |at| format!("{title}, {at}"))
            }
            "step" => {
                let title = self.language.pick(&["Schritt", "étape"]);
                let step = of(&SectionKind::Plan).map(|part| self.step_title(part, entry));
                step.map_or_else(|| title.to_owned(), |step| format!("{title} {step}"))
            }
            _ => self
                .language
                .pick(&["Runder Tisch", "table ronde"])
                .to_owned(),
        }
    }

    /// A text by the place that it stands at.
    fn text(&self, part: &SectionPart, path: &[&str], text: &str) -> String {
        let coded = |list: &str| self.named(list, text);
        let known = match (&part.kind, path) {
            (SectionKind::Core, ["case", "phase"]) => coded(Phase::NAME),
            (SectionKind::Core, ["case", "lead"]) => {
                Lead::parse(text).ok().map(|lead| self.lead(&lead))
            }
            (SectionKind::Core, ["case", name, field]) => self.of_process(name, field, text),
            (SectionKind::Core, ["person", "sex"]) => coded(Sex::NAME),
            (SectionKind::Core, ["contact", "address"]) => Address::parse(text)
                .ok()
                .map(|address| self.address(&address)),
            (SectionKind::Core, ["contact", "phone"]) => {
                Phone::parse(text).ok().map(|number| number.to_string())
            }
            (SectionKind::Core, ["contact", "preferred_channel"]) => coded(ContactChannel::NAME),
            (SectionKind::Core, ["contact", "correspondence_language" | "interpreter"]) => {
                coded(LanguageCode::NAME)
            }
            (SectionKind::Core, ["bodies", _]) => {
                Body::parse(text).ok().map(|body| self.body(&body))
            }
            (SectionKind::Ident, ["local_ids", _]) => LocalId::parse(text).ok().map(|id| {
                format!(
                    "{}: {}",
                    self.names.institution(id.institution.as_str()),
                    id.number
                )
            }),
            (SectionKind::Ident, _) => Ahvn13::parse(text).ok().map(|number| number.to_string()),
            (SectionKind::Tasks, [.., "priority"]) | (SectionKind::Plan, [.., "priority"]) => {
                coded(Priority::NAME)
            }
            (SectionKind::Tasks, [.., "status"]) => coded(TaskStatus::NAME),
            (SectionKind::Function, [.., "capacity"]) => Some(format!("{text} %")),
            (SectionKind::Plan, _) => self.of_plan(path, text),
            _ => None,
        };
        if let Some(known) = known {
            return known;
        }
        if matches!(path.last(), Some(&"responsible")) {
            return self.responsible(text);
        }
        if let Ok(date) = Date::parse(text) {
            return date.to_string();
        }
        if let Ok(time) = UtcTime::parse(text) {
            return dates::time(time);
        }
        text.to_owned()
    }

    fn of_plan(&self, path: &[&str], text: &str) -> Option<String> {
        let coded = |list: &str| self.named(list, text);
        let in_step = path.contains(&"steps");
        match (path, path.last().copied().unwrap_or_default()) {
            (["plan", "target"], _) => coded(OverallTarget::NAME),
            (["plan", "job_search_suspended"], _) => {
                let period = Suspension::parse(text).ok()?;
                let reason = period
                    .reason()
                    .map_or_else(String::new, |why| format!(": {why}"));
                Some(format!("{}–{}{reason}", period.from(), period.until()))
            }
            (["plan", name, "severity"], _) if name.starts_with("risk:") => coded(Severity::NAME),
            (["plan", name, "status"], _) if name.starts_with("risk:") => coded(RiskStatus::NAME),
            (["plan", _, "outcome"], _) => coded(ReviewOutcome::NAME),
            (["plan", _, "ratings"], _) => Some(self.ratings(text)),
            (["plan", _, "method"], _) => coded(SignatureMethod::NAME),
            (["plan", _, "party"], _) => Some(match Party::parse(text).ok()? {
                Party::Client => self.words.client.to_owned(),
                Party::Institution(institution) => self.names.institution(institution.as_str()),
            }),
            (_, "institution") => Some(self.names.institution(text)),
            (_, "payers") => {
                let shares = PayerShares::parse(text).ok()?;
                let parts = shares.iter().map(|(payer, share)| {
                    format!("{} {share}", self.names.institution(payer.as_str()))
                });
                Some(parts.collect::<Vec<_>>().join(", "))
            }
            (_, "area") => coded(ProblemArea::NAME),
            (_, "status") if in_step => coded(StepStatus::NAME),
            (_, "status") => coded(GoalStatus::NAME),
            _ => None,
        }
    }

    /// How goals stood, by their words.
    fn ratings(&self, text: &str) -> String {
        let Ok(ratings) = GoalRatings::parse(text) else {
            return self.words.not_readable.to_owned();
        };
        let plan = self
            .sections
            .iter()
            .find(|part| part.kind == SectionKind::Plan);
        let content = plan
            .map(|part| part.document.export_json())
            .unwrap_or_default();
        let goal = |id: &EntryId| {
            let goal = content
                .get("goals")
                .and_then(|goals| goals.get(id.canonical()));
            let statement =
                goal.and_then(|goal| goal.get("statement")?.as_str().map(str::to_owned));
            statement.unwrap_or_else(|| self.words.not_readable.to_owned())
        };
        let lines = ratings.iter().map(|(id, rating)| {
            let rating = self.named(Rating::NAME, rating.code());
            format!("«{}»: {}", goal(id), rating.unwrap_or_default())
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn of_process(&self, name: &str, field: &str, text: &str) -> Option<String> {
        let list = match field {
            "reason" if name.starts_with("closing:") => ClosingReason::NAME,
            "reason" if name.starts_with("reopening:") => ReopeningReason::NAME,
            "kind" if name.starts_with("competence:") => CompetenceKind::NAME,
            "institution" => return Some(self.names.institution(text)),
            "correction_of" => return Some(self.words.yes.to_owned()),
            _ => return None,
        };
        self.named(list, text)
    }

    fn lead(&self, lead: &Lead) -> String {
        let until = lead
            .until
            .map_or_else(String::new, |day| format!(" {} {day}", self.words.until));
        format!(
            "{} ({}), {} {}{until}",
            self.names.person(lead.person.as_str()),
            self.names.institution(lead.institution.as_str()),
            self.words.since,
            lead.since
        )
    }

    fn body(&self, body: &Body) -> String {
        let kind = self.language.pick(&body.kind.names());
        let contact = body.contact.as_ref();
        let contact = contact.map_or_else(String::new, |contact| format!(", {contact}"));
        format!("{} ({kind}){contact}", body.name)
    }

    fn address(&self, address: &Address) -> String {
        let mut address = address.clone();
        let country = address
            .country
            .take()
            .filter(|country| country.as_str() != "CH");
        let country = country.and_then(|country| self.named(CountryCode::NAME, country.as_str()));
        match country {
            Some(country) => format!("{address}, {country}"),
            None => address.to_string(),
        }
    }

    fn permit(&self, permit: Permit) -> String {
        let (german, french) = permit.names();
        let name = self.language.pick(&[german, french]);
        match permit.letter() {
            "" => name.to_owned(),
            letter => format!("{letter} ({name})"),
        }
    }

    /// A commune by its name, where the list that comes with the program has it.
    fn commune(&self, number: &str) -> String {
        let wanted = Commune::parse(number).map(|commune| commune.canonical());
        let list = ListName::Communes.provided();
        let mut found = list
            .entries
            .iter()
            .filter(|one| Ok(&one.code) == wanted.as_ref());
        match found.next_back() {
            Some(commune) if self.language.code() == "fr-CH" => commune.fr.clone(),
            Some(commune) => commune.de.clone(),
            None => format!("{} {number}", self.words.commune_number),
        }
    }

    fn responsible(&self, text: &str) -> String {
        match Responsible::parse(text) {
            Ok(Responsible::Client) => self.words.client.to_owned(),
            Ok(known) => self
                .names
                .responsible(&nahtlos_casework::fields::Stored::Known(known)),
            Err(_) => text.to_owned(),
        }
    }

    /// What a code is called in the language of the page.
    pub(super) fn named(&self, list: &str, code: &str) -> Option<String> {
        code_names(list, code).map(|names| self.language.pick(&names).to_owned())
    }

    /// The words behind a contested value; nothing behind others.
    fn contested(&self, disputes: &DisputesView, path: &[&str]) -> String {
        match disputes.concerns(path) {
            true => self.mark(),
            false => String::new(),
        }
    }

    pub(super) fn mark(&self) -> String {
        format!(" ({})", self.words.disputed)
    }
}

/// Fields of entries that are never changed, which have no label of their own.
fn record_label(kind: &SectionKind, path: &[&str]) -> Option<[&'static str; 2]> {
    let last = *path.last()?;
    let of_record = match (kind, path) {
        (SectionKind::Function, ["assessments", _, _]) | (SectionKind::Core, ["case", _, _]) => {
            true
        }
        (SectionKind::Plan, ["plan", name, _]) => !name.starts_with("risk:"),
        (SectionKind::Plan, [.., "approvals", _, _]) => true,
        _ => false,
    };
    if !of_record {
        return None;
    }
    Some(match last {
        "capacity" => ["Arbeitsfähigkeit", "capacité de travail"],
        "from" => ["von", "du"],
        "to" => ["bis", "au"],
        "basis" => ["gestützt auf", "sur la base de"],
        "hours_per_day" => ["Stunden pro Tag", "heures par jour"],
        "limits" => ["Einschränkungen", "limitations"],
        "adaptations" => ["Anpassungen", "adaptations"],
        "date" => ["Datum", "date"],
        "participants" => ["dabei waren", "personnes présentes"],
        "ratings" => ["Stand der Ziele", "état des objectifs"],
        "outcome" => ["Ergebnis", "résultat"],
        "note" => ["Bemerkung", "remarque"],
        "number" => ["Fassung", "version"],
        "party" => ["wer", "qui"],
        "method" => ["wie", "comment"],
        "institution" => ["Stelle", "organisme"],
        "payers" => ["wer bezahlt", "qui paie"],
        "at" => ["am", "le"],
        "reason" => ["Grund", "motif"],
        "kind" => ["Art", "genre"],
        "subject" => ["wofür", "objet"],
        "since" => ["seit", "depuis"],
        "until" => ["bis", "jusqu'au"],
        "decided_on" => ["entschieden am", "décidé le"],
        "decided_by" => ["entschieden von", "décidé par"],
        "grounds" => ["Begründung", "motivation"],
        "correction_of" => ["berichtigt eine frühere", "rectifie une précédente"],
        "source_written_by" => ["verfasst von (laut Datei)", "écrit par (selon le fichier)"],
        "source_written_at" => ["verfasst am (laut Datei)", "écrit le (selon le fichier)"],
        _ => return None,
    })
}

fn nest(object: &mut Value, path: &[String], value: Value) {
    let Some((name, rest)) = path.split_first() else {
        *object = value;
        return;
    };
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    if let Some(fields) = object.as_object_mut() {
        nest(
            fields.entry(name.clone()).or_insert(Value::Null),
            rest,
            value,
        );
    }
}
