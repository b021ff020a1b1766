//! Events about usage recorded after the fact.

use serde::{Deserialize, Serialize};

use crate::ids::{Attribute, EventId, MemberId};
use crate::quantity::Units;
use crate::text::Commitment;
use crate::time::Timestamp;
use crate::usage::account::Account;
use crate::usage::event::is_false;
use crate::usage::{Balance, CallFacts};
use crate::vocabulary::vocabulary;

/// Usage was reported. Typed columns hold it whole, like a debit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageReported {
    /// The `id` of the CloudEvent.
    pub id: Attribute,
    /// Its `source`.
    pub source: Attribute,
    /// The account that the usage counts on.
    #[serde(flatten)]
    pub account: Account,
    /// The units.
    pub units: Units,
    /// Whether they exceed what was available. The usage happened, so it is recorded.
    #[serde(skip_serializing_if = "is_false", default)]
    pub overage: bool,
    /// The balance of the account in the open period; usage of a closed period leaves it unchanged.
    pub balance: Balance,
    /// The start of the closed period in which the usage occurred and counts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period_start: Option<Timestamp>,
    /// The facts of the call.
    #[serde(flatten)]
    pub call: CallFacts,
}

vocabulary! {
    /// The reason why reported usage is not attributed.
    pub enum UnattributedReason {
        UnknownMember = "unknown_member" => "The subject is unknown or missing.",
        UnknownService = "unknown_service" => "No service has the name.",
    }
}

/// Reported usage has no known member or service: kept whole, counted nowhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageParked {
    /// The `id` of the CloudEvent.
    pub id: Attribute,
    /// Its `source`.
    pub source: Attribute,
    /// The reason.
    #[serde(rename = "why")]
    pub reason: UnattributedReason,
    /// The member, if only the service is unknown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub member_id: Option<MemberId>,
    /// The commitment to the unknown subject. It may be an e-mail address, so the text stays beside
    /// the log.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<Commitment>,
    /// The service as sent.
    pub service: Attribute,
    /// The units as sent or metered; `None` if neither is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub units: Option<Units>,
    /// Whether the service's meter gave the units.
    #[serde(skip_serializing_if = "is_false", default)]
    pub metered: bool,
    /// The facts of the call.
    #[serde(flatten)]
    pub call: CallFacts,
}

/// The account that usage counts on, and its balance after the event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribution {
    /// The account.
    #[serde(flatten)]
    pub account: Account,
    /// The balance of the account in the open period; usage of a closed period leaves it unchanged.
    pub balance: Balance,
    /// The start of the closed period in which the usage counts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period_start: Option<Timestamp>,
}

/// Usage was attributed to a member, for the first time or in place of another member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageAttributed {
    /// The usage, by the id of its event.
    pub usage_id: EventId,
    /// The time of the usage: it counts on that day.
    pub usage_at: Timestamp,
    /// The units that count: those of the usage that are not refunded.
    pub units: Units,
    /// The units refunded before.
    pub refunded: Units,
    /// Whether the units exceed what was available. The usage happened, so it is recorded.
    #[serde(skip_serializing_if = "is_false", default)]
    pub overage: bool,
    /// The account that the usage counted on before, if any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<Attribution>,
    /// The account that the usage counts on.
    pub to: Attribution,
    /// The commitment to the reason.
    pub reason: Commitment,
    /// The facts of the call.
    #[serde(flatten)]
    pub call: CallFacts,
}

/// Usage was refunded, in full or in part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageCorrected {
    /// The usage, by the id of its event.
    pub usage_id: EventId,
    /// The time of the usage: its day has fewer units.
    pub usage_at: Timestamp,
    /// The units refunded.
    pub units: Units,
    /// The units of the usage.
    pub usage_units: Units,
    /// Σ units refunded, these included.
    pub refunded: Units,
    /// The account that the usage counts on.
    #[serde(rename = "account")]
    pub attribution: Attribution,
    /// The commitment to the reason.
    pub reason: Commitment,
    /// The facts of the call, as in the usage.
    #[serde(flatten)]
    pub call: CallFacts,
}
