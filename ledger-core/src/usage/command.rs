//! Commands about usage.

use super::event::{CallFacts, UsageRefused};
use super::reported::{AttributeUsage, CorrectUsage, Report};
use crate::context::Needs;
use crate::ids::{Key, Owner};
use crate::quantity::Units;
use crate::text::FreeText;
use crate::time::Timestamp;

/// How far usage may lie ahead of the ledger's clock. Clocks differ by seconds; five minutes is a
/// wrong clock.
pub const FUTURE_LIMIT_SECONDS: i64 = 5 * 60;

/// The default lifetime of a hold.
pub const DEFAULT_TTL_SECONDS: i64 = 5 * 60;

/// The longest lifetime of a hold.
pub const TTL_SECONDS_MAX: i64 = 24 * 60 * 60;

/// A command about usage.
#[derive(Clone, Debug, PartialEq)]
pub enum UsageCommand {
    /// Checks and spends in one step.
    Debit(Debit),
    /// Reserves units for a call in flight.
    PlaceHold(PlaceHold),
    /// Records the usage of a held call and frees the hold.
    Settle(SettleHold),
    /// Frees a hold without usage.
    Release(ReleaseHold),
    /// Records refused usage.
    NoteRefused(UsageRefused),
    /// Records usage after the fact.
    Report(Report),
    /// Attributes unattributed usage to a member.
    Attribute(AttributeUsage),
    /// Refunds usage.
    Correct(CorrectUsage),
}

/// Checks and spends in one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Debit {
    /// The caller's id of the call, unique in the school for ever.
    pub id: Key,
    /// The member whose usage it is.
    pub owner: Owner,
    /// The service, by name or alias.
    pub service: String,
    /// The units; by default the service's meter decides.
    pub units: Option<Units>,
    /// The time of the call; by default the command's `now`.
    pub occurred_at: Option<Timestamp>,
    /// The facts of the call.
    pub call: CallFacts,
}

/// Reserves units for a call in flight.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaceHold {
    /// The caller's id of the hold, unique in the school for ever.
    pub hold_id: Key,
    /// The member whose usage it is.
    pub owner: Owner,
    /// The service, by name or alias.
    pub service: String,
    /// The units; at least one.
    pub units: Units,
    /// The lifetime, clamped to 1 ..= [`TTL_SECONDS_MAX`]; the edge refuses other values.
    pub ttl_seconds: i64,
}

/// Records the usage of a held call.
#[derive(Clone, Debug, PartialEq)]
pub struct SettleHold {
    /// The hold.
    pub hold_id: Key,
    /// The units used; by default the service's meter decides.
    pub units: Option<Units>,
    /// The time of the call; by default the command's `now`.
    pub occurred_at: Option<Timestamp>,
    /// The facts of the call.
    pub call: CallFacts,
}

/// Frees a hold.
#[derive(Clone, Debug, PartialEq)]
pub struct ReleaseHold {
    /// The hold.
    pub hold_id: Key,
    /// The reason, if given.
    pub reason: Option<FreeText>,
}

impl UsageCommand {
    pub(crate) fn needs(&self) -> Needs<'_> {
        match self {
            Self::Debit(Debit { owner, .. }) | Self::PlaceHold(PlaceHold { owner, .. }) => {
                Needs::owners([owner])
            }
            Self::Report(report) => Needs::owners(&report.owner),
            Self::Settle(SettleHold { hold_id, .. })
            | Self::Release(ReleaseHold { hold_id, .. }) => Needs {
                hold: Some(hold_id),
                ..Needs::default()
            },
            Self::Attribute(AttributeUsage { usage_id, .. })
            | Self::Correct(CorrectUsage { usage_id, .. }) => Needs {
                usage: Some(*usage_id),
                ..Needs::default()
            },
            Self::NoteRefused(_) => Needs::default(),
        }
    }
}
