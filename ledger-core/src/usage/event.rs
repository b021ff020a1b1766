//! Events about usage. They are the hot path: typed columns hold the frequent ones whole.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::reported::{UsageAttributed, UsageCorrected, UsageParked, UsageReported};
use crate::ids::{DepartmentId, Key, MemberId};
use crate::quantity::{MicroUsd, Quota, Units};
use crate::service::ServiceId;
use crate::text::Commitment;
use crate::time::Timestamp;
use crate::vocabulary::vocabulary;

/// An event about usage. The rare large ones are boxed, to keep debits small.
#[derive(Clone, Debug, PartialEq)]
pub enum UsageEvent {
    /// Units were spent.
    Debited(UsageDebited),
    /// Units were reserved.
    HoldPlaced(HoldPlaced),
    /// A hold was settled.
    HoldSettled(HoldSettled),
    /// A hold was released.
    HoldReleased(HoldReleased),
    /// A hold expired.
    HoldExpired(HoldExpired),
    /// Debits or holds were refused.
    Refused(UsageRefused),
    /// Usage was reported after the fact.
    Reported(UsageReported),
    /// Reported usage has no known member or service.
    Parked(Box<UsageParked>),
    /// Usage was attributed to a member.
    Attributed(Box<UsageAttributed>),
    /// Usage was refunded, in full or in part.
    Corrected(Box<UsageCorrected>),
}

impl UsageEvent {
    /// The account that the usage counts on after the event, if it counts anywhere.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        self.counted().map(|(account, _)| account)
    }

    /// The account that the usage counts on after the event, and its balance then.
    #[must_use]
    pub const fn counted(&self) -> Option<(&Account, &Balance)> {
        match self {
            Self::Debited(e) => Some((&e.account, &e.balance)),
            Self::HoldPlaced(e) => Some((&e.account, &e.balance)),
            Self::HoldSettled(e) => Some((&e.account, &e.balance)),
            Self::HoldReleased(e) => Some((&e.account, &e.balance)),
            Self::HoldExpired(e) => Some((&e.account, &e.balance)),
            Self::Reported(e) => Some((&e.account, &e.balance)),
            Self::Attributed(e) => Some((&e.to.account, &e.to.balance)),
            Self::Corrected(e) => Some((&e.attribution.account, &e.attribution.balance)),
            Self::Refused(_) | Self::Parked(_) => None,
        }
    }
}

vocabulary! {
    /// The outcome of a call.
    pub enum Outcome {
        Success = "success" => "The call succeeded.",
        Error = "error" => "The call failed.",
        Timeout = "timeout" => "The call timed out.",
        Cancelled = "cancelled" => "The call was cancelled.",
    }
}

/// The known facts of a call. No prompt, no answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallFacts {
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<CompactString>,
    /// Input tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input_tokens: Option<Units>,
    /// Output tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub output_tokens: Option<Units>,
    /// The input tokens that a cache served.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cached_tokens: Option<Units>,
    /// The provider's charge.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost_micros: Option<MicroUsd>,
    /// The latency in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latency_ms: Option<Units>,
    /// The outcome.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<Outcome>,
    /// The caller's id of the request.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<Key>,
    /// The caller's id of the session.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session_id: Option<Key>,
}

impl CallFacts {
    /// Input and output tokens together.
    #[must_use]
    pub fn tokens(&self) -> Units {
        let count = |tokens: Option<Units>| tokens.unwrap_or(Units::ZERO);
        count(self.input_tokens).saturating_add(count(self.output_tokens))
    }
}

/// The balance of an account after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Units allocated; of a pool, units not allocated to members.
    pub allocated: Quota,
    /// Units used.
    pub used: Units,
    /// Units held.
    pub held: Units,
}

impl Balance {
    /// allocated − used − held, never below zero.
    #[must_use]
    pub fn available(&self) -> Quota {
        self.allocated.minus(self.used.saturating_add(self.held))
    }
}

/// Units were spent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageDebited {
    /// The caller's id of the call.
    pub id: Key,
    /// The account drawn on.
    #[serde(flatten)]
    pub account: Account,
    /// The units.
    pub units: Units,
    /// Whether they exceed the allocation, as the school's overage policy permits.
    #[serde(skip_serializing_if = "is_false", default)]
    pub overage: bool,
    /// The balance of the account after the event.
    pub balance: Balance,
    /// The facts of the call.
    #[serde(flatten)]
    pub call: CallFacts,
}

/// Units were reserved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoldPlaced {
    /// The caller's id of the hold.
    pub hold_id: Key,
    /// The account drawn on.
    #[serde(flatten)]
    pub account: Account,
    /// The units.
    pub units: Units,
    /// The expiry.
    pub expires_at: Timestamp,
    /// Whether the units exceed the allocation, as the school's overage policy permits.
    #[serde(skip_serializing_if = "is_false", default)]
    pub overage: bool,
    /// The balance of the account after the event.
    pub balance: Balance,
}

/// A hold was settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoldSettled {
    /// The caller's id of the hold.
    pub hold_id: Key,
    /// The account drawn on.
    #[serde(flatten)]
    pub account: Account,
    /// The units that the call used.
    pub units: Units,
    /// The held units that are free again; none if the hold had expired.
    pub freed_units: Units,
    /// Whether the usage beyond the hold exceeds what was available. It happened, so it is
    /// recorded.
    #[serde(skip_serializing_if = "is_false", default)]
    pub overage: bool,
    /// Whether the hold had expired.
    #[serde(skip_serializing_if = "is_false", default)]
    pub late: bool,
    /// The balance of the account after the event.
    pub balance: Balance,
    /// The start of the closed period in which the hold was placed and the usage counts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period_start: Option<Timestamp>,
    /// The facts of the call.
    #[serde(flatten)]
    pub call: CallFacts,
}

/// A hold was released.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoldReleased {
    /// The caller's id of the hold.
    pub hold_id: Key,
    /// The account drawn on.
    #[serde(flatten)]
    pub account: Account,
    /// The units that are free again.
    pub units: Units,
    /// The balance of the account after the event.
    pub balance: Balance,
    /// The start of the closed period in which the hold was placed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period_start: Option<Timestamp>,
    /// The commitment to the reason, if given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Commitment>,
}

/// A hold expired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoldExpired {
    /// The caller's id of the hold.
    pub hold_id: Key,
    /// The account drawn on.
    #[serde(flatten)]
    pub account: Account,
    /// The units that are free again.
    pub units: Units,
    /// The balance of the account after the event.
    pub balance: Balance,
    /// The start of the closed period in which the hold was placed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period_start: Option<Timestamp>,
}

/// Debits or holds of a member were refused, for one service and one reason, within one minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageRefused {
    /// The member.
    pub member_id: MemberId,
    /// The member's department.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub department_id: Option<DepartmentId>,
    /// The service.
    pub service: ServiceId,
    /// The reason.
    pub reason: RefusedFor,
    /// The start of the minute, in UTC.
    pub minute: Timestamp,
    /// The number of refusals.
    pub times: Units,
    /// The units asked for in all, at most 2⁶³ − 1.
    pub units: Units,
}

vocabulary! {
    /// The reason of a recorded refusal: the code of its problem document.
    pub enum RefusedFor {
        QuotaExceeded = "quota-exceeded" => "Too few units were available.",
        MemberSuspended = "member-suspended" => "The member was suspended.",
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
pub(super) const fn is_false(value: &bool) -> bool {
    !*value
}
