//! The input of the writer: a command with its identity and the personal data stored with it.

use ledger_core::school::SchoolCommand;
use ledger_core::{
    Action, Actor, Command, CommandKey, EventId, Fingerprint, MemberId, Seq, Timestamp,
};
use uuid::Uuid;

/// A command with its identity and the personal data that is stored with it.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The id of the command's first event, derived from its key; those of further events follow
    /// from it.
    pub event_id: EventId,
    /// The hash of the request body.
    pub fingerprint: Fingerprint,
    /// The command.
    pub command: Command,
    /// Decide and answer, but append nothing.
    pub dry_run: bool,
    /// The expected version of the command's subject (a request, or subscription and settings of
    /// the school): the event that last changed it. Another version refuses the command.
    pub if_version: Option<Seq>,
    /// The member that the actor is, as authenticated; part of the decision's context.
    pub actor_member: Option<MemberId>,
    /// Personal data to write beside the log.
    pub side_writes: SideWrites,
}

impl Envelope {
    /// Wraps a command: no dry run, no expected version, no side writes.
    #[must_use]
    pub fn new(key: &CommandKey, fingerprint: Fingerprint, command: Command) -> Self {
        Self {
            event_id: key.first_event_id(),
            fingerprint,
            command,
            dry_run: false,
            if_version: None,
            actor_member: None,
            side_writes: SideWrites::Nothing,
        }
    }

    /// Wraps a command without effect of its own, which records all events due at `now`.
    #[must_use]
    pub fn catch_up(now: Timestamp) -> Self {
        Self::of_system(Action::School(SchoolCommand::CatchUp), now)
    }

    /// Wraps a command of the system, which is sent once.
    pub(super) fn of_system(action: Action, now: Timestamp) -> Self {
        let command = Command {
            actor: Actor::SYSTEM,
            now,
            action,
        };
        let key = CommandKey::Fresh(Uuid::now_v7());
        Self::new(&key, Fingerprint::of(&[]), command)
    }

    /// Sets whether to decide without appending.
    #[must_use]
    pub fn with_dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Sets the expected version.
    #[must_use]
    pub fn with_version(mut self, if_version: Option<Seq>) -> Self {
        self.if_version = if_version;
        self
    }

    /// Sets the member that the actor is.
    #[must_use]
    pub fn with_actor_member(mut self, actor_member: Option<MemberId>) -> Self {
        self.actor_member = actor_member;
        self
    }

    /// Sets the personal data to write beside the log.
    #[must_use]
    pub fn with_side_writes(mut self, side_writes: SideWrites) -> Self {
        self.side_writes = side_writes;
        self
    }
}

/// Personal data written beside the log, where it can be erased. The free texts of a command are
/// written as well, without being listed here.
#[derive(Clone, Debug, Default)]
pub enum SideWrites {
    /// Nothing.
    #[default]
    Nothing,
    /// The name of the school.
    SchoolName(String),
    /// The directory entry of the member.
    Member(DirectoryEntry),
    /// The name of the department.
    Department {
        /// The name.
        name: String,
    },
}

/// The personal data of a member.
#[derive(Clone, Debug, Default)]
pub struct DirectoryEntry {
    /// The name.
    pub display_name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
}
