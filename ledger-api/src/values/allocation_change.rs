//! Changes of allocations, as the answers to writes list them.

use ledger_core::Event;
use ledger_core::allocation::{AllocationChanged, AllocationEvent};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::ToSchema;

use super::quotas::Quota;
use super::scalars::ServiceId;

/// The allocations that a write increased.
pub fn increases(receipt: &Receipt) -> impl Iterator<Item = &AllocationChanged> {
    receipt.events.iter().filter_map(|recorded| {
        let Event::Allocation(AllocationEvent::Allocated(change)) = &recorded.event else {
            return None;
        };
        Some(change)
    })
}

/// The allocations that a write decreased.
pub fn decreases(receipt: &Receipt) -> impl Iterator<Item = &AllocationChanged> {
    receipt.events.iter().filter_map(|recorded| {
        let Event::Allocation(AllocationEvent::Revoked(change)) = &recorded.event else {
            return None;
        };
        Some(change)
    })
}

/// Declares the allocation of one service before and after a write, whose holder the answer names
/// elsewhere, once per schema.
macro_rules! service_changes {
    ($($(#[doc = $doc:literal])* $name:ident;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Serialize, ToSchema)]
        pub struct $name {
            /// The service.
            service: ServiceId,
            /// Allocated before.
            before: Quota,
            /// Allocated now.
            allocated: Quota,
        }

        impl From<&AllocationChanged> for $name {
            fn from(changed: &AllocationChanged) -> Self {
                Self {
                    service: changed.service.clone().into(),
                    before: changed.before.into(),
                    allocated: changed.after.into(),
                }
            }
        }
    )*};
}

service_changes! {
    /// A grant that comes with an enrolment.
    GrantAnswer;
    /// A grant that comes with an approval.
    GrantedAnswer;
    /// Units that return because their holder is removed or closed.
    ReturnedAnswer;
}
