//! The output of the writer: receipts and refusals.

use std::sync::Arc;

use ledger_core::decider::{AccountView, SchoolView};
use ledger_core::{EventId, MemberId, Period, Recorded, Refusal, Seq};

use crate::error::StoreError;

/// The result of one command.
pub type Answer = Result<Receipt, Refused>;

/// The result of an accepted command.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The position of the command's last event; the head of the stream if it has no event.
    pub seq: Seq,
    /// The id of the command's first event, present or not.
    pub event_id: EventId,
    /// The events of the command; empty if nothing changed. For a dry run, the events that it would
    /// append.
    pub events: Vec<Recorded>,
    /// Whether this is the result of an earlier command with the same key.
    pub replayed: bool,
    /// The billing cycle of the command.
    pub period: Period,
    /// The state of the command's subject, as far as the events do not contain it.
    pub view: StateView,
}

/// The state of a command's subject: before a dry run or a command without events, after a change
/// of one allocation. Empty for all other commands, except for `row_members`.
#[derive(Clone, Debug, Default)]
pub struct StateView {
    /// The accounts, in the order of the command's rows.
    pub accounts: Vec<AccountView>,
    /// The school, if the command concerns its subscription or settings.
    pub school: Option<Box<SchoolView>>,
    /// The member of each row, if a row identifies its member by external id; `None` for a
    /// department and for an external id without an owner.
    pub row_members: Vec<Option<MemberId>>,
}

/// The result of a refused command.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The head of the stream at the decision.
    pub seq: Seq,
    /// The known member whose debit or hold was refused.
    pub member_id: Option<MemberId>,
    /// The reason.
    pub reason: RefusedBy,
}

/// The reason of a refusal.
#[derive(Clone, Debug)]
pub enum RefusedBy {
    /// A rule of the domain.
    Rule(Box<Refusal>),
    /// The key was used with another body.
    KeyReused,
    /// The command's subject has another version than expected.
    VersionMoved {
        /// The event that last changed it.
        version: Seq,
    },
}

/// The outcome of a command is unknown. Sending it again is safe.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// The queue of the shard is full.
    #[error("too many commands are waiting to be written")]
    Overloaded,
    /// The writer is stopping.
    #[error("the writer is stopping")]
    Stopped,
    /// The log could not be read or written.
    #[error("the log could not be read or written")]
    Store(#[source] Arc<StoreError>),
}
