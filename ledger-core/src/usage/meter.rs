//! The units of a call.

use super::event::CallFacts;
use crate::plan::Catalogue;
use crate::quantity::Units;
use crate::service::{Call, ServiceId};

/// The stated units, or else those of the service's meter; `None` if they exceed 64 bits.
pub(super) fn metered(
    catalogue: &Catalogue,
    service: &ServiceId,
    stated: Option<Units>,
    call: &CallFacts,
) -> Option<Units> {
    let measure = || {
        let call = Call {
            model: call.model.as_deref(),
            tokens: call.tokens(),
        };
        catalogue.meter(service).units(call)
    };
    stated.or_else(measure)
}
