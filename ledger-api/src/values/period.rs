//! A billing cycle as answers show it.

use ledger_core::{Period, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::schema;

/// A billing cycle.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Period)]
pub struct PeriodAnswer {
    /// Its first instant.
    #[schema(value_type = schema::Instant)]
    start: Timestamp,
    /// The first instant after it: what was used starts again from zero.
    #[schema(value_type = schema::Instant)]
    end: Timestamp,
}

impl From<Period> for PeriodAnswer {
    fn from(Period { start, end }: Period) -> Self {
        Self { start, end }
    }
}
