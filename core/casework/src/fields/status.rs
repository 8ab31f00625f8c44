//! Closed lists that say how far something is.

use super::coded_enum;

coded_enum! {
    /// How far a case is. Before `consented` nothing personal leaves the reporting institution.
    Phase, "phase", "write one of reported, preclarified, consented, assessed, planned, running, paused, closing, closed, reopened, archived, deleted" {
        Reported = "reported",
        Preclarified = "preclarified",
        Consented = "consented",
        Assessed = "assessed",
        Planned = "planned",
        Running = "running",
        Paused = "paused",
        Closing = "closing",
        Closed = "closed",
        Reopened = "reopened",
        Archived = "archived",
        Deleted = "deleted",
    }
}

coded_enum! {
    /// How far a goal is.
    GoalStatus, "goal_status", "write one of open, active, reached, partly, not_reached, dropped" {
        Open = "open",
        Active = "active",
        Reached = "reached",
        Partly = "partly",
        NotReached = "not_reached",
        Dropped = "dropped",
    }
}

coded_enum! {
    /// How far a step is. `approved` is never set by hand: it follows from the payers' approvals.
    StepStatus, "step_status", "write one of planned, requested, running, done, aborted, refused" {
        Planned = "planned",
        Requested = "requested",
        Approved = "approved",
        Running = "running",
        Done = "done",
        Aborted = "aborted",
        Refused = "refused",
    }
}

coded_enum! {
    /// How far a task is.
    TaskStatus, "task_status", "write one of open, in_progress, done, cancelled" {
        Open = "open",
        InProgress = "in_progress",
        Done = "done",
        Cancelled = "cancelled",
    }
}

coded_enum! {
    /// 1 is first.
    Priority, "priority", "write 1, 2 or 3; 1 is first" {
        First = "1",
        Second = "2",
        Third = "3",
    }
}

coded_enum! {
    /// What a journal entry reports.
    JournalKind, "journal_kind", "write one of call, visit, mail, meeting, note, decision, event" {
        Call = "call",
        Visit = "visit",
        Mail = "mail",
        Meeting = "meeting",
        Note = "note",
        Decision = "decision",
        Event = "event",
    }
}

coded_enum! {
    /// Where the integration plan leads.
    OverallTarget, "target", "write one of first_labour_market, supported, eba_efz, stabilisation, social" {
        FirstLabourMarket = "first_labour_market",
        Supported = "supported",
        VocationalTraining = "eba_efz",
        Stabilisation = "stabilisation",
        Social = "social",
    }
}

impl TaskStatus {
    /// True while somebody still has to do something.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::InProgress)
    }
}

impl StepStatus {
    /// True if the step can only end with a reason.
    pub const fn needs_reason(self) -> bool {
        matches!(self, Self::Aborted | Self::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{Field, assert_round_trip, refusal};

    fn check<F: Field>(all: &[F], count: usize) {
        assert_eq!(all.len(), count);
        all.iter().for_each(assert_round_trip);
        assert_eq!(refusal::<F>("of a newer version"), "unknown_code");
        assert_eq!(refusal::<F>(""), "unknown_code");
    }

    #[test]
    fn every_list_is_closed() {
        check(Phase::ALL, 12);
        check(GoalStatus::ALL, 6);
        check(StepStatus::ALL, 7);
        check(TaskStatus::ALL, 4);
        check(Priority::ALL, 3);
        check(JournalKind::ALL, 7);
        check(OverallTarget::ALL, 5);
    }
}
