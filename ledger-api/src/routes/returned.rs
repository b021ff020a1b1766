//! Units that went back to what they came out of, because their holder goes.

use ledger_core::allocation::AllocationEvent;
use ledger_core::{Event, Quota, ServiceId};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::schema;

/// Units that went back to what they came out of.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReturnedAnswer {
    /// Of which service.
    #[schema(value_type = schema::ServiceId)]
    service: ServiceId,
    /// Allocated before.
    #[schema(value_type = schema::Quota)]
    before: Quota,
    /// Still allocated: used, or held for a call in flight.
    #[schema(value_type = schema::Quota)]
    allocated: Quota,
}

/// What went back with what was done.
pub(super) fn returned(receipt: &Receipt) -> Vec<ReturnedAnswer> {
    let events = receipt.events.iter();
    events
        .filter_map(|recorded| one_of(&recorded.event))
        .collect()
}

fn one_of(event: &Event) -> Option<ReturnedAnswer> {
    let Event::Allocation(AllocationEvent::Revoked(revoked)) = event else {
        return None;
    };
    Some(ReturnedAnswer {
        service: revoked.service.clone(),
        before: revoked.before,
        allocated: revoked.after,
    })
}
