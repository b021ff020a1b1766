//! What happened to usage. These are the events of the hot path: typed columns hold them whole.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::reported::{UsageAttributed, UsageCorrected, UsageParked, UsageReported};
use crate::ids::{DepartmentId, Key, MemberId};
use crate::quantity::{MicroUsd, Quota, Units};
use crate::refusal::Level;
use crate::service::ServiceId;
use crate::text::Commitment;
use crate::time::Timestamp;

/// A fact about usage. What is rare and large is boxed: it would cost each debit.
#[derive(Clone, Debug, PartialEq)]
pub enum UsageEvent {
    /// Units were spent.
    Debited(UsageDebited),
    /// Units were reserved.
    HoldPlaced(HoldPlaced),
    /// A reserved call was made.
    HoldSettled(HoldSettled),
    /// A reservation was given up.
    HoldReleased(HoldReleased),
    /// A reservation ran out.
    HoldExpired(HoldExpired),
    /// Somebody was refused units, once or more often.
    Refused(UsageRefused),
    /// Usage that had happened was reported.
    Reported(UsageReported),
    /// Usage was reported that is nobody's yet, or of no known service.
    Parked(Box<UsageParked>),
    /// Parked usage was given to a member, or from one member to another.
    Attributed(Box<UsageAttributed>),
    /// Usage was refunded, in full or in part.
    Corrected(Box<UsageCorrected>),
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It answered.
    Success,
    /// It failed.
    Error,
    /// It took too long.
    Timeout,
    /// Somebody stopped it.
    Cancelled,
}

impl Outcome {
    /// The word in JSON and in columns.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What is known of a call. No prompt, no answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallFacts {
    /// Which model answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<CompactString>,
    /// Tokens that went in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input_tokens: Option<Units>,
    /// Tokens that came out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub output_tokens: Option<Units>,
    /// The part of the input that a cache served.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cached_tokens: Option<Units>,
    /// What the provider charged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cost_micros: Option<MicroUsd>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub latency_ms: Option<Units>,
    /// How it ended.
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

/// The account that usage was drawn on, as the event left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Units allocated; of the pool, what is not allocated to members.
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
    /// Whose usage.
    pub member_id: MemberId,
    /// Of which service.
    pub service: ServiceId,
    /// How many units.
    pub units: Units,
    /// Whether they exceed what was allocated, as the school's overage policy lets them.
    #[serde(skip_serializing_if = "is_false", default)]
    pub overage: bool,
    /// On whose account.
    pub level: Level,
    /// The department that the member was in, which is the one drawn on at that level.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub department_id: Option<DepartmentId>,
    /// The account reported.
    pub balance: Balance,
    /// What is known of the call.
    #[serde(flatten)]
    pub call: CallFacts,
}

/// Units were reserved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoldPlaced {
    /// The caller's id of the hold.
    pub hold_id: Key,
    /// Whose usage.
    pub member_id: MemberId,
    /// Of which service.
    pub service: ServiceId,
    /// How many units.
    pub units: Units,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// Whether they exceed what was allocated, as the school's overage policy lets them.
    #[serde(skip_serializing_if = "is_false", default)]
    pub overage: bool,
    /// On whose account.
    pub level: Level,
    /// The department that the member was in, which is the one drawn on at that level.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub department_id: Option<DepartmentId>,
    /// The account reported.
    pub balance: Balance,
}

/// A reserved call was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoldSettled {
    /// The caller's id of the hold.
    pub hold_id: Key,
    /// Whose usage.
    pub member_id: MemberId,
    /// Of which service.
    pub service: ServiceId,
    /// How many units the call used.
    pub units: Units,
    /// How many units were still held for it, which are now free: none when it came late.
    pub freed_units: Units,
    /// Whether the part beyond the hold exceeds what was available: it happened, so it is recorded.
    #[serde(skip_serializing_if = "is_false", default)]
    pub overage: bool,
    /// Whether the hold had expired.
    #[serde(skip_serializing_if = "is_false", default)]
    pub late: bool,
    /// On whose account.
    pub level: Level,
    /// The department that the member was in, which is the one drawn on at that level.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub department_id: Option<DepartmentId>,
    /// The account reported.
    pub balance: Balance,
    /// The start of the closed period in which it counts: the one in which the hold was placed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period_start: Option<Timestamp>,
    /// What is known of the call.
    #[serde(flatten)]
    pub call: CallFacts,
}

/// A reservation was given up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoldReleased {
    /// The caller's id of the hold.
    pub hold_id: Key,
    /// Whose usage.
    pub member_id: MemberId,
    /// Of which service.
    pub service: ServiceId,
    /// How many units are free again.
    pub units: Units,
    /// On whose account.
    pub level: Level,
    /// The department that the member was in, which is the one drawn on at that level.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub department_id: Option<DepartmentId>,
    /// The account reported.
    pub balance: Balance,
    /// The start of the closed period in which it counts: the one in which the hold was placed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period_start: Option<Timestamp>,
    /// Commitment to why, if the caller said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<Commitment>,
}

/// A reservation ran out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoldExpired {
    /// The caller's id of the hold.
    pub hold_id: Key,
    /// Whose usage.
    pub member_id: MemberId,
    /// Of which service.
    pub service: ServiceId,
    /// How many units are free again.
    pub units: Units,
    /// On whose account.
    pub level: Level,
    /// The department that the member was in, which is the one drawn on at that level.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub department_id: Option<DepartmentId>,
    /// The account reported.
    pub balance: Balance,
    /// The start of the closed period in which it counts: the one in which the hold was placed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period_start: Option<Timestamp>,
}

/// A member was refused units of a service for the same reason, so many times in one minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageRefused {
    /// Whose usage.
    pub member_id: MemberId,
    /// The department that he is in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub department_id: Option<DepartmentId>,
    /// Of which service.
    pub service: ServiceId,
    /// Why.
    pub reason: RefusedFor,
    /// The start of the minute, of UTC.
    pub minute: Timestamp,
    /// How many times.
    pub times: Units,
    /// How many units were asked for in all, held at 2⁶³ − 1.
    pub units: Units,
}

/// Why usage was refused, where it was a known member's and of a known service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusedFor {
    /// There were not enough units.
    QuotaExceeded,
    /// The member is suspended.
    MemberSuspended,
}

impl RefusedFor {
    /// The word in JSON: the code of the problem that the caller was told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QuotaExceeded => "quota-exceeded",
            Self::MemberSuspended => "member-suspended",
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
pub(super) const fn is_false(value: &bool) -> bool {
    !*value
}
