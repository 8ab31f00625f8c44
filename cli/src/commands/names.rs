//! People and institutions: from what is typed to identifiers, and back to names.

use std::collections::BTreeMap;

use nahtlos_casework::SectionKind;
use nahtlos_casework::fields::{
    Ahvn13, Date, Field, FieldError, InstitutionId, PayerShares, Percent, PersonId, Responsible,
    Stored,
};
use nahtlos_casework::record::Lead;
use nahtlos_casework::view::CoreView;
use nahtlos_client::{Case, ClientError, Directory, Nahtlos};
use nahtlos_protocol::identifier::SpaceId;

/// What is said of an institution that takes part in the network by itself no more; none of one that does.
pub fn ended(nahtlos: &Nahtlos, directory: &Directory, id: &str) -> Option<String> {
    let institution = SpaceId::from_hex(id).filter(|id| !nahtlos.is_in_network(id))?;
    let now = directory.goes_on_as(&institution);
    Some(match now == institution {
        true => "left the network".to_owned(),
        false => format!("merged into {}", directory.institution_own_name(&now)),
    })
}

/// Names of the network's directory, and of the bodies a case names.
#[derive(Default)]
pub struct Names {
    directory: Directory,
    /// Bodies of one case that need not use this program: identifier and name.
    bodies: BTreeMap<String, String>,
    /// What is said of institutions that take part in the network by themselves no more, by identifier.
    ended: BTreeMap<String, String>,
}

impl Names {
    /// Names for what concerns no single case.
    pub fn new(nahtlos: &Nahtlos) -> Self {
        let directory = nahtlos.directory().unwrap_or_default();
        let ids = directory.institutions.keys();
        let ended = ids.filter_map(|id| Some((id.clone(), ended(nahtlos, &directory, id)?)));
        Self {
            ended: ended.collect(),
            directory,
            bodies: BTreeMap::new(),
        }
    }

    /// Names for one case.
    pub fn of_case(nahtlos: &Nahtlos, case: &Case) -> Self {
        let mut names = Self::new(nahtlos);
        if let Ok(document) = nahtlos.section_document_unrecorded(case, &SectionKind::Core) {
            names.bodies = CoreView::read(&document)
                .bodies
                .iter()
                .filter_map(|(id, body)| Some((id.clone(), body.known()?.name.to_string())))
                .collect();
        }
        names
    }

    /// An institution's name; a short form of an identifier nobody named.
    pub fn institution(&self, id: &str) -> String {
        match self.directory.institutions.get(id) {
            Some(card) => card.name.clone(),
            None => self.bodies.get(id).cloned().unwrap_or_else(|| short(id)),
        }
    }

    /// A person's name.
    pub fn person(&self, id: &str) -> String {
        let card = self.directory.people.get(id);
        card.map_or_else(|| short(id), |card| card.name.clone())
    }

    /// Who is responsible, in words.
    pub fn responsible(&self, stored: &Stored<Responsible>) -> String {
        match stored {
            Stored::Known(Responsible::Client) => "client".into(),
            Stored::Known(Responsible::Institution(institution)) => {
                self.institution(institution.as_str())
            }
            Stored::Known(Responsible::Person(institution, person)) => format!(
                "{} ({})",
                self.person(person.as_str()),
                self.institution(institution.as_str())
            ),
            Stored::Unknown(text) => text.clone(),
        }
    }

    /// Who pays, in words.
    pub fn payers(&self, stored: &Stored<PayerShares>) -> String {
        match stored {
            Stored::Known(shares) => {
                let parts: Vec<String> = shares
                    .iter()
                    .map(|(payer, share)| format!("{} {share}", self.institution(payer.as_str())))
                    .collect();
                parts.join(", ")
            }
            Stored::Unknown(text) => text.clone(),
        }
    }

    /// Who leads, in words.
    pub fn lead(&self, stored: &Stored<Lead>) -> String {
        match stored {
            Stored::Known(lead) => format!(
                "{} ({}{}), since {}",
                self.person(lead.person.as_str()),
                self.institution(lead.institution.as_str()),
                self.ended
                    .get(lead.institution.as_str())
                    .map_or_else(String::new, |ended| format!(", {ended}")),
                lead.since
            ),
            Stored::Unknown(text) => text.clone(),
        }
    }

    /// A stored text for people, in conflicts and differences: days as they write them, names
    /// instead of identifiers.
    pub fn in_text(&self, text: &str) -> String {
        if let Ok(date) = Date::parse(text) {
            return date.to_string();
        }
        if let Ok(number) = Ahvn13::parse(text) {
            return number.to_string();
        }
        if let Ok(lead) = Lead::parse(text) {
            return self.lead(&Stored::Known(lead));
        }
        if let Ok(shares) = PayerShares::parse(text) {
            return self.payers(&Stored::Known(shares));
        }
        if let Some(card) = self.directory.institutions.get(text) {
            return card.name.clone();
        }
        match Responsible::parse(text) {
            Ok(Responsible::Person(institution, person))
                if self.directory.people.contains_key(person.as_str()) =>
            {
                self.responsible(&Stored::Known(Responsible::Person(institution, person)))
            }
            _ => text.to_owned(),
        }
    }

    /// Reads who is responsible: the client, an institution or a person.
    ///
    /// # Errors
    /// Where nobody or several people match.
    pub fn parse_responsible(&self, input: &str) -> Result<Responsible, ClientError> {
        let wanted = input.trim();
        if wanted.eq_ignore_ascii_case("client") {
            return Ok(Responsible::Client);
        }
        let institution = self.find_institution(wanted);
        if let Ok(institution) = institution {
            return Ok(Responsible::Institution(institution));
        }
        let people = self.directory.people.iter().map(|(id, card)| {
            let institution = self.institution(&card.institution);
            (id.as_str(), card.name.clone(), institution)
        });
        let id = match find("institution or person", wanted, people) {
            Ok(id) => id,
            Err(error @ ClientError::Ambiguous { .. }) => return Err(error),
            Err(_) if self.names_a_body(wanted) => return Ok(Responsible::parse(wanted)?),
            Err(error) => return Err(institution.err().unwrap_or(error)),
        };
        let institution = self
            .directory
            .people
            .get(&id)
            .map_or_else(String::new, |card| card.institution.clone());
        Ok(Responsible::Person(
            InstitutionId::parse(&institution)?,
            PersonId::parse(&id)?,
        ))
    }

    /// `institution/person` where the case names the institution as a body.
    fn names_a_body(&self, input: &str) -> bool {
        input
            .split_once('/')
            .is_some_and(|(institution, _)| self.bodies.contains_key(institution))
    }

    /// Reads who pays: `IV-Stelle=50;RAV=50`.
    ///
    /// # Errors
    /// Where a payer is not known, or the shares do not sum to 100 %.
    pub fn parse_payers(&self, input: &str) -> Result<PayerShares, ClientError> {
        let mut shares = Vec::new();
        for part in input
            .split([';', ','])
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (payer, share) = part.rsplit_once('=').ok_or_else(|| {
                FieldError::new(
                    "payers",
                    "format",
                    "a part is not institution=share",
                    "write each payer with its share, 100 % together, e.g. \"IV-Stelle=50;RAV=50\"",
                )
            })?;
            let percent = Percent::parse(share.trim().trim_end_matches('%'))?;
            shares.push((self.find_institution(payer)?, percent));
        }
        Ok(PayerShares::new(shares)?)
    }

    /// Reads an institution: of the network, or one that the case names.
    ///
    /// # Errors
    /// Where none or several match.
    pub fn find_institution(&self, input: &str) -> Result<InstitutionId, ClientError> {
        let network = self
            .directory
            .institutions
            .iter()
            .map(|(id, card)| (id.as_str(), card.name.clone(), String::new()));
        let found = find("institution", input, network);
        let found = match found {
            Err(ClientError::NotFound { .. }) => {
                let bodies = self.bodies.iter();
                find(
                    "institution",
                    input,
                    bodies.map(|(id, name)| (id.as_str(), name.clone(), String::new())),
                )
            }
            other => other,
        };
        Ok(InstitutionId::parse(&found?)?)
    }
}

/// Exact identifier or name first, then a part of a name.
fn find<'a>(
    what: &'static str,
    input: &str,
    entries: impl Iterator<Item = (&'a str, String, String)>,
) -> Result<String, ClientError> {
    let wanted = input.trim().to_lowercase();
    let entries: Vec<_> = entries.collect();
    let exact = entries
        .iter()
        .find(|(id, name, _)| *id == wanted || name.to_lowercase() == wanted);
    if let Some((id, ..)) = exact {
        return Ok((*id).to_owned());
    }
    let found: Vec<_> = entries
        .iter()
        .filter(|(_, name, institution)| {
            !wanted.is_empty()
                && format!("{institution} {name}")
                    .to_lowercase()
                    .contains(&wanted)
        })
        .collect();
    match found.as_slice() {
        [(id, ..)] => Ok((*id).to_owned()),
        [] => Err(ClientError::NotFound {
            what,
            input: input.to_owned(),
        }),
        several => Err(ClientError::Ambiguous {
            what: "institutions or people",
            input: input.to_owned(),
            matches: several
                .iter()
                .map(|(_, name, institution)| format!("{institution} {name}").trim().to_owned())
                .collect(),
        }),
    }
}

/// Long hexadecimal identifiers say nothing to anybody.
fn short(id: &str) -> String {
    if id.len() == 64 {
        format!("unknown ({})", id.get(..8).unwrap_or(id))
    } else {
        id.to_owned()
    }
}
