//! How a command ended, as the number the shell sees.

use std::process::ExitCode;

/// How a command ended. The numbers are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// The command line, or a value that was typed, is not valid.
    Usage,
    /// Done in part: something is held.
    PartlyHeld,
    /// The vault is locked, or this device is not enrolled.
    Locked,
    /// Refused: no right.
    NoRight,
    /// A person must look at a conflict first.
    Conflict,
    /// The relay was not reached; edits are safe on this device.
    RelayUnreachable,
    /// Interrupted at a question.
    Interrupted,
}

impl Exit {
    /// All of them, by number.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::PartlyHeld,
        Self::Locked,
        Self::NoRight,
        Self::Conflict,
        Self::RelayUnreachable,
        Self::Interrupted,
    ];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::PartlyHeld => 3,
            Self::Locked => 4,
            Self::NoRight => 5,
            Self::Conflict => 6,
            Self::RelayUnreachable => 20,
            Self::Interrupted => 130,
        }
    }

    /// In words.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed; standard error says why and what to do",
            Self::Usage => {
                "the command, or a value that was typed, is not valid; nothing was changed"
            }
            Self::PartlyHeld => {
                "done in part: something is held or waits (see `nahtlos held`, `nahtlos decision`)"
            }
            Self::Locked => {
                "locked or not enrolled: wrong passphrase, no vault, in use by another program, \
                 not admitted yet, or a key that has not arrived"
            }
            Self::NoRight => "refused: you have no right to do this",
            Self::Conflict => {
                "somebody changed it meanwhile or decided differently: look at it first"
            }
            Self::RelayUnreachable => {
                "the relay was not reached; everything typed is safe on this device"
            }
            Self::Interrupted => {
                "interrupted at a question (Ctrl-C); what was typed is kept as a draft"
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
