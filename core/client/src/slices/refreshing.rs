//! Slices follow their sources: at a sync, where a section of which there are slices has changed.
//!
//! Cost follows what changed. A section that was changed by others leaves a mark, one that was changed here
//! stands in the outbox; of both, the slices are looked at, and nothing else.

use std::collections::BTreeSet;

use nahtlos_casework::SectionKind;
use nahtlos_casework::edit::SliceState;
use nahtlos_casework::fields::InstitutionId;
use nahtlos_casework::slice::Slice;
use nahtlos_casework::view::ConsentView;
use nahtlos_protocol::identifier::SpaceId;
use nahtlos_protocol::space::authority;
use nahtlos_protocol::space::effect::History;
use nahtlos_protocol::space::kind::Role;

use super::{By, Reader, code_of};
use crate::cases::{Case, hex};
use crate::consent::{consent_in, member_id, short_name};
use crate::ending::Reason;
use crate::error::ClientError;
use crate::intents::put_intent;
use crate::nahtlos::Nahtlos;
use crate::random;
use crate::records::{self, Intent, LabelRecord};
use crate::vault::{Collection, Transaction};

/// Group in `Collection::Setting`: sections that changed and of which there are slices; key = `s` ‖ space.
const MARKED: &[u8] = b"slice-sources";

/// Remembers that a section changed, until its slices are looked at.
pub(crate) fn mark_source(
    transaction: &Transaction<'_>,
    case: &Case,
    touched: &BTreeSet<SpaceId>,
) -> Result<(), ClientError> {
    if !case.sections.keys().any(|kind| kind.as_slice().is_some()) {
        return Ok(());
    }
    for space in touched {
        let key = [b"s".as_slice(), &space.0].concat();
        transaction.put(Collection::Setting, MARKED, &key, 0, &space.0)?;
    }
    Ok(())
}

/// All slices of a section for one institution.
struct Series {
    case: Case,
    of: SectionKind,
    institution: InstitutionId,
}

impl Nahtlos {
    /// Brings up to date what slices of the changed sections hold and who reads them. What this device may not
    /// do is left to who may.
    pub(crate) fn look_after_slices(&mut self) -> Result<(), ClientError> {
        if self.require_sending().is_err() {
            return Ok(());
        }
        let marked = self.vault.list(Collection::Setting, MARKED)?;
        let mut changed = self.spaces_to_seal()?;
        changed.extend(
            marked
                .iter()
                .filter_map(|(_, space)| SpaceId::from_slice(space)),
        );
        for series in self.series_of(&changed)? {
            let followed = self.all_or_nothing(|nahtlos| nahtlos.follow(&series));
            // Not readable or not this device's to write: who can does it.
            if let Err(error @ (ClientError::Vault(_) | ClientError::DamagedRecord { .. })) =
                followed
            {
                return Err(error);
            }
        }
        if marked.is_empty() {
            return Ok(());
        }
        self.commit(|transaction| {
            transaction.delete_group(Collection::Setting, MARKED)?;
            Ok(())
        })
    }

    /// The slices that may have to change since these sections did. What consents say concerns them all.
    fn series_of(&self, changed: &BTreeSet<SpaceId>) -> Result<Vec<Series>, ClientError> {
        let (mut found, mut known) = (Vec::new(), BTreeSet::new());
        for space in changed {
            let Some(bytes) = self.vault.get(Collection::Label, &space.0)? else {
                continue;
            };
            let label: LabelRecord = records::decode(&bytes)?;
            let kind = SectionKind::from_code(&label.kind);
            let case = self.case(&hex(&label.case()))?;
            let slices = case.sections.keys().filter_map(SectionKind::as_slice);
            let about = slices.filter(|slice| {
                kind == SectionKind::Consent
                    || kind == *slice.of()
                    || kind
                        .as_slice()
                        .is_some_and(|changed| changed.follows_or_precedes(slice))
            });
            for slice in about {
                let (of, institution) = (slice.of().clone(), slice.institution().clone());
                if known.insert((case.id.0, of.clone(), institution.clone())) {
                    found.push(Series {
                        case: case.clone(),
                        of,
                        institution,
                    });
                }
            }
        }
        Ok(found)
    }

    /// Ends what no consent covers any more, writes what has changed, and leads readers of an earlier slice
    /// to the present one.
    fn follow(&mut self, series: &Series) -> Result<(), ClientError> {
        let Series {
            case,
            of,
            institution,
        } = series;
        let Some((newest, space)) = self.newest_slice(case, of, institution) else {
            return Ok(());
        };
        if !authority::right(&self.logs(), &self.device_id, &space).at_least(Role::Manage) {
            return Ok(());
        }
        self.end_uncovered_readers(series)?;
        let mut readers = 0;
        for (_, space) in self.spaces_of(series)? {
            readers += self.readers_of_slice(&space)?.len();
        }
        let Some(rule) = self
            .slice_rule_of_institution(of, institution)?
            .filter(|_| readers > 0)
        else {
            return Ok(());
        };
        let content = self.content_of_slice(case, of, institution, rule)?;
        let state = content.state_of(&*self.shared_document(&space)?, &code_of(&newest));
        let target = match (state, newest.next()) {
            (SliceState::Current, _) => space,
            (SliceState::HoldsMore, Some(next)) => {
                self.found_slice(case, &next, content)?;
                self.case(&hex(&case.id))?.section(&code_of(&next))?
            }
            (SliceState::Behind | SliceState::HoldsMore, _) => {
                self.rewrite_slice(&space, &newest, content)?;
                space
            }
        };
        self.move_readers(case, of, institution, &target)
    }

    fn spaces_of(&self, series: &Series) -> Result<Vec<(Slice, SpaceId)>, ClientError> {
        let mut slices = self.slices_of(&series.case.id, &series.of)?;
        slices.retain(|(slice, _)| *slice.institution() == series.institution);
        Ok(slices)
    }

    /// Whoever reads another slice of the series reads this one instead.
    pub(super) fn move_readers(
        &mut self,
        case: &Case,
        of: &SectionKind,
        institution: &InstitutionId,
        target: &SpaceId,
    ) -> Result<(), ClientError> {
        let mut there: BTreeSet<(SpaceId, String)> = BTreeSet::new();
        for reader in self.readers_of_slice(target)? {
            there.insert((reader.member, reader.basis));
        }
        for (slice, space) in self.slices_of(&case.id, of)? {
            if space == *target || slice.institution() != institution {
                continue;
            }
            for reader in self.readers_of_slice(&space)? {
                let is_new = there.insert((reader.member, reader.basis.clone()));
                let follows = is_new.then_some(target);
                self.end_reader(&space, &reader, Reason::Replaced, follows)?;
            }
        }
        Ok(())
    }

    /// Ends what lets somebody read a slice; where they go over to another one, decides that too.
    fn end_reader(
        &mut self,
        space: &SpaceId,
        reader: &Reader,
        reason: Reason,
        follows: Option<&SpaceId>,
    ) -> Result<(), ClientError> {
        let mut decisions = Vec::new();
        if let Some(target) = follows {
            let intent = Intent::Grant {
                space: *target,
                grant: random::grant_id(),
                member: reader.member,
                role: Role::Read,
                basis: reader.basis.clone(),
                not_after_ms: reader.not_after_ms,
                history: History::Full,
            };
            decisions.push(self.decision_about(intent, target)?);
        }
        if let By::Grant(grant) = reader.by {
            let intent = Intent::Remove {
                space: *space,
                grant: Some(grant),
                member: None,
                reason: reason.code(),
            };
            decisions.push(self.decision_about(intent, space)?);
        }
        self.commit(|transaction| {
            if let By::Decision(waiting) = reader.by {
                transaction.delete(Collection::Intent, &waiting.0)?;
            }
            let mut decisions = decisions.iter();
            decisions.try_for_each(|decision| put_intent(transaction, decision))
        })
    }

    /// A slice that rests on a consent ends with it, also where a colleague wrote it while the withdrawal was
    /// recorded.
    fn end_uncovered_readers(&mut self, series: &Series) -> Result<(), ClientError> {
        let Ok(consents) = self.known_consents(&series.case) else {
            return Ok(());
        };
        for (_, space) in self.spaces_of(series)? {
            for reader in self.readers_of_slice(&space)? {
                if self.is_uncovered(series, &consents, &reader)? {
                    self.end_reader(&space, &reader, Reason::ConsentWithdrawn, None)?;
                }
            }
        }
        Ok(())
    }

    /// Whether a reader's consent is known and covers them no more. By the earlier of two clocks, since one
    /// may be ahead; what ends by its own time does so by itself.
    fn is_uncovered(
        &self,
        series: &Series,
        consents: &ConsentView,
        reader: &Reader,
    ) -> Result<bool, ClientError> {
        let now_ms = self.sure_now_ms()?;
        if reader.not_after_ms.is_some_and(|end_ms| end_ms <= now_ms) {
            return Ok(false);
        }
        let Some(name) = consent_in(&reader.basis) else {
            return Ok(false);
        };
        let (member, today) = (member_id(&reader.member)?, Self::day_of(now_ms)?);
        let coverage = consents.coverage();
        let mut about = coverage.iter().filter(|coverage| {
            coverage.share.section == series.of
                && coverage.share.member == member
                && short_name(&coverage.consent) == name
        });
        let is_known = about.clone().next().is_some();
        Ok(is_known && !about.any(|coverage| coverage.is_in_force_on(today)))
    }
}
