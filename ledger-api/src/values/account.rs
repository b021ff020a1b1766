//! An account as the answer to a write shows it.

use ledger_core::decider::AccountView;
use ledger_core::usage::Balance;
use ledger_core::{Period, Quota, ServiceId, Timestamp, Units};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::schema;

/// What is left of a service on the account that was drawn on: the member's own allocation, what
/// is left of his department's where he draws on that, or the pool where members draw on it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Account {
    #[schema(value_type = schema::ServiceId)]
    service: ServiceId,
    #[schema(value_type = schema::Quota)]
    allocated: Quota,
    #[schema(value_type = schema::Units)]
    used: Units,
    #[schema(value_type = schema::Units)]
    held: Units,
    /// allocated − used − held, never below zero.
    #[schema(value_type = schema::Quota)]
    available: Quota,
    /// When what was used starts again from zero.
    #[schema(value_type = schema::Instant)]
    resets_at: Timestamp,
}

impl Account {
    /// As an event left it.
    #[must_use]
    pub fn after(service: &ServiceId, balance: &Balance, period: &Period) -> Self {
        Self {
            service: service.clone(),
            allocated: balance.allocated,
            used: balance.used,
            held: balance.held,
            available: balance.available(),
            resets_at: period.end,
        }
    }

    /// As a command found it that changed nothing.
    #[must_use]
    pub fn found(account: &AccountView, period: &Period) -> Self {
        let line = &account.line;
        let balance = Balance {
            allocated: line.allocated,
            used: line.used,
            held: line.held,
        };
        Self::after(&account.service, &balance, period)
    }
}
