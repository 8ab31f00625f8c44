//! Which case and section a command names, for the advice that follows it.

use nahtlos_casework::edit::IdentKey;

use super::{
    AttachmentCommand, CaseCommand, Command, CompetenceCommand, ConflictCommand, DisputeCommand,
    FunctionCommand, GoalCommand, JournalCommand, KeyCommand, MeetingCommand, PlanCommand,
    RiskCommand, SectionCommand, SectionEdit, ShareCommand, StepCommand, SubjectCommand,
    TaskCommand,
};

type Subject<'a> = (Option<&'a str>, Option<&'a str>);

impl Command {
    /// The case and the section as they were typed.
    pub fn subject(&self) -> Subject<'_> {
        match self {
            Self::Case { command, .. } => command.as_ref().map_or((None, None), of_case),
            Self::Section { command } => of_section(command),
            Self::Attachment { command } => of_attachment(command),
            Self::Plan { command } => (Some(of_plan(command)), Some("plan")),
            Self::Journal { case, command } => match command {
                Some(command) => of_journal(command),
                None => (case.as_deref(), Some("journal")),
            },
            Self::Function { case, command } => match command {
                Some(FunctionCommand::Add(new)) => (Some(&new.case), Some("function")),
                None => (case.as_deref(), Some("function")),
            },
            Self::Task { case, command } => match command {
                Some(command) => of_task(command),
                None => (case.as_deref(), Some("tasks")),
            },
            Self::Meeting { command } => of_meeting(command),
            Self::Subject { command } => of_subject(command),
            Self::Share { command } => of_share(command),
            Self::Conflict {
                command: Some(command),
            } => (of_conflict(command), None),
            Self::Key {
                command: Some(KeyCommand::Explain { case, section }),
            } => (case.as_deref(), section.as_deref()),
            Self::Key {
                command: Some(KeyCommand::Rotate { case, section, .. }),
            } => (case.as_deref(), section.as_deref()),
            _ => (None, None),
        }
    }
}

fn of_case(command: &CaseCommand) -> Subject<'_> {
    match command {
        CaseCommand::List { .. } | CaseCommand::Open { .. } | CaseCommand::Handover(_) => {
            (None, None)
        }
        CaseCommand::Export(export) => (Some(&export.case), None),
        CaseCommand::Import(import) => (import.case.as_deref(), None),
        CaseCommand::Show { case } | CaseCommand::Recuse { case, .. } => (Some(case), Some("core")),
        CaseCommand::Set { case, field, .. } => {
            let of_ident = IdentKey::ALL.iter().any(|key| key.code() == field.trim());
            (Some(case), Some(if of_ident { "ident" } else { "core" }))
        }
        CaseCommand::AccessLog { case, .. } => (Some(case), Some("access")),
        CaseCommand::History { case, section, .. } => (Some(case), Some(section)),
        CaseCommand::Phase { case, .. } => (Some(case), Some("core")),
        CaseCommand::Close(closing) => (Some(&closing.case), Some("core")),
        CaseCommand::Erase(erasure) => (Some(&erasure.case), Some("core")),
        CaseCommand::Reopen(reopening) => (Some(&reopening.case), Some("core")),
        CaseCommand::Competence { case, command } => match command {
            Some(CompetenceCommand::Add(new)) => (Some(&new.case), Some("core")),
            None => (case.as_deref(), Some("core")),
        },
    }
}

/// Own notes are no section that somebody else could share.
fn of_journal(command: &JournalCommand) -> Subject<'_> {
    let (case, internal) = match command {
        JournalCommand::Add(new) => (&new.case, new.internal),
        JournalCommand::List(wanted) => (&wanted.case, wanted.internal),
        JournalCommand::Show { case, internal, .. } => (case, *internal),
        JournalCommand::Correct(new) => (&new.case, new.internal),
    };
    (Some(case), (!internal).then_some("journal"))
}

fn of_section(command: &SectionCommand) -> Subject<'_> {
    match command {
        SectionCommand::List { case } => (Some(case), None),
        SectionCommand::Fields { section } => (None, Some(section)),
        SectionCommand::Edit(edit) => match edit {
            SectionEdit::Set { case, section, .. }
            | SectionEdit::Add { case, section, .. }
            | SectionEdit::Change { case, section, .. }
            | SectionEdit::Delete { case, section, .. }
            | SectionEdit::Restore { case, section, .. }
            | SectionEdit::Fill { case, section, .. } => (Some(case), Some(section)),
        },
        SectionCommand::Export(export) => (Some(&export.case), Some(&export.section)),
        SectionCommand::Open { case, section }
        | SectionCommand::Show { case, section }
        | SectionCommand::Erase { case, section, .. }
        | SectionCommand::History { case, section, .. }
        | SectionCommand::Diff { case, section, .. } => (Some(case), Some(section)),
    }
}

fn of_plan(command: &PlanCommand) -> &str {
    match command {
        PlanCommand::Show { version }
        | PlanCommand::Diff { version }
        | PlanCommand::Print { version, .. } => &version.case,
        PlanCommand::Sign(words) => &words.version.case,
        PlanCommand::Set { case, .. } | PlanCommand::Propose { case, .. } => case,
        PlanCommand::Risk { command } => match command {
            RiskCommand::Add { case, .. } | RiskCommand::Set { case, .. } => case,
        },
        PlanCommand::Review(words) => &words.case,
        PlanCommand::Goal { command } => match command {
            GoalCommand::Add { case, .. }
            | GoalCommand::Reword { case, .. }
            | GoalCommand::Set { case, .. } => case,
        },
        PlanCommand::Step { command } => match command {
            StepCommand::Add(new) => &new.case,
            StepCommand::Set { case, .. }
            | StepCommand::Payers { case, .. }
            | StepCommand::Wait { case, .. }
            | StepCommand::Approve { case, .. }
            | StepCommand::End { case, .. } => case,
        },
    }
}

/// Lists and calendars are of all cases.
fn of_task(command: &TaskCommand) -> Subject<'_> {
    let case = match command {
        TaskCommand::List(_) | TaskCommand::Calendar { .. } => return (None, None),
        TaskCommand::Add(new) => &new.case,
        TaskCommand::Set { case, .. }
        | TaskCommand::Show { case, .. }
        | TaskCommand::Item { case, .. }
        | TaskCommand::Check { case, .. }
        | TaskCommand::Link { case, .. }
        | TaskCommand::Done { case, .. }
        | TaskCommand::Delete { case, .. }
        | TaskCommand::Restore { case, .. } => case,
    };
    (Some(case), Some("tasks"))
}

/// Which round table it is about is not known before the case is opened.
fn of_meeting(command: &MeetingCommand) -> Subject<'_> {
    let case = match command {
        MeetingCommand::Call(new) => &new.case,
        MeetingCommand::List { case } => case,
        MeetingCommand::Decide(new) => &new.of.case,
        MeetingCommand::Show(of)
        | MeetingCommand::Minutes { of, .. }
        | MeetingCommand::Attend { of, .. }
        | MeetingCommand::Close { of, .. }
        | MeetingCommand::Print { of, .. } => &of.case,
    };
    (Some(case), None)
}

fn of_attachment(command: &AttachmentCommand) -> Subject<'_> {
    match command {
        AttachmentCommand::Add(add) => (Some(&add.case), Some(&add.section)),
        AttachmentCommand::List { case, section, .. } => (Some(case), section.as_deref()),
        AttachmentCommand::Save(save) => (Some(&save.case), None),
        AttachmentCommand::Verify { case, .. } | AttachmentCommand::Remove { case, .. } => {
            (Some(case), None)
        }
    }
}

fn of_subject(command: &SubjectCommand) -> Subject<'_> {
    match command {
        SubjectCommand::Export { case, .. } => (Some(case), None),
        SubjectCommand::Dispute { command } => match command {
            DisputeCommand::List { case } => (Some(case), None),
            DisputeCommand::Add { case, section, .. }
            | DisputeCommand::Settle { case, section, .. } => (Some(case), Some(section)),
        },
    }
}

fn of_share(command: &ShareCommand) -> Subject<'_> {
    match command {
        ShareCommand::Grant(grant) => (
            Some(&grant.case),
            grant.sections.first().map(String::as_str),
        ),
        ShareCommand::Slice(slice) => (Some(&slice.case), Some(&slice.section)),
        ShareCommand::Withdraw(withdrawal) => (
            Some(&withdrawal.case),
            withdrawal.sections.first().map(String::as_str),
        ),
        ShareCommand::Bases { .. } => (None, None),
        ShareCommand::List { case } => (Some(case), None),
        ShareCommand::Role { case, section, .. }
        | ShareCommand::Close { case, section, .. }
        | ShareCommand::Explain { case, section, .. } => (Some(case), Some(section)),
    }
}

fn of_conflict(command: &ConflictCommand) -> Option<&str> {
    match command {
        ConflictCommand::List { case } => case.as_deref(),
        ConflictCommand::Show { case, .. } | ConflictCommand::Resolve { case, .. } => Some(case),
    }
}
