//! An account after a write of usage.

use ledger_core::Period;
use ledger_core::decider::AccountView;
use ledger_core::usage::Balance;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Instant, Quota, ServiceId, Units};

/// The units of a service on the account that usage draws on: the member's own allocation, the
/// member's share of the department's, or the pool.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Account {
    service: ServiceId,
    allocated: Quota,
    used: Units,
    held: Units,
    /// allocated − used − held, never below zero.
    available: Quota,
    /// The start of the next period, when usage starts from zero.
    resets_at: Instant,
}

impl Account {
    /// The account after an event.
    #[must_use]
    pub fn after(service: &ledger_core::ServiceId, balance: &Balance, period: &Period) -> Self {
        Self {
            service: service.clone().into(),
            allocated: balance.allocated.into(),
            used: balance.used.into(),
            held: balance.held.into(),
            available: balance.available().into(),
            resets_at: period.end.into(),
        }
    }

    /// The account that a command left as it was.
    #[must_use]
    pub fn unchanged(account: &AccountView, period: &Period) -> Self {
        let line = &account.line;
        let balance = Balance {
            allocated: line.allocated,
            used: line.used,
            held: line.held,
        };
        Self::after(&account.service, &balance, period)
    }
}
