//! Commands about usage that already happened.

use crate::ids::{Attribute, EventId, MemberId, Owner};
use crate::quantity::Units;
use crate::text::FreeText;
use crate::time::Timestamp;
use crate::usage::CallFacts;

/// Records usage after the fact. It is not refused for exceeding a quota or for an unknown member
/// or service.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The `id` of the CloudEvent.
    pub id: Attribute,
    /// Its `source`; the pair is unique in the school for ever.
    pub source: Attribute,
    /// The member whose usage it is. A CloudEvent's subject is an external id; one that has no
    /// owner may be the text of a member id.
    pub owner: Option<Owner>,
    /// The subject as sent; kept beside the log if no member is known by it.
    pub subject: Option<FreeText>,
    /// The service, by name or alias, as sent.
    pub service: Attribute,
    /// The units; by default the service's meter decides.
    pub units: Option<Units>,
    /// The time of the call. The default is the command's `now`, also for a time that lies further
    /// ahead than clocks differ.
    pub occurred_at: Option<Timestamp>,
    /// The facts of the call.
    pub call: CallFacts,
}

/// Attributes unattributed usage to a member, or attributed usage to another member.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeUsage {
    /// The usage, by the id of its event.
    pub usage_id: EventId,
    /// The member.
    pub member_id: MemberId,
    /// The service, by name or alias; by default as reported.
    pub service: Option<String>,
    /// The reason.
    pub reason: FreeText,
}

/// Refunds usage.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrectUsage {
    /// The usage, by the id of its event.
    pub usage_id: EventId,
    /// The units; by default all that are not refunded yet.
    pub units: Option<Units>,
    /// The reason.
    pub reason: FreeText,
}
