//! What can be asked of usage that happened.

use super::recalled::Recalled;
use crate::ids::{Attribute, EventId, MemberId};
use crate::quantity::Units;
use crate::text::FreeText;
use crate::time::Timestamp;
use crate::usage::CallFacts;

/// Record usage that happened. It is never refused for what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The `id` of the CloudEvent.
    pub id: Attribute,
    /// Its `source`; the two are unique in the school for ever.
    pub source: Attribute,
    /// Whose usage: the member of the subject's external id, or whose id the subject itself is.
    /// Whether there is such a member is for the decision to say.
    pub member_id: Option<MemberId>,
    /// The subject as it was given; kept beside the log when nobody is known by it.
    pub subject: Option<FreeText>,
    /// Of which service, by name or alias, as it was given.
    pub service: Attribute,
    /// How many units; the service's meter decides when not given.
    pub units: Option<Units>,
    /// When the call was made; the command's `now` when not given, or when it lies further ahead
    /// than clocks differ.
    pub occurred_at: Option<Timestamp>,
    /// What is known of the call.
    pub call: CallFacts,
}

/// Give parked usage to a member, or from the member whom it was given to another.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeUsage {
    /// The usage, by the id of its event.
    pub usage_id: EventId,
    /// Whose it is.
    pub member_id: MemberId,
    /// Of which service, by name or alias; as it was reported when not given.
    pub service: Option<String>,
    /// Why.
    pub reason: FreeText,
    /// The usage as it stands; looked up in the log by whoever carries the command to the writer.
    pub recalled: Option<Recalled>,
}

/// Refund usage.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrectUsage {
    /// The usage, by the id of its event.
    pub usage_id: EventId,
    /// How many units; all that are not refunded yet when not given.
    pub units: Option<Units>,
    /// Why.
    pub reason: FreeText,
    /// As in [`AttributeUsage::recalled`].
    pub recalled: Option<Recalled>,
}
