//! Usage: debits, holds for calls in flight, and usage reported after the fact.

mod account;
mod account_state;
mod command;
mod decide;
mod event;
mod meter;
mod refused;
mod reported;
mod state;

pub use account::Account;
pub use account_state::spendable;
pub use command::{
    DEFAULT_TTL_SECONDS, Debit, FUTURE_LIMIT_SECONDS, PlaceHold, ReleaseHold, SettleHold,
    TTL_SECONDS_MAX, UsageCommand,
};
pub use event::{
    Balance, CallFacts, HoldExpired, HoldPlaced, HoldReleased, HoldSettled, Outcome, RefusedFor,
    UsageDebited, UsageEvent, UsageRefused,
};
pub use refused::refused;
pub use reported::{
    AttributeUsage, Attribution, CorrectUsage, Counted, PriorUsage, Report, UnattributedReason,
    UsageAttributed, UsageCorrected, UsageParked, UsageReported,
};
pub use state::{Hold, Holds};

pub(crate) use decide::{account, decide, due};
pub(crate) use state::evolve;
