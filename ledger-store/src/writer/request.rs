//! What goes to the writer and what comes back.

use ledger_core::decider::{AccountView, SchoolView};
use ledger_core::school::SchoolCommand;
use ledger_core::{
    Action, Actor, Command, CommandKey, EventId, Fingerprint, MemberId, Period, Recorded, Refusal,
    Seq, Timestamp,
};

use uuid::Uuid;

use crate::error::StoreError;

/// A command with what makes it unique, and what is written beside the log with it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The key that its event ids derive from.
    pub key: CommandKey,
    /// Of the body that the caller sent.
    pub fingerprint: Fingerprint,
    /// What is asked.
    pub command: Command,
    /// Decide and answer, append nothing.
    pub dry_run: bool,
    /// Refuse, unless this is the event that last changed what the command is about: a request, or
    /// what the school bought and its own rules.
    pub if_version: Option<Seq>,
    /// The member of a usage command by external id; looked up under the stream's lock and set in
    /// the command.
    pub subject: Option<ExternalId>,
    /// The members of rows of an allocation command by external id, each with its row's index;
    /// looked up under the stream's lock and set in the command. One that nobody has leaves the
    /// row with the nil id, which is nobody's either, so that the row is refused with the others.
    pub row_subjects: Vec<(usize, ExternalId)>,
    /// What is kept beside the log.
    pub beside: Beside,
}

impl Request {
    /// A request with nothing beside the log, that is no dry run.
    #[must_use]
    pub fn new(key: CommandKey, fingerprint: Fingerprint, command: Command) -> Self {
        Self {
            key,
            fingerprint,
            command,
            dry_run: false,
            if_version: None,
            subject: None,
            row_subjects: Vec::new(),
            beside: Beside::Nothing,
        }
    }

    /// Nobody's request: that what time has brought about by `now` is recorded.
    #[must_use]
    pub fn catch_up(now: Timestamp) -> Self {
        let command = Command {
            actor: Actor::SYSTEM,
            now,
            action: Action::School(SchoolCommand::CatchUp),
        };
        Self::new(
            CommandKey::Fresh(Uuid::now_v7()),
            Fingerprint::of(&[]),
            command,
        )
    }
}

/// An id that another system knows a member by: 1 to 256 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalId(String);

impl ExternalId {
    /// `None` when the text is empty, longer than 256 characters or has control characters.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=256).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is kept beside the log: it names people, or can be erased. Free texts of a command are
/// kept without being named here.
#[derive(Clone, Debug, Default)]
pub enum Beside {
    /// Nothing.
    #[default]
    Nothing,
    /// A school's name.
    SchoolName(String),
    /// A member's entry in the directory.
    Member(DirectoryEntry),
    /// A department's name.
    Department {
        /// The name.
        name: String,
    },
}

/// What the directory knows of a member.
#[derive(Clone, Debug, Default)]
pub struct DirectoryEntry {
    /// His name.
    pub display_name: Option<String>,
    /// His e-mail address.
    pub email: Option<String>,
    /// The ids that other systems know him by, unique in the school.
    pub external_ids: Vec<ExternalId>,
}

/// What became of one command.
pub type Answer = Result<Receipt, Refused>;

/// A command that was done.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The head of the stream: of the command's last event, or the present one when it had none.
    pub seq: Seq,
    /// The id of the command's first event, whether or not it had one.
    pub event_id: EventId,
    /// What it brought about; empty when it was so already. Of a dry run, what it would.
    pub events: Vec<Recorded>,
    /// Whether it was done before under the same key, and this is what came of it then.
    pub replayed: bool,
    /// The billing cycle in which it was done.
    pub period: Period,
    /// What it is about, as far as its events do not tell.
    pub found: Found,
}

/// What a command is about as it stands: of a dry run and a command that brought about nothing as
/// it found it, of a change to one allocation as it left it. Empty for all others, save for whom the
/// rows are about.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The accounts, in the order of the command's rows.
    pub accounts: Vec<AccountView>,
    /// The school, when it is about what that bought or its own rules.
    pub school: Option<Box<SchoolView>>,
    /// Whose allocation each row of the command changes, when it names people by external ids; the
    /// nil id where nobody has one any more, and where it is a department's.
    pub row_members: Vec<MemberId>,
}

/// A command that was not done.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The head of the stream that it was decided on.
    pub seq: Seq,
    /// Whose command, if it names a member.
    pub member_id: Option<MemberId>,
    /// Why.
    pub reason: RefusedBy,
}

/// Who refused.
#[derive(Clone, Debug)]
pub enum RefusedBy {
    /// A rule.
    Rule(Box<Refusal>),
    /// The key was used for another body.
    KeyReused,
    /// What the command is about was changed in between.
    VersionMoved {
        /// The event that last did.
        version: Seq,
    },
}

/// A command that may or may not have been done; sending it again is safe.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// Too many commands wait.
    #[error("too many commands wait to be written")]
    Overloaded,
    /// The writer is stopping.
    #[error("the writer is stopping")]
    Stopped,
    /// The log could not be read or written.
    #[error("the log could not be read or written")]
    Store(#[source] std::sync::Arc<StoreError>),
}
