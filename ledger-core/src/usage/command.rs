//! What can be asked of usage.

use super::afterwards::{AttributeUsage, CorrectUsage, Report};
use super::event::{CallFacts, UsageRefused};
use super::state::Hold;
use crate::ids::{Key, MemberId};
use crate::quantity::Units;
use crate::text::FreeText;
use crate::time::Timestamp;

/// How far ahead of the ledger's clock usage may say that it occurred: clocks differ by seconds,
/// five minutes is a wrong clock.
pub const FUTURE_LIMIT_SECONDS: i64 = 5 * 60;

/// How long a hold lasts when the caller does not say.
pub const DEFAULT_TTL_SECONDS: i64 = 5 * 60;

/// How long a hold may last.
pub const TTL_SECONDS_MAX: i64 = 24 * 60 * 60;

/// A command about usage.
#[derive(Clone, Debug, PartialEq)]
pub enum UsageCommand {
    /// Check and spend in one step.
    Debit(Debit),
    /// Reserve units for a call in flight.
    PlaceHold(PlaceHold),
    /// Record what the call used; frees the hold.
    Settle(SettleHold),
    /// Free the hold; the call used nothing.
    Release(ReleaseHold),
    /// Keep on record that usage was refused.
    NoteRefused(UsageRefused),
    /// Record usage that happened.
    Report(Report),
    /// Give parked usage to a member.
    Attribute(AttributeUsage),
    /// Refund usage.
    Correct(CorrectUsage),
}

/// Check and spend in one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Debit {
    /// The caller's id of the call, unique in the school for ever.
    pub id: Key,
    /// Whose usage.
    pub member_id: MemberId,
    /// Of which service, by name or alias.
    pub service: String,
    /// How many units; the service's meter decides when not given.
    pub units: Option<Units>,
    /// When the call was made; the command's `now` when not given.
    pub occurred_at: Option<Timestamp>,
    /// What is known of the call.
    pub call: CallFacts,
}

/// Reserve units for a call in flight.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaceHold {
    /// The caller's id of the hold, unique in the school for ever.
    pub hold_id: Key,
    /// Whose usage.
    pub member_id: MemberId,
    /// Of which service, by name or alias.
    pub service: String,
    /// How many units; at least one.
    pub units: Units,
    /// How long, 1 to [`TTL_SECONDS_MAX`]: the edge refuses what lies outside, here it is the
    /// nearest of the two.
    pub ttl_seconds: i64,
}

/// Record what a held call used.
#[derive(Clone, Debug, PartialEq)]
pub struct SettleHold {
    /// Which hold.
    pub hold_id: Key,
    /// The units used; the service's meter decides when not given.
    pub units: Option<Units>,
    /// When the call was made; the command's `now` when not given.
    pub occurred_at: Option<Timestamp>,
    /// What is known of the call.
    pub call: CallFacts,
    /// The hold as it was placed, when the state does not keep it any more; looked up in the log
    /// by whoever carries the command to the writer.
    pub recalled: Option<Hold>,
}

/// Free a hold.
#[derive(Clone, Debug, PartialEq)]
pub struct ReleaseHold {
    /// Which hold.
    pub hold_id: Key,
    /// Why, if the caller says.
    pub reason: Option<FreeText>,
    /// As in [`SettleHold::recalled`].
    pub recalled: Option<Hold>,
}
