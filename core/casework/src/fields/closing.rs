//! Why a case is closed or opened again, and what a decision about competence settles.

use super::coded_enum;

coded_enum! {
    /// Why a case is closed.
    ClosingReason, "closing_reason",
    "write one of employment, training, supported_work, pension, stabilised, other_support, \
     not_eligible, declined, consent_withdrawn, contact_lost, moved_away, deceased, opened_by_mistake, other" {
        /// Work in the first labour market.
        Employment = "employment",
        /// An apprenticeship or another training.
        Training = "training",
        /// Supported work.
        SupportedWork = "supported_work",
        /// A pension.
        Pension = "pension",
        /// Stable, without work.
        Stabilised = "stabilised",
        /// One institution goes on alone.
        OtherSupport = "other_support",
        /// No need for working together.
        NotEligible = "not_eligible",
        /// The person does not wish it.
        Declined = "declined",
        /// The person took their consent back.
        ConsentWithdrawn = "consent_withdrawn",
        /// The person cannot be reached.
        ContactLost = "contact_lost",
        /// The person lives elsewhere.
        MovedAway = "moved_away",
        /// The person died.
        Deceased = "deceased",
        /// There should be no such case, e.g. it was opened twice.
        OpenedByMistake = "opened_by_mistake",
        /// Something else, which the note says.
        Other = "other",
    }
}

coded_enum! {
    /// Why a closed case is opened again.
    ReopeningReason, "reopening_reason",
    "write one of job_lost, training_broken_off, new_need, health, consent_again, returned, closed_by_mistake, other" {
        /// The work ended.
        JobLost = "job_lost",
        /// The training ended early.
        TrainingBrokenOff = "training_broken_off",
        /// Another need.
        NewNeed = "new_need",
        /// Health has changed.
        Health = "health",
        /// The person consents again.
        ConsentAgain = "consent_again",
        /// The person is back, or was found again.
        Returned = "returned",
        /// It should not have been closed.
        ClosedByMistake = "closed_by_mistake",
        /// Something else, which the note says.
        Other = "other",
    }
}

coded_enum! {
    /// What a decision about competence settles.
    CompetenceKind, "competence", "write lead or payer" {
        /// Who leads the case.
        Lead = "lead",
        /// Who pays.
        Payer = "payer",
    }
}

impl ClosingReason {
    /// German, French and English.
    pub const fn names(self) -> [&'static str; 3] {
        match self {
            Self::Employment => [
                "Stelle im ersten Arbeitsmarkt",
                "emploi sur le marché primaire",
                "work in the first labour market",
            ],
            Self::Training => ["Ausbildung", "formation", "training"],
            Self::SupportedWork => ["begleitete Arbeit", "emploi accompagné", "supported work"],
            Self::Pension => ["Rente", "rente", "pension"],
            Self::Stabilised => ["stabilisiert", "situation stabilisée", "stabilised"],
            Self::OtherSupport => [
                "eine Stelle begleitet allein weiter",
                "un seul organisme poursuit le suivi",
                "one institution goes on alone",
            ],
            Self::NotEligible => [
                "kein Bedarf an Zusammenarbeit",
                "pas d'indication pour la collaboration",
                "no need for working together",
            ],
            Self::Declined => [
                "von der Person nicht gewünscht",
                "non souhaité par la personne",
                "declined by the person",
            ],
            Self::ConsentWithdrawn => [
                "Einwilligung widerrufen",
                "consentement retiré",
                "consent withdrawn",
            ],
            Self::ContactLost => ["Kontakt verloren", "contact perdu", "contact lost"],
            Self::MovedAway => ["weggezogen", "départ", "moved away"],
            Self::Deceased => ["verstorben", "décès", "deceased"],
            Self::OpenedByMistake => [
                "irrtümlich eröffnet",
                "ouvert par erreur",
                "opened by mistake",
            ],
            Self::Other => ["anderer Grund", "autre motif", "another reason"],
        }
    }

    /// Whether the person can be asked later how they are.
    pub const fn is_followed_up(self) -> bool {
        !matches!(self, Self::Deceased | Self::OpenedByMistake)
    }
}

impl ReopeningReason {
    /// German, French and English.
    pub const fn names(self) -> [&'static str; 3] {
        match self {
            Self::JobLost => ["Stelle verloren", "perte d'emploi", "job lost"],
            Self::TrainingBrokenOff => [
                "Ausbildung abgebrochen",
                "formation interrompue",
                "training broken off",
            ],
            Self::NewNeed => ["neuer Bedarf", "nouveau besoin", "another need"],
            Self::Health => [
                "gesundheitliche Veränderung",
                "évolution de la santé",
                "health has changed",
            ],
            Self::ConsentAgain => [
                "erneut eingewilligt",
                "nouveau consentement",
                "consents again",
            ],
            Self::Returned => ["wieder da", "de retour", "is back"],
            Self::ClosedByMistake => [
                "irrtümlich abgeschlossen",
                "clôturé par erreur",
                "closed by mistake",
            ],
            Self::Other => ["anderer Grund", "autre motif", "another reason"],
        }
    }
}

impl CompetenceKind {
    /// German, French and English.
    pub const fn names(self) -> [&'static str; 3] {
        match self {
            Self::Lead => ["Fallführung", "conduite du cas", "case lead"],
            Self::Payer => ["Kostenträger", "organisme payeur", "payer"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn the_lists_are_closed_and_each_code_has_three_names() {
        ClosingReason::ALL.iter().for_each(assert_round_trip);
        ReopeningReason::ALL.iter().for_each(assert_round_trip);
        CompetenceKind::ALL.iter().for_each(assert_round_trip);
        for wrong in ["", "because", "Stelle"] {
            assert_eq!(refusal::<ClosingReason>(wrong), "unknown_code", "{wrong}");
            assert_eq!(refusal::<ReopeningReason>(wrong), "unknown_code", "{wrong}");
            assert_eq!(refusal::<CompetenceKind>(wrong), "unknown_code", "{wrong}");
        }
        let closing = ClosingReason::ALL.iter().map(|reason| reason.names());
        let reopening = ReopeningReason::ALL.iter().map(|reason| reason.names());
        let competence = CompetenceKind::ALL.iter().map(|kind| kind.names());
        for names in closing.chain(reopening).chain(competence) {
            assert!(names.iter().all(|name| !name.is_empty()));
        }
    }
}
