//! Opening a case: its sections, each a space with a key of its own, and their first content, in
//! one transaction; and a further section of an existing case. Works offline.

use nahtlos_casework::edit::{CoreEdit, CoreField, Edit};
use nahtlos_casework::fields::{
    Canton, CaseNumber, Date, DeviceCode, Field, FieldError, InstitutionId, PersonId, Phase,
    UtcTime,
};
use nahtlos_casework::phase::of_new_case;
use nahtlos_casework::record::Lead;
use nahtlos_casework::{PLAIN_SECTIONS, SectionKind, containers};
use nahtlos_document::Document;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::kind::{Kind, Role};
use nahtlos_protocol::space::state::MemberId;
use nahtlos_protocol::space::{Draft, Logs, Prepared, authority};

use crate::cases::{Case, hex};
use crate::edits::{NewEdits, TypedEdit, put_edits, put_lines};
use crate::error::ClientError;
use crate::founding::create;
use crate::intents::{add_space, seal_basis};
use crate::nahtlos::{Nahtlos, put_device};
use crate::random;
use crate::records::{self, LabelRecord};
use crate::vault::{Collection, Transaction};

/// What the lead's own grant on a section rests on.
pub(crate) const LEAD_BASIS: &str = "lead";
/// Cases that a person's first device can open, and each further one.
const FIRST_DEVICE_CASES_MAX: u32 = 4999;
const FURTHER_DEVICE_CASES_MAX: u32 = 500;
/// The highest counter in a case number.
const COUNTER_MAX: u16 = 9999;
/// Places in logs as one character of a device code.
const CODE_ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

impl Nahtlos {
    /// Opens a case: makes its sections, each with a key of its own, managed by one's team, and
    /// fills them. A section that not every case has is opened if an edit is one of it. Works
    /// offline. It takes a phase as it is said, like [`Self::edit_case`]: what people open goes through
    /// [`Self::open_recorded_case`].
    ///
    /// # Errors
    /// [`ClientError::NotEnrolled`], [`ClientError::NotAdmitted`], [`ClientError::NoRight`] where this
    /// device may only read in its own team, or an edit that is not valid: then nothing is kept.
    pub fn open_case(&mut self, edits: &[Edit]) -> Result<CaseNumber, ClientError> {
        for edit in edits {
            edit.validate()?;
        }
        let number = self.number_of_new_case()?;
        let home = self.institution()?;
        let nonce = random::nonce(&mut random::system());
        let mut all = self.opening_edits(number)?;
        all.extend(edits.iter().cloned());
        let (mut prepared, mut labels, mut new) = (Vec::new(), Vec::new(), Vec::new());
        for kind in &self.sections_of_new_case(edits)? {
            let label = LabelRecord {
                kind: kind.code(),
                home,
                nonce,
            };
            let (section, first_edits) = self.new_section(kind, &label, |_| Ok(all.clone()))?;
            labels.push((first_edits.space, label));
            new.push(first_edits);
            prepared.push(section);
        }
        let case = labels
            .first()
            .map(|(_, label)| label.case())
            .ok_or(ClientError::NotEnrolled)?;
        let line = self.summarise_new(&case, &labels, &new)?;
        let mut device = self.device.clone();
        device.cases_opened += 1;
        self.store_own(&prepared, |transaction| {
            for (space, label) in &labels {
                put_label(transaction, space, label)?;
            }
            for edits in &new {
                put_edits(transaction, edits, 0)?;
            }
            put_lines(transaction, &[(case, line)])?;
            put_device(transaction, &device)
        })?;
        self.device = device;
        self.remember_edited(new);
        Ok(number)
    }

    /// Opens a case as a person does, from a file or a table: with the section `access`, so that what is read in
    /// it is recorded from the first day on, and in no phase behind the gates of `nahtlos_casework::phase`: it begins
    /// before its consent, whatever the edits say.
    ///
    /// # Errors
    /// As [`Self::open_case`].
    pub fn open_recorded_case(&mut self, edits: &[Edit]) -> Result<CaseNumber, ClientError> {
        let edits: Vec<Edit> = edits.iter().cloned().map(before_consent).collect();
        self.all_or_nothing(|nahtlos| {
            let number = nahtlos.open_case(&edits)?;
            let case = nahtlos.find_case(&number.canonical())?;
            if !case.sections.contains_key(&SectionKind::Access) {
                nahtlos.open_section(&case, &SectionKind::Access)?;
            }
            Ok(number)
        })
    }

    /// Whether this device can open a case now: to be asked before somebody types one.
    ///
    /// # Errors
    /// As [`Self::open_case`].
    pub fn require_case_opening(&self) -> Result<(), ClientError> {
        self.number_of_new_case()?;
        self.require_sending()
    }

    fn number_of_new_case(&self) -> Result<CaseNumber, ClientError> {
        if self.is_enrolment_unanswered()? {
            return Err(ClientError::NotEnrolled);
        }
        let number = self.next_case_number()?;
        self.require_writer_in_own_team("open a case")?;
        Ok(number)
    }

    /// The sections that a new case gets: those that every case has, and those that an edit is one of.
    fn sections_of_new_case(&self, edits: &[Edit]) -> Result<Vec<SectionKind>, ClientError> {
        let mut kinds: Vec<SectionKind> = PLAIN_SECTIONS.to_vec();
        kinds.retain(|kind| {
            kind.is_opened_at_once() || edits.iter().any(|edit| edit.section() == *kind)
        });
        for kind in edits.iter().map(Edit::section) {
            if kinds.contains(&kind) {
                continue;
            }
            if !kind.has_content() {
                return Err(not_filled(&kind).into());
            }
            if let SectionKind::Internal(institution) = &kind
                && *institution != self.institution()?.to_string()
            {
                return Err(ClientError::NoRight {
                    action: "open these notes",
                    reason:
                        "the institution whose notes they are does this; leave them out of the file"
                            .to_owned(),
                });
            }
            kinds.push(kind);
        }
        Ok(kinds)
    }

    /// Opens a section that a case does not have yet, empty, with a key of its own and managed by
    /// one's team. Works offline.
    ///
    /// Only the institution that opened the case can do it: others take a section for a part of the
    /// case only if it was founded there. Notes of an institution (`internal/<institution>`) that
    /// institution opens itself, in every case that it takes part in.
    ///
    /// # Errors
    /// [`ClientError::SectionExists`]; [`ClientError::NoRight`] where one does not manage the case's
    /// core or the case is another institution's; [`ClientError::Field`] for a section that this
    /// version does not fill. Nothing is kept then.
    pub fn open_section(&mut self, case: &Case, kind: &SectionKind) -> Result<(), ClientError> {
        if kind.as_slice().is_some() {
            return Err(FieldError::new(
                "section",
                "slice",
                "a slice is written with its content, for whom it is shared with",
                "use `nahtlos share slice CASE SECTION --to TEAM`",
            )
            .into());
        }
        self.open_section_with(case, kind, |_, _| Ok(Vec::new()), |_| Ok(()))
    }

    /// The same with first edits, made for the new space, and what belongs to them, in one transaction.
    pub(crate) fn open_section_with(
        &mut self,
        case: &Case,
        kind: &SectionKind,
        edits: impl FnOnce(&Self, &SpaceId) -> Result<Vec<Edit>, ClientError>,
        also: impl FnOnce(&Transaction<'_>) -> Result<(), ClientError>,
    ) -> Result<(), ClientError> {
        let (case, label) = self.checked_opening(case, kind)?;
        let (section, edits) =
            self.new_section(kind, &label, |space: &SpaceId| edits(self, space))?;
        let space = edits.space;
        let mut line = self.line_with_section(&case, kind, &edits)?;
        line.undelivered += edits.records.len() as u64;
        self.store_own(&[section], |transaction| {
            put_label(transaction, &space, &label)?;
            put_edits(transaction, &edits, 0)?;
            put_lines(transaction, &[(case.id, line)])?;
            also(transaction)
        })?;
        self.remember_edited(vec![edits]);
        Ok(())
    }

    /// Whether [`Self::open_section`] is possible.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn require_openable(
        &self,
        case: &Case,
        kind: &SectionKind,
    ) -> Result<(), ClientError> {
        self.checked_opening(case, kind).map(|_| ())
    }

    fn checked_opening(
        &self,
        case: &Case,
        kind: &SectionKind,
    ) -> Result<(Case, LabelRecord), ClientError> {
        if !kind.has_content() {
            return Err(not_filled(kind).into());
        }
        let action = "open a section of this case";
        self.require_writer_in_own_team(action)?;
        let case = self.case(&hex(&case.id))?;
        // An enquiry stands alone: beside it, or it beside a case, each would tell of the other.
        if *kind == SectionKind::Enquiry || case.sections.contains_key(&SectionKind::Enquiry) {
            return Err(ClientError::NoRight {
                action,
                reason: "an anonymous enquiry is no case and part of none".to_owned(),
            });
        }
        if case.sections.contains_key(kind) {
            return Err(ClientError::SectionExists {
                section: kind.code(),
            });
        }
        let label = match kind {
            SectionKind::Internal(institution) => self.label_of_notes(&case, institution)?,
            _ => self.label_of_part(&case, kind, action)?,
        };
        Ok((case, label))
    }

    /// The label of a section that the institution at home opens.
    fn label_of_part(
        &self,
        case: &Case,
        kind: &SectionKind,
        action: &'static str,
    ) -> Result<LabelRecord, ClientError> {
        let core = case.section(&SectionKind::Core)?;
        self.require_manager(&core, action)?;
        self.require_own_team_manages(&core, action)?;
        let label = LabelRecord {
            kind: kind.code(),
            ..self.label(&core)?
        };
        if label.home != self.institution()? {
            return Err(ClientError::NoRight {
                action,
                reason: "the institution that opened the case does this".to_owned(),
            });
        }
        Ok(label)
    }

    /// The label of an institution's own notes, which it opens in every case that it takes part in.
    fn label_of_notes(&self, case: &Case, institution: &str) -> Result<LabelRecord, ClientError> {
        if institution != self.institution()?.to_string() {
            return Err(ClientError::NoRight {
                action: "open these notes",
                reason: "the institution whose notes they are does this".to_owned(),
            });
        }
        let shared = case
            .sections
            .values()
            .next()
            .ok_or(ClientError::NotShared {
                section: SectionKind::Core.code(),
            })?;
        Ok(LabelRecord {
            kind: SectionKind::Internal(institution.to_owned()).code(),
            ..self.label(shared)?
        })
    }

    /// A section's manager is the team: what a reader of it founds, nobody accepts edits of, and
    /// everybody would have an empty case for ever.
    pub(crate) fn require_writer_in_own_team(
        &self,
        action: &'static str,
    ) -> Result<(), ClientError> {
        let team = self.device.team.ok_or(ClientError::NotEnrolled)?;
        let right = authority::right(&self.logs(), &self.device_id, &team);
        if right.at_least(Role::Write) {
            return Ok(());
        }
        let name = self.shared_directory()?.name(&team);
        let reason = match right.role {
            Some(_) => format!("you may only read in {name}"),
            None => format!("you do not belong to {name} any more"),
        };
        Err(ClientError::NoRight { action, reason })
    }

    /// A new section is managed by this device's team; where another team leads the case, its people
    /// would not even see it.
    fn require_own_team_manages(
        &self,
        space: &SpaceId,
        action: &'static str,
    ) -> Result<(), ClientError> {
        let team = self.device.team.map(MemberId::Space);
        let manages = self.logs().load(space)?.is_some_and(|state| {
            state
                .live_grants()
                .any(|grant| Some(grant.member) == team && grant.role == Role::Manage)
        });
        if manages {
            return Ok(());
        }
        Err(ClientError::NoRight {
            action,
            reason: "another team leads the case".to_owned(),
        })
    }

    /// A section's founding operation, and those of the edits that are its own, applied to its new
    /// document. Nothing is stored.
    pub(crate) fn new_section(
        &self,
        kind: &SectionKind,
        label: &LabelRecord,
        edits: impl FnOnce(&SpaceId) -> Result<Vec<Edit>, ClientError>,
    ) -> Result<(Prepared, NewEdits), ClientError> {
        let section = self.found_section(label)?;
        let space = section.state.id();
        let edits = edits(&space)?;
        let mut document = Document::genesis(containers(kind))?;
        document.set_actor(self.actor(&space));
        let edits: Vec<TypedEdit> = edits
            .iter()
            .filter(|edit| edit.section() == *kind)
            .map(|edit| TypedEdit::Case(edit.clone()))
            .collect();
        let new = self.make_edits_on(document, &space, &edits)?;
        Ok((section, new))
    }

    pub(crate) fn found_section(&self, label: &LabelRecord) -> Result<Prepared, ClientError> {
        self.found_section_saying(Some(records::encode(label)))
    }

    pub(crate) fn found_section_saying(
        &self,
        label: Option<Vec<u8>>,
    ) -> Result<Prepared, ClientError> {
        let team = self.device.team.ok_or(ClientError::NotEnrolled)?;
        let mut epoch = self.fresh_epoch();
        epoch.label = label;
        let grant = random::grant_id();
        let basis = seal_basis(&epoch.seed, &grant, LEAD_BASIS);
        let draft = Draft::new()
            .effect(create(Kind::Section, self.device.institution, None))
            .effect(add_space(grant, team, Role::Manage, basis, None))
            .epoch(epoch);
        self.prepare(draft, &[], None)
    }

    /// Number, phase and lead of a new case.
    fn opening_edits(&self, number: CaseNumber) -> Result<Vec<Edit>, ClientError> {
        let lead = Lead {
            institution: InstitutionId::parse(&self.institution()?.to_string())?,
            person: PersonId::parse(&self.person()?.to_string())?,
            since: self.today()?,
            until: None,
        };
        let set = |field| Edit::Core(CoreEdit::Set(field));
        Ok(vec![
            set(CoreField::CaseNumber(number)),
            set(CoreField::Phase(Phase::Reported)),
            set(CoreField::Lead(lead)),
        ])
    }

    /// This moment, by this device's clock.
    ///
    /// # Errors
    /// [`ClientError::Field`] for a clock beyond the year 9999.
    pub fn now(&self) -> Result<UtcTime, ClientError> {
        let seconds = i64::try_from(self.now_ms() / 1000).unwrap_or(i64::MAX);
        Ok(UtcTime::from_seconds(seconds)?)
    }

    /// Today in Switzerland.
    pub fn today(&self) -> Result<Date, ClientError> {
        Self::day_of(self.now_ms())
    }

    /// The day of a time, Unix milliseconds, in Switzerland.
    pub(crate) fn day_of(time_ms: u64) -> Result<Date, ClientError> {
        let millis = i64::try_from(time_ms).unwrap_or(i64::MAX);
        let timestamp =
            jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let zone = jiff::tz::TimeZone::get("Europe/Zurich").unwrap_or(jiff::tz::TimeZone::UTC);
        let date = timestamp.to_zoned(zone).date();
        Ok(Date::new(date.year(), date.month(), date.day())?)
    }

    /// A number no other device can make: the institution's place in the network, a code from the
    /// team's and person's places in their logs, and a counter of this device among the person's.
    fn next_case_number(&self) -> Result<CaseNumber, ClientError> {
        let directory = self.directory()?;
        let canton = directory
            .network
            .map_or_else(|| "BE".to_owned(), |card| card.canton.clone());
        let network = self.network()?;
        let institution = self.institution()?;
        let team = self.device.team.ok_or(ClientError::NotEnrolled)?;
        let place = |space: &SpaceId, member: SpaceId| self.place(space, member);
        let number = place(&network, institution).and_then(|place| u16::try_from(place + 1).ok());
        let letter = |place: Option<usize>| {
            place
                .and_then(|place| CODE_ALPHABET.chars().nth(place))
                .ok_or(ClientError::NoCaseNumber)
        };
        let code = [
            letter(place(&institution, team))?,
            letter(place(&team, self.person()?))?,
        ];
        let counter = self
            .place_among_devices()?
            .and_then(|place| counter_of(place, self.device.cases_opened.saturating_add(1)));
        let (year, _, _) = self.today()?.parts();
        Ok(CaseNumber::make(
            Canton::parse(&canton)?,
            u16::try_from(year).map_err(|_| ClientError::NoCaseNumber)?,
            number.ok_or(ClientError::NoCaseNumber)?,
            DeviceCode::parse(&code.iter().collect::<String>())?,
            counter.ok_or(ClientError::NoCaseNumber)?,
        )?)
    }

    /// The place of this device among all that its person ever had: never reused.
    fn place_among_devices(&self) -> Result<Option<usize>, ClientError> {
        let state = self.logs().load(&self.person()?)?;
        let own = MemberId::Device(self.device_id);
        Ok(state.and_then(|state| {
            let grants = state.grants().iter().map(|grant| grant.member);
            let mut devices = grants.filter(|member| matches!(member, MemberId::Device(_)));
            devices.position(|member| member == own)
        }))
    }

    /// The place of a member among all grants to member spaces there ever were: never reused.
    fn place(&self, space: &SpaceId, member: SpaceId) -> Option<usize> {
        let state = self.logs().state(space)?;
        let mut members = Vec::new();
        for grant in state.grants() {
            if let MemberId::Space(id) = grant.member
                && !members.contains(&id)
            {
                members.push(id);
            }
        }
        members.iter().position(|id| *id == member)
    }
}

/// The counter in the number of a device's case, by the device's place among its person's. The first has
/// the lower half, ten further ones a share of the upper half each: no two make the same.
fn counter_of(place: usize, opened: u32) -> Option<u16> {
    let before = match place.checked_sub(1) {
        None => (opened <= FIRST_DEVICE_CASES_MAX).then_some(0)?,
        Some(further) => {
            let further = u32::try_from(further).ok()?;
            let share = (opened <= FURTHER_DEVICE_CASES_MAX).then_some(FURTHER_DEVICE_CASES_MAX)?;
            share
                .checked_mul(further)?
                .checked_add(FIRST_DEVICE_CASES_MAX)?
        }
    };
    let counter = u16::try_from(before.checked_add(opened)?).ok()?;
    (counter <= COUNTER_MAX).then_some(counter)
}

pub(crate) fn put_label(
    transaction: &Transaction<'_>,
    space: &SpaceId,
    label: &LabelRecord,
) -> Result<(), ClientError> {
    let value = records::encode(label);
    transaction.put(Collection::Label, &label.case().0, &space.0, 0, &value)?;
    Ok(())
}

/// No file says that the person of this case has consented.
fn before_consent(edit: Edit) -> Edit {
    match edit {
        Edit::Core(CoreEdit::Set(CoreField::Phase(said))) => {
            Edit::Core(CoreEdit::Set(CoreField::Phase(of_new_case(said))))
        }
        edit => edit,
    }
}

fn not_filled(kind: &SectionKind) -> FieldError {
    let filled: Vec<String> = PLAIN_SECTIONS.iter().map(SectionKind::code).collect();
    FieldError::new(
        "section",
        "section_not_filled",
        format!("this version cannot fill the section {kind}"),
        format!("open one of {}", filled.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn devices_of_one_person_never_count_alike() {
        assert_eq!(counter_of(0, 1), Some(1));
        assert_eq!(counter_of(0, 5000), None);
        assert_eq!(counter_of(1, 1), Some(5000));
        assert_eq!(counter_of(10, 500), Some(9999));
        assert_eq!(counter_of(1, 501), None);
        assert_eq!(counter_of(11, 1), None);
        let mut made = BTreeSet::new();
        for place in 0..12 {
            for opened in 1..6000 {
                if let Some(counter) = counter_of(place, opened) {
                    assert!((1..=COUNTER_MAX).contains(&counter));
                    assert!(made.insert(counter), "{counter} is made twice");
                }
            }
        }
        assert_eq!(made.len(), usize::from(COUNTER_MAX));
    }
}
