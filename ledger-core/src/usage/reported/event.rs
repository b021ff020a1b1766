//! What happened to usage reported.

use serde::{Deserialize, Serialize};

use crate::ids::{Attribute, DepartmentId, EventId, MemberId};
use crate::quantity::Units;
use crate::refusal::Level;
use crate::service::ServiceId;
use crate::text::Commitment;
use crate::time::Timestamp;
use crate::usage::event::is_false;
use crate::usage::{Balance, CallFacts};

/// Usage that had happened was reported. Like a debit's, its facts stand in typed columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageReported {
    /// The `id` of the CloudEvent.
    pub id: Attribute,
    /// Its `source`.
    pub source: Attribute,
    /// Whose usage.
    pub member_id: MemberId,
    /// Of which service.
    pub service: ServiceId,
    /// How many units.
    pub units: Units,
    /// Whether they exceed what was available: it happened, so it is recorded.
    #[serde(skip_serializing_if = "is_false", default)]
    pub overage: bool,
    /// On whose account.
    pub level: Level,
    /// The department that the member was in, which is the one drawn on at that level.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub department_id: Option<DepartmentId>,
    /// The account of the open period reported; what counts in a closed one leaves it as it was.
    pub balance: Balance,
    /// The start of the closed period in which it occurred and counts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period_start: Option<Timestamp>,
    /// What is known of the call.
    #[serde(flatten)]
    pub call: CallFacts,
}

/// Why reported usage counts for nobody yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyParked {
    /// Nobody is known by the subject, or there is none.
    UnknownMember,
    /// No service has the name, whoever used it.
    UnknownService,
}

impl WhyParked {
    /// The word in JSON and in columns.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownMember => "unknown_member",
            Self::UnknownService => "unknown_service",
        }
    }
}

/// Usage was reported that is nobody's yet, or of no known service: kept whole, counted nowhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageParked {
    /// The `id` of the CloudEvent.
    pub id: Attribute,
    /// Its `source`.
    pub source: Attribute,
    /// Why it counts for nobody.
    pub why: WhyParked,
    /// Whose usage, where only the service is unknown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub member_id: Option<MemberId>,
    /// Commitment to the subject that nobody is known by: it may be an e-mail address, so it stays
    /// beside the log.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<Commitment>,
    /// The service as it was given.
    pub service: Attribute,
    /// How many units, as it was said or as the service's meter says; `None` when neither tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub units: Option<Units>,
    /// Whether they are what the service's meter says.
    #[serde(skip_serializing_if = "is_false", default)]
    pub metered: bool,
    /// What is known of the call.
    #[serde(flatten)]
    pub call: CallFacts,
}

/// On whose account usage stands, and what its event left there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribution {
    /// Whose usage.
    pub member_id: MemberId,
    /// Of which service.
    pub service: ServiceId,
    /// On whose account.
    pub level: Level,
    /// The department that the member was in, which is the one drawn on at that level.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub department_id: Option<DepartmentId>,
    /// The account of the open period reported; what counts in a closed one leaves it as it was.
    pub balance: Balance,
    /// The start of the closed period in which it counts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period_start: Option<Timestamp>,
}

/// Parked usage was given to a member, or from one member to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageAttributed {
    /// The usage, by the id of its event.
    pub usage_id: EventId,
    /// When the usage occurred: it counts on that day.
    pub usage_at: Timestamp,
    /// How many units count here: those of the usage that are not refunded.
    pub units: Units,
    /// Those that were refunded before.
    pub refunded: Units,
    /// Whether they exceed what was available: it happened, so it is recorded.
    #[serde(skip_serializing_if = "is_false", default)]
    pub overage: bool,
    /// Where it counted until now; `None`: nowhere.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<Attribution>,
    /// Where it counts from now on.
    pub to: Attribution,
    /// Commitment to why.
    pub reason: Commitment,
    /// What is known of the call.
    #[serde(flatten)]
    pub call: CallFacts,
}

/// Usage was refunded, in full or in part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageCorrected {
    /// The usage, by the id of its event.
    pub usage_id: EventId,
    /// When the usage occurred: its day has so much less.
    pub usage_at: Timestamp,
    /// How many units were refunded.
    pub units: Units,
    /// How many the usage was.
    pub usage_units: Units,
    /// Σ refunded until now, these included.
    pub refunded: Units,
    /// Whose units they are again.
    pub account: Attribution,
    /// Commitment to why.
    pub reason: Commitment,
    /// What is known of the call, as the usage has it.
    #[serde(flatten)]
    pub call: CallFacts,
}
