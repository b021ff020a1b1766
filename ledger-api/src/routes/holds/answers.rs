//! Answers about holds.

use ledger_core::usage::UsageEvent;
use ledger_core::{Event, Key as CoreKey};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem::Problem;
use crate::values::{Account, ChangeAnswer, Instant, Key, Units, WriteAnswer};

/// The answer to a hold.
pub type HoldAnswer = WriteAnswer<Placed, Uuid, HoldSubject>;

/// The hold that was placed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HoldSubject {
    /// The caller's id of the hold.
    hold_id: Key,
}

/// Reserved units.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = HoldAnswer)]
pub struct Placed {
    /// The number of units reserved.
    units: Units,
    /// The time at which the units are free again without a settlement or release.
    expires_at: Instant,
    /// The account after the hold.
    balance: Account,
}

pub(super) fn placed(receipt: &Receipt) -> Result<HoldAnswer, Problem> {
    let Some(UsageEvent::HoldPlaced(placed)) = usage_event(receipt) else {
        return Err(Problem::unlike("a hold", receipt));
    };
    let hold_id = placed.hold_id.clone().into();
    let outcome = Placed {
        units: placed.units.into(),
        expires_at: placed.expires_at.into(),
        balance: Account::after(&placed.account.service, &placed.balance, &receipt.period),
    };
    Ok(WriteAnswer::about(
        HoldSubject { hold_id },
        receipt,
        outcome,
    ))
}

/// The answer to a settlement.
pub type SettleAnswer = WriteAnswer<Settled>;

/// The recorded usage of a hold.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SettleAnswer)]
pub struct Settled {
    /// The caller's id of the hold.
    hold_id: Key,
    /// The number of units used.
    units: Units,
    /// The number of units that were reserved until now.
    freed_units: Units,
    /// Whether the usage exceeds the available units.
    overage: bool,
    /// Whether the hold had expired.
    late: bool,
    /// The account after the settlement.
    balance: Account,
}

pub(super) fn settled(receipt: &Receipt) -> Result<SettleAnswer, Problem> {
    let Some(UsageEvent::HoldSettled(settled)) = usage_event(receipt) else {
        return Err(Problem::unlike("a settlement", receipt));
    };
    let outcome = Settled {
        hold_id: settled.hold_id.clone().into(),
        units: settled.units.into(),
        freed_units: settled.freed_units.into(),
        overage: settled.overage,
        late: settled.late,
        balance: Account::after(&settled.account.service, &settled.balance, &receipt.period),
    };
    Ok(WriteAnswer::new(receipt, outcome))
}

/// The answer to a release. It has no event if the hold had expired.
pub type ReleaseAnswer = ChangeAnswer<Released>;

/// A hold without reserved units.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReleaseAnswer)]
pub struct Released {
    /// The caller's id of the hold.
    hold_id: Key,
    /// The account now.
    balance: Account,
}

pub(super) fn released(hold_id: CoreKey, receipt: &Receipt) -> Result<ReleaseAnswer, Problem> {
    let period = &receipt.period;
    let balance = match (usage_event(receipt), receipt.view.accounts.first()) {
        (Some(UsageEvent::HoldReleased(released)), _) => {
            Account::after(&released.account.service, &released.balance, period)
        }
        (None, Some(account)) => Account::unchanged(account, period),
        _ => return Err(Problem::unlike("a release", receipt)),
    };
    let hold_id = hold_id.into();
    Ok(WriteAnswer::new(receipt, Released { hold_id, balance }))
}

fn usage_event(receipt: &Receipt) -> Option<&UsageEvent> {
    let Event::Usage(event) = &receipt.events.first()?.event else {
        return None;
    };
    Some(event)
}
