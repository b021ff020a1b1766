//! A billing cycle.

use ledger_core::Period;
use serde::Serialize;
use utoipa::ToSchema;

use super::Instant;

/// A billing cycle.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Period)]
pub struct PeriodAnswer {
    /// The first instant.
    start: Instant,
    /// The first instant of the next cycle, when usage starts from zero.
    end: Instant,
}

impl From<Period> for PeriodAnswer {
    fn from(Period { start, end }: Period) -> Self {
        Self {
            start: start.into(),
            end: end.into(),
        }
    }
}
