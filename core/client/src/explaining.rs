//! Why somebody can or cannot see a section, in words: what stands, what waits, what ended.

use nahtlos_casework::SectionKind;
use nahtlos_casework::legal::LegalBases;
use nahtlos_protocol::identifier::{RecipientId, SpaceId};
use nahtlos_protocol::space::kind::Role;
use nahtlos_protocol::space::state::{EndReason, Grant, MemberId};
use nahtlos_protocol::space::{Logs, SpaceState};
use serde::Serialize;

use crate::cases::Case;
use crate::consent::without_last_day;
use crate::directory::Directory;
use crate::ending::{Reason, WHAT_STAYS_READABLE};
use crate::error::ClientError;
use crate::nahtlos::Nahtlos;
use crate::records::Intent;
use crate::share::{Chain, GrantLine};
use crate::team_people::is_recovery;

/// Why somebody can or cannot see a section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whom it is about.
    pub member: String,
    /// Section code.
    pub section: String,
    /// Their strongest role, none where they cannot see it.
    pub role: Option<&'static str>,
    /// Grants that lead to them, with basis.
    pub grants: Vec<GrantLine>,
    /// For each of them the chain from consent or law to the key; without any, what is missing.
    pub chains: Vec<Chain>,
    /// Rights that led to them and ended, latest first.
    pub ended: Vec<EndedLine>,
    /// What was decided here about these rights and waits for the next sync, each in words.
    pub waiting_changes: Vec<String>,
    /// Whether the current key is wrapped to them.
    pub holds_key: bool,
    /// In words, first line the answer.
    pub sentences: Vec<String>,
}

/// That somebody who had left a team is in it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LetInAgain {
    /// When, by the clock of who did it, Unix milliseconds.
    pub at_ms: u64,
    /// Who did it.
    pub by: String,
    /// Whether it was done with a recovery key.
    pub by_recovery_key: bool,
}

/// A right that ended, as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndedLine {
    /// Who held it: team or person.
    pub member: String,
    /// The team they were in, where it is the membership that ended.
    pub team: Option<String>,
    /// `read`, `write`, `manage`.
    pub role: &'static str,
    /// Legal basis or consent, as stated; none where it cannot be opened.
    pub basis: Option<String>,
    /// Of a membership: how they came into that team again afterwards, where they are in it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub let_in_again: Option<LetInAgain>,
    /// Who ended it.
    pub ended_by: String,
    /// When, by that person's clock, Unix milliseconds; for one that ran out, when it did.
    pub ended_at_ms: u64,
    /// Stable word: `expired`, `voided`, `healed`, or why it was ended (`consent_withdrawn`, …).
    pub reason: &'static str,
}

impl Nahtlos {
    /// Why a team or person can or cannot see a section; `bases` are the laws that are known here.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where this device does not know the section itself.
    pub fn explain_share(
        &self,
        case: &Case,
        kind: &SectionKind,
        member: &SpaceId,
        bases: &LegalBases,
    ) -> Result<Explanation, ClientError> {
        let directory = self.directory()?;
        let space = case.section(kind)?;
        let state = self.section_state(&space)?;
        let suspended = self.suspended(&state);
        let leading: Vec<&Grant> = state
            .live_grants()
            .filter(|grant| self.leads_to(grant, member))
            .collect();
        let stands = |grant: &&&Grant| {
            grant.is_confirmed() && grant.role.holds_keys() && !suspended.contains(&grant.id)
        };
        let role = leading.iter().filter(stands).map(|grant| grant.role).max();
        let mut grants: Vec<GrantLine> = leading
            .iter()
            .map(|grant| self.grant_line(&state, grant, &directory))
            .collect();
        grants.extend(self.waiting_grants(&space, &directory, |holder, _| {
            self.is_or_leads_to(holder, member)
        })?);
        let told = Told {
            name: directory.name(member),
            section: kind.code(),
            role,
            holds_key: leading
                .iter()
                .any(|grant| self.is_wrapped(&state, &grant.member)),
            closed: state.closed_at().is_some(),
            outside: self.is_outside(member),
            from_now: leading
                .iter()
                .filter(stands)
                .all(|grant| Self::is_from_now(grant)),
        };
        let ended = self.ended_lines(&state, member, &directory);
        let waiting_changes = self.waiting_changes(&space, &leading, member)?;
        let of_consents = self.consent_sentences(case, kind, member)?;
        let mut shown = grants.clone();
        if !of_consents.is_empty() {
            // They say until when, as it is now.
            for line in &mut shown {
                line.basis = line.basis.as_deref().map(without_last_day);
            }
        }
        let mut sentences = told.sentences(&shown, &ended);
        sentences.extend(waiting_changes.iter().cloned());
        sentences.extend(of_consents);
        let chains = self.chains(case, kind, member, &state, &shown, bases)?;
        sentences.extend(chains.iter().map(Chain::sentence));
        Ok(Explanation {
            chains,
            member: told.name,
            section: told.section,
            role: role.map(Role::word),
            grants,
            ended,
            waiting_changes,
            holds_key: told.holds_key,
            sentences,
        })
    }

    /// Ends, other roles and the closing that were decided here and are not carried out: of the
    /// section's own grants that lead to somebody, and of memberships on the way to them.
    fn waiting_changes(
        &self,
        section: &SpaceId,
        leading: &[&Grant],
        member: &SpaceId,
    ) -> Result<Vec<String>, ClientError> {
        let mut changes = Vec::new();
        for record in self.waiting_intents()? {
            let is_about = match &record.intent {
                Intent::Remove {
                    space,
                    grant,
                    member: removed,
                    ..
                } if space == section => leading.iter().any(|known| {
                    *grant == Some(known.id) || *removed == Some(known.member.recipient())
                }),
                // A membership of a team that holds the section.
                Intent::Remove {
                    space,
                    member: Some(removed),
                    ..
                } => {
                    let holds = |known: &&Grant| known.member == MemberId::Space(*space);
                    *removed == RecipientId::from(*member) && leading.iter().any(holds)
                }
                Intent::SetRole { space, grant, .. } => {
                    space == section && leading.iter().any(|known| *grant == known.id)
                }
                Intent::Close { space } => space == section,
                _ => false,
            };
            if is_about {
                let what = self.describe_intent(&record.intent)?;
                changes.push(format!(
                    "This is decided, and goes out with the next sync: {what}."
                ));
            }
        }
        Ok(changes)
    }

    /// Live grants of exactly this team or person, strongest first.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where this device does not know the section.
    pub fn grants_held_by(
        &self,
        case: &Case,
        kind: &SectionKind,
        member: &SpaceId,
    ) -> Result<Vec<GrantLine>, ClientError> {
        let directory = self.directory()?;
        let state = self.section_state(&case.section(kind)?)?;
        let mut own: Vec<&Grant> = state
            .live_grants()
            .filter(|grant| grant.member == MemberId::Space(*member))
            .collect();
        own.sort_by_key(|grant| std::cmp::Reverse(grant.role));
        Ok(own
            .into_iter()
            .map(|grant| self.grant_line(&state, grant, &directory))
            .collect())
    }

    /// Rights that led to somebody and ended: of the section itself, and memberships of teams that
    /// hold it. Latest first.
    fn ended_lines(
        &self,
        state: &SpaceState,
        member: &SpaceId,
        directory: &Directory,
    ) -> Vec<EndedLine> {
        let mut lines = Vec::new();
        for grant in state.grants() {
            let MemberId::Space(holder) = grant.member else {
                continue;
            };
            if grant.ended.is_some() && self.is_or_leads_to(&holder, member) {
                lines.extend(self.ended_line(state, grant, &holder, None, directory));
            }
            if grant.ended.is_some() || holder == *member {
                continue;
            }
            let Some(team) = self.logs().state(&holder) else {
                continue;
            };
            let left = team
                .grants()
                .iter()
                .filter(|inner| inner.ended.is_some() && inner.member == MemberId::Space(*member));
            let name = directory.name(&holder);
            let again = self.let_in_again(&team, member, directory);
            lines.extend(left.filter_map(|inner| {
                let line = self.ended_line(&team, inner, member, Some(name.clone()), directory)?;
                Some(EndedLine {
                    let_in_again: again.clone(),
                    ..line
                })
            }));
        }
        lines.sort_by_key(|line| std::cmp::Reverse(line.ended_at_ms));
        lines
    }

    /// How somebody came into a team, of whom an earlier membership in it has ended; none who is not in it.
    fn let_in_again(
        &self,
        team: &SpaceState,
        member: &SpaceId,
        directory: &Directory,
    ) -> Option<LetInAgain> {
        let mut stands = team.live_grants().filter(|grant| {
            grant.member == MemberId::Space(*member)
                && grant.is_confirmed()
                && grant.role.holds_keys()
        });
        let grant = stands.next()?;
        let by = self.person_in_or_above(&grant.added_by, &team.id());
        Some(LetInAgain {
            at_ms: grant.claimed_at_ms,
            by_recovery_key: by.is_some_and(|by| is_recovery(directory, &by)),
            by: by.map_or_else(
                || "somebody".to_owned(),
                |person| directory.person_name(&person),
            ),
        })
    }

    fn ended_line(
        &self,
        state: &SpaceState,
        grant: &Grant,
        holder: &SpaceId,
        team: Option<String>,
        directory: &Directory,
    ) -> Option<EndedLine> {
        let end = grant.ended?;
        let person = self.person_in_or_above(&end.by, &state.id());
        Some(EndedLine {
            member: directory.name(holder),
            team,
            role: grant.role.word(),
            basis: self.open_basis(state, grant),
            let_in_again: None,
            ended_by: person.map_or_else(
                || "somebody".to_owned(),
                |person| directory.person_name(&person),
            ),
            ended_at_ms: match (end.reason, grant.not_after_ms) {
                (EndReason::Expired, Some(ran_out_ms)) => ran_out_ms,
                _ => end.claimed_at_ms,
            },
            reason: match end.reason {
                EndReason::Removed(code) => {
                    Reason::from_code(code).map_or("unstated", Reason::word)
                }
                EndReason::Expired => "expired",
                EndReason::Voided => "voided",
                EndReason::Healed => "healed",
            },
        })
    }
}

/// What the answer is made of.
struct Told {
    name: String,
    section: String,
    role: Option<Role>,
    holds_key: bool,
    closed: bool,
    /// Whether their institution left the network.
    outside: bool,
    /// Whether everything that stands covers only what comes after it.
    from_now: bool,
}

impl Told {
    fn sentences(&self, grants: &[GrantLine], ended: &[EndedLine]) -> Vec<String> {
        let mut sentences = match self.role {
            // Closing caps what everybody may; the grant below it still says what was granted.
            Some(role) if self.closed && role != Role::Manage => {
                vec![format!("Yes: {} may read `{}`.", self.name, self.section)]
            }
            Some(role) => vec![format!(
                "Yes: {} may {} `{}`.",
                self.name,
                role.word(),
                self.section
            )],
            None => vec![self.no(grants, ended)],
        };
        sentences.extend(grants.iter().filter_map(|line| self.of_grant(line)));
        sentences.extend(ended.iter().map(of_end));
        if self.role.is_none() && grants.is_empty() && ended.is_empty() {
            sentences.push(
                "No grant leads to them: no consent and no legal basis stands for this section."
                    .into(),
            );
        }
        sentences.extend(self.about_keys(grants, ended).map(str::to_owned));
        if self.outside && self.role.is_some() {
            sentences.push(
                "Their institution left the network: the relay gives them nothing more, and this right ends, with a new key, when \
                 a device that manages the section syncs.".into(),
            );
        }
        if self.closed {
            sentences.push(
                "The section is closed: it is read, and nobody writes there any more, whatever they were granted.".into(),
            );
        }
        sentences
    }

    fn no(&self, grants: &[GrantLine], ended: &[EndedLine]) -> String {
        let (name, section) = (&self.name, &self.section);
        if !grants.is_empty() {
            return format!("Not yet: {name} cannot see `{section}`.");
        }
        if ended.is_empty() {
            return format!("No: {name} cannot see `{section}`.");
        }
        format!("No longer: {name} sees nothing new of `{section}`.")
    }

    fn of_grant(&self, line: &GrantLine) -> Option<String> {
        let basis = line
            .basis
            .as_deref()
            .unwrap_or("not readable on this device");
        let (member, role, by) = (&line.member, line.role, &line.granted_by);
        Some(match (line.state, self.role) {
            ("waits_for_sync", None) => {
                format!("Granted by {by} on {basis}; it takes effect with the next sync.")
            }
            ("waits_for_sync", Some(_)) => format!(
                "`{role}` was granted by {by} on {basis} too; that takes effect with the next sync."
            ),
            ("waits_for_confirmation", _) => format!(
                "{member} was added by {by}, and nobody who holds the key has confirmed it: see `nahtlos member waiting`."
            ),
            ("suspended", _) => format!(
                "{member} was added by {by}, whose own right had ended: a manager must confirm or refuse it, see `nahtlos member waiting`."
            ),
            _ => format!(
                "{member} ({}) was granted `{role}` by {by}, on the basis: {basis}.",
                line.institution
            ),
        })
    }

    fn about_keys(&self, grants: &[GrantLine], ended: &[EndedLine]) -> Option<&'static str> {
        match (self.role, self.holds_key) {
            (Some(_), true) if self.from_now => {
                Some("Their devices open what was written since then, and nothing written before.")
            }
            (Some(_), true) => Some("Their devices can open it."),
            (Some(_), false) => Some(
                "Their devices cannot open it yet: that follows with the next sync of who manages the section.",
            ),
            (None, _) if !grants.is_empty() => None,
            (None, _) if !ended.is_empty() => Some(WHAT_STAYS_READABLE),
            (None, _) => Some(
                "Without a grant their devices hold no key, so neither they nor the relay can open it.",
            ),
        }
    }
}

fn of_end(line: &EndedLine) -> String {
    let date = date_of(line.ended_at_ms).unwrap_or_else(|| "?".into());
    let why = match line.reason {
        "left" => " (left)",
        "device_lost" => " (device lost or stolen)",
        "consent_withdrawn" => " (the consent was withdrawn)",
        "basis_ended" => " (what it rested on ended)",
        "case_closed" => " (the case was closed)",
        "conflict_of_interest" => " (conflict of interest)",
        "replaced" => " (somebody else took over)",
        "compromised" => " (a key or device was in wrong hands)",
        "healed" => " (on a branch of the log that the relay had lost)",
        _ => "",
    };
    match (line.reason, &line.team) {
        ("expired", _) => format!(
            "The right of {} (`{}`) ran out on {date}.",
            line.member, line.role
        ),
        (_, Some(team)) => {
            let again = line.let_in_again.as_ref().map(|again| {
                let by = match again.by_recovery_key {
                    true => "the recovery key",
                    false => &again.by,
                };
                let on = date_of(again.at_ms).unwrap_or_else(|| "?".into());
                format!(" They are in {team} again: let in by {by} on {on}.")
            });
            format!(
                "{} left {team} on {date}: {} ended it{why}.{}",
                line.member,
                line.ended_by,
                again.unwrap_or_default()
            )
        }
        (_, None) => {
            let basis = line
                .basis
                .as_deref()
                .map_or_else(String::new, |basis| format!(", {basis}"));
            format!(
                "The right of {} (`{}`{basis}) was ended on {date} by {}{why}.",
                line.member, line.role, line.ended_by
            )
        }
    }
}

/// A day in Switzerland, as people there write it.
fn date_of(at_ms: u64) -> Option<String> {
    let timestamp = jiff::Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()?;
    let zone = jiff::tz::TimeZone::get("Europe/Zurich").unwrap_or(jiff::tz::TimeZone::UTC);
    Some(timestamp.to_zoned(zone).strftime("%d.%m.%Y").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(role: Option<Role>) -> Told {
        Told {
            name: "IV Team".into(),
            section: "plan".into(),
            role,
            holds_key: role.is_some(),
            outside: false,
            closed: false,
            from_now: false,
        }
    }

    fn line(state: &'static str) -> GrantLine {
        GrantLine {
            id: "00".into(),
            state,
            member: "IV Team".into(),
            outside: false,
            institution: "IV-Stelle".into(),
            role: "write",
            basis: Some("AVG35a1".into()),
            granted_by: "Anna Berger".into(),
            granted_at_ms: 0,
            not_after_ms: None,
            delivered: state != "waits_for_sync",
            people: Vec::new(),
        }
    }

    fn ended(reason: &'static str, team: Option<&str>) -> EndedLine {
        EndedLine {
            let_in_again: None,
            member: "Marc Iseli".into(),
            team: team.map(str::to_owned),
            role: "write",
            basis: Some("AVG35a1".into()),
            ended_by: "Anna Berger".into(),
            ended_at_ms: 1_800_000_000_000,
            reason,
        }
    }

    #[test]
    fn a_right_that_ended_says_when_by_whom_and_why() {
        let said = told(None).sentences(&[], &[ended("consent_withdrawn", None)]);
        assert!(said[0].starts_with("No longer:"), "{said:?}");
        for part in [
            "15.01.2027",
            "Anna Berger",
            "AVG35a1",
            "consent was withdrawn",
        ] {
            assert!(said[1].contains(part), "{part}: {said:?}");
        }
        let left = told(None).sentences(&[], &[ended("left", Some("IV Team"))]);
        assert!(left[1].contains("left IV Team on 15.01.2027"), "{left:?}");
        let expired = told(None).sentences(&[], &[ended("expired", None)]);
        assert!(expired[1].contains("ran out on 15.01.2027"), "{expired:?}");
    }

    #[test]
    fn what_waits_says_for_what() {
        for (state, part) in [
            ("waits_for_sync", "next sync"),
            ("waits_for_confirmation", "confirmed it"),
            ("suspended", "own right had ended"),
        ] {
            let said = told(None).sentences(&[line(state)], &[]);
            assert!(said[0].starts_with("Not yet:"), "{said:?}");
            assert!(said[1].contains(part), "{state}: {said:?}");
        }
    }

    #[test]
    fn what_stands_is_told_with_its_basis_and_what_it_does_not_cover() {
        let said = told(Some(Role::Write)).sentences(&[line("live")], &[]);
        assert_eq!(said[0], "Yes: IV Team may write `plan`.");
        assert!(said[1].contains("on the basis: AVG35a1"), "{said:?}");
        let cut = Told {
            from_now: true,
            closed: true,
            ..told(Some(Role::Read))
        };
        let said = cut.sentences(&[line("live")], &[]).join(" ");
        assert!(
            said.contains("nothing written before") && said.contains("closed"),
            "{said}"
        );
        let nothing = told(None).sentences(&[], &[]);
        assert!(
            nothing[0].starts_with("No:") && nothing[1].contains("No grant"),
            "{nothing:?}"
        );
    }
}
