//! Usage: debits, and holds that reserve units for a call in flight until it is settled.

mod account;
mod command;
mod decide;
mod event;
mod state;

pub use command::{
    DEFAULT_TTL_SECONDS, Debit, FUTURE_LIMIT_SECONDS, PlaceHold, ReleaseHold, SettleHold,
    TTL_SECONDS_MAX, UsageCommand,
};
pub use event::{
    Balance, CallFacts, HoldExpired, HoldPlaced, HoldReleased, HoldSettled, Outcome, UsageDebited,
    UsageEvent,
};
pub use state::{Hold, Holds};

pub(crate) use decide::{account, decide, due};
pub(crate) use state::evolve;
