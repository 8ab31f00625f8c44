//! Commands about who takes part.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::invitation::HandingOver;
use super::share::ReasonCode;
use super::values::Answered;

/// What a person says about themselves when they join.
#[derive(Clone, Debug, Default, Args)]
pub struct IntroductionOptions {
    /// Your name, as colleagues know it
    #[arg(long, value_name = "NAME")]
    pub person: Option<String>,
    /// Your function: lead, officer, coordinator, coach, provider, …
    #[arg(long, value_name = "FUNCTION")]
    pub function: Option<String>,
}

/// What a founder says about themselves and their institution. What is missing is asked for.
#[derive(Clone, Debug, Default, Args)]
pub struct FounderOptions {
    /// The person.
    #[command(flatten)]
    pub introduction: IntroductionOptions,
    /// Name of your institution
    #[arg(long, value_name = "NAME")]
    pub institution: Option<String>,
    /// Kind of institution: alv, iv, soz, biz, provider, fachstelle, …
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Name of its first team
    #[arg(long, value_name = "NAME")]
    pub team: Option<String>,
    /// Read these answers from a JSON file: {"person", "function", "institution", "kind", "team"}
    #[arg(long, value_name = "FILE|-")]
    pub from: Option<PathBuf>,
}

/// What can be done with the network.
#[derive(Debug, Subcommand)]
pub enum NetworkCommand {
    /// Founds the network of a new relay, with your institution as its first
    Found {
        /// The relay's claim file, or `-` for standard input
        #[arg(long, value_name = "FILE|-")]
        claim: PathBuf,
        /// Canton code, the first part of case numbers
        #[arg(long, value_name = "CODE")]
        canton: String,
        /// Name of the network
        #[arg(long, value_name = "NAME")]
        name: String,
        /// The founder.
        #[command(flatten)]
        founder: FounderOptions,
    },
    /// Lists institutions, teams and people
    List,
    /// Lets an institution manage the network beside those that do, or ends that.
    ///
    /// Who manages the network invites institutions and ends an institution's part in it; nobody reads a case
    /// by that. At first it is the institution that founded the network: have a second one, so that the network
    /// does not hang on one institution's administrators. `network` says who manages it. Exit status: 0
    /// decided for the next sync; 1 nothing would change, or it is not in the network; 5 your institution does
    /// not manage the network, or it is the last that does.
    Manager {
        /// Its name, or the beginning of it
        #[arg(value_name = "INSTITUTION")]
        institution: String,
        /// End it: the institution takes part as before and manages the network no longer
        #[arg(long)]
        remove: bool,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
}

/// What can be done with institutions.
#[derive(Debug, Subcommand)]
pub enum InstitutionCommand {
    /// Lists institutions
    List,
    /// Shows an institution: its teams, who administers it, whether it manages the network
    Show {
        /// Its name, or the beginning of it; yours where none is named
        #[arg(value_name = "INSTITUTION")]
        institution: Option<String>,
    },
    /// Makes an invitation for another institution
    Invite {
        /// For whom, as a reminder in `nahtlos status`
        #[arg(long, value_name = "TEXT", default_value = "an institution")]
        note: String,
        /// Where the invitation goes.
        #[command(flatten)]
        handing_over: HandingOver,
    },
    /// Answers an invitation: founds your institution in the network
    Join {
        /// The invitation, or `-` for standard input
        #[arg(long, value_name = "FILE|-")]
        invitation: PathBuf,
        /// The founder.
        #[command(flatten)]
        founder: FounderOptions,
    },
    /// Renames your institution, for everybody in the network
    Rename {
        /// The new name
        name: String,
    },
    /// Shows how your institution admits, and who administers it; with an option, changes it.
    ///
    /// With `--administrators 2` an added administrator counts only once a second one, other than who added
    /// them, has confirmed it (`member waiting`); everybody's program and the relay hold to it. It needs two
    /// administrators, leaves at least two, and can be changed by two alone: the second one runs the same
    /// command. With `--compare yes` who answers an invitation of your institution is let in only after
    /// whoever invited them compared six words with them, by telephone or in person (`member waiting`).
    /// Both are off at first. Exit status: 0 shown, or decided for the next sync; 1 nothing would change; 5
    /// you do not administer your institution, or it cannot take two.
    #[command(after_long_help = POLICY_EXAMPLE)]
    Policy {
        /// How many administrators it takes to make one
        #[arg(long, value_name = "1|2", value_parser = clap::value_parser!(u8).range(1..=2))]
        administrators: Option<u8>,
        /// Whether a newcomer's words are compared before they are let in
        #[arg(long, value_enum, value_name = "yes|no")]
        compare: Option<YesOrNo>,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Makes a colleague an administrator of your institution, who changes its people and devices; or ends
    /// that.
    ///
    /// An administrator reads no case by that. Where the policy asks for two, another administrator has to
    /// confirm it. With `--remove` somebody administers it no longer, and is told: one administrator ends
    /// that, so that it is quick. Their teams, cases and devices stay as they are. The last administrator with a
    /// device cannot be removed, nor, where it takes two, the last but one. Exit status: 0 decided for the next
    /// sync; 1 they are one already, or none; 5 you are none, or nobody would be left.
    Administrator {
        /// A person of your institution
        person: String,
        /// End their part in administering it
        #[arg(long)]
        remove: bool,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Makes two institutions one: the teams of the first come into the second; says first what that means,
    /// and what is left to whom.
    ///
    /// Nobody reads more by that, or less: what a team may open stays the team's. The first institution's
    /// people go on in the network as people of the second, and the second's administrators look after them,
    /// too. Cases keep the institution that opened them: a case's id is made of it, so the first one's name goes on
    /// standing there, with what it is now. It takes an administrator of each institution and one who manages
    /// the network: each runs this same command and `sync`, in any order and as often as they like; it does
    /// what is theirs and not done yet. Exit status: 0 decided for the next sync, or all is done; 1 one of them
    /// takes no part in the network; 3 nothing of it is yours now, it says whose; 5 nobody else manages the network.
    Merge {
        /// The institution that ends as one of its own
        #[arg(value_name = "INSTITUTION")]
        institution: String,
        /// The institution that goes on
        #[arg(long, value_name = "INSTITUTION")]
        into: String,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Your institution leaves the network: says what that means and who can sign it, and signs it where you
    /// can.
    ///
    /// Only who manages the network ends an institution's part in it: so does your own institution where it
    /// manages the network and another one does, too. Otherwise it is refused, with whom to ask. Ask
    /// beforehand with `--dry-run`: cases that your people lead can be handed over only before. What was
    /// shared stays with those who hold it, on both sides; the relay takes and gives nothing of content to
    /// your people from then on. Exit status: 0 decided, it takes effect with the next sync; 1 your
    /// institution left before, or was merged; 5 you cannot sign it, it says who can.
    Leave {
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Ends an institution's part in the network, and what you shared with it; says first what that is.
    ///
    /// From then on the relay takes and gives nothing of content to its people. What its teams may open of the
    /// sections that you manage ends with it, and those get new keys with the next edit; sections that others
    /// manage stay shared with its teams until those end it. Its own cases stay its own, and what was delivered
    /// to it stays readable to it. Exit status: 0 decided, it takes effect with the next sync; 1 no such
    /// institution, or it left before; 5 your institution does not manage the network.
    Remove {
        /// Its name, or the beginning of it
        #[arg(value_name = "INSTITUTION")]
        institution: String,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
}

/// Run by `cli/tests/policies.rs`, which holds it to what the program says.
const POLICY_EXAMPLE: &str = "\
$ nahtlos institution policy
How RAV Langnau admits:
administrators  one administrator makes another one
newcomers       let in by who invited them, at the next sync

administrator
Anna Berger";

/// An answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum YesOrNo {
    /// Yes.
    Yes,
    /// No.
    No,
}

/// What can be done with teams.
#[derive(Debug, Subcommand)]
pub enum TeamCommand {
    /// Lists teams: how many people are in each, and which are yours
    List,
    /// Shows who is in a team: who manages it, writes and reads, and how they came in
    #[command(after_long_help = SHOW_EXAMPLE)]
    Show {
        /// The team
        team: String,
    },
    /// Founds a further team in your institution
    Create {
        /// Its name
        name: String,
    },
    /// Renames a team of your institution, for everybody in the network
    Rename {
        /// The team
        team: String,
        /// The new name
        name: String,
    },
    /// Makes two teams one: all their people read what either may open; says first who that is.
    ///
    /// The people of each team come into the other. What was shared with the first team stays shared with it,
    /// also by other institutions, and new cases are opened in the second. It takes effect with the next sync.
    /// Exit status: 0 decided; 1 no such team, or it was merged before; 5 you do not manage both of them.
    Merge {
        /// The team that ends as a name of its own
        #[arg(value_name = "TEAM")]
        team: String,
        /// The team that goes on
        #[arg(long, value_name = "TEAM")]
        into: String,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
}

const SHOW_EXAMPLE: &str = "\
$ nahtlos team show Beratung";

const ROLE_EXAMPLE: &str = "\
$ nahtlos member role Keller --team Beratung --role manage --dry-run
Keller in Beratung
`write` becomes `manage`.
They may then also invite colleagues, remove them, you too, and change what others may do there.
Nothing was done (--dry-run).
$ nahtlos member role Keller --team Beratung --role write --yes";

const WITHDRAW_EXAMPLE: &str = "\
$ nahtlos member invite --team Beratung --note 'Pia Egger' --to egger.invitation
$ nahtlos member invitations
number    for        leads into  may    can be answered until  answered
3c9d01be  Pia Egger  Beratung    write  10.12.2026 14:05       no
$ nahtlos member withdraw-invitation 3c9d --yes";

/// What a colleague may do in a team.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MemberRole {
    /// Reads the team's cases.
    Read,
    /// Edits and shares the team's cases.
    #[default]
    Write,
    /// Also invites colleagues.
    Manage,
}

/// What can be done with people who work on cases.
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    /// Lists people
    List,
    /// Lists newcomers whose words are to be compared, or for whom somebody must stand
    Waiting,
    /// Stands for a newcomer whose words or fingerprint you compared with them, by voice or in person
    Confirm {
        /// Which one: the beginning of its number in `member waiting`
        newcomer: String,
        /// The words or the fingerprint they read to you; asked for where it is not given
        #[arg(long, visible_alias = "words", value_name = "WORDS|FINGERPRINT")]
        fingerprint: Option<String>,
    },
    /// Refuses a newcomer: they never receive a key
    Refuse {
        /// Which one: the beginning of its number in `member waiting`
        newcomer: String,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Lists the invitations that were made on this device and that nobody was let in by yet: for colleagues,
    /// institutions and devices
    Invitations,
    /// Takes an invitation back, e.g. one that went to the wrong address: nobody is let in by it any more
    ///
    /// It takes effect at once, on the device that made the invitation: no other one lets anybody in by it.
    /// Exit status: 0 taken back; 1 no such invitation on this device, or somebody was let in by it.
    #[command(after_long_help = WITHDRAW_EXAMPLE)]
    WithdrawInvitation {
        /// Which one: the beginning of its number in `member invitations`
        invitation: String,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Ends a person's right in a team; says first what they will no longer read, and what hangs on it
    Remove {
        /// The person
        person: String,
        /// The team they leave
        #[arg(long, value_name = "TEAM")]
        team: String,
        /// Why, as a code
        #[arg(long, value_enum)]
        reason: Option<ReasonCode>,
        /// Make new keys of everything they could open at once, not only at the next write there
        #[arg(long)]
        now: bool,
        /// Also where nobody with a device is left in the team: with `--yes` that is refused otherwise
        #[arg(long)]
        last: bool,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Lets a colleague who is in a team do more or less there: manage it, edit its cases, or read them. Who manages
    /// the team does it; less may also be said by who administers the institution. Nobody takes it from who manages a
    /// team alone
    #[command(after_long_help = ROLE_EXAMPLE)]
    Role {
        /// The person
        person: String,
        /// The team
        #[arg(long, value_name = "TEAM")]
        team: String,
        /// What they may do from then on: `read` reads the team's cases; `write` edits and shares them; `manage` also
        /// invites and removes colleagues
        #[arg(long, value_enum)]
        role: MemberRole,
        /// Whether to ask.
        #[command(flatten)]
        answered: Answered,
    },
    /// Makes an invitation for a colleague
    Invite {
        /// The team they will work in
        #[arg(long, value_name = "TEAM")]
        team: String,
        /// What they may do: `read` reads the team's cases; `write` edits and shares the team's
        /// cases; `manage` also invites colleagues
        #[arg(long, value_enum, default_value_t)]
        role: MemberRole,
        /// For whom, as a reminder in `nahtlos status`
        #[arg(long, value_name = "TEXT", default_value = "a colleague")]
        note: String,
        /// Where the invitation goes.
        #[command(flatten)]
        handing_over: HandingOver,
    },
    /// Answers an invitation to work in a team
    Join {
        /// The invitation, or `-` for standard input
        #[arg(long, value_name = "FILE|-")]
        invitation: PathBuf,
        /// The person.
        #[command(flatten)]
        introduction: IntroductionOptions,
        /// Read the answers from a JSON file: {"person", "function"}
        #[arg(long, value_name = "FILE|-")]
        from: Option<PathBuf>,
    },
}
