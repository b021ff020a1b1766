//! Answers to corrections.

use ledger_core::usage::UsageEvent;
use ledger_core::{Event, EventId, Units as CoreUnits};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem::Problem;
use crate::values::{Account, ChangeAnswer, Instant, Units, WriteAnswer};

/// The answer to a correction.
pub type CorrectionAnswer = ChangeAnswer<Corrected>;

/// Refunded usage.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = CorrectionAnswer)]
pub struct Corrected {
    /// The event that recorded the usage.
    usage_id: Uuid,
    /// The number of units refunded by this correction.
    units: Units,
    /// The effect of the correction; null if all units had been refunded before.
    #[schema(required)]
    correction: Option<Correction>,
}

/// The effect of a correction.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Correction {
    /// The member of the usage.
    member_id: Uuid,
    /// The number of units of the usage.
    usage_units: Units,
    /// The number of units refunded by all corrections.
    refunded: Units,
    /// The member's account in the open period.
    balance: Account,
    /// The start of the closed period whose account is refunded; null for the open one.
    #[schema(required)]
    period_start: Option<Instant>,
}

pub(super) fn corrected(usage_id: EventId, receipt: &Receipt) -> Result<CorrectionAnswer, Problem> {
    let event = match receipt.events.first().map(|recorded| &recorded.event) {
        Some(Event::Usage(UsageEvent::Corrected(event))) => Some(event),
        None => None,
        Some(_) => return Err(Problem::unlike("a correction", receipt)),
    };
    let outcome = Corrected {
        usage_id: usage_id.0,
        units: event.map_or(CoreUnits::ZERO, |event| event.units).into(),
        correction: event.map(|event| {
            let at = &event.attribution;
            Correction {
                member_id: at.account.member_id.0,
                usage_units: event.usage_units.into(),
                refunded: event.refunded.into(),
                balance: Account::after(&at.account.service, &at.balance, &receipt.period),
                period_start: at.period_start.map(Into::into),
            }
        }),
    };
    Ok(WriteAnswer::new(receipt, outcome))
}
