//! What became of a hold.

use ledger_core::usage::UsageEvent;
use ledger_core::{Event, EventId, Key, Seq, Timestamp, Units};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::schema;
use crate::problem::Problem;
use crate::values::Account;

/// Units that are held.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HoldAnswer {
    /// The hold's id, as the caller chose it.
    #[schema(value_type = schema::Key)]
    hold_id: Key,
    /// The position of the hold in the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The hold's identity in the school.
    #[schema(value_type = Uuid)]
    event_id: EventId,
    /// Whether it was placed before, and this is what came of it then.
    replayed: bool,
    /// How many units are held.
    #[schema(value_type = schema::Units)]
    units: Units,
    /// When they are free again if nobody settles or releases.
    #[schema(value_type = schema::Instant)]
    expires_at: Timestamp,
    /// The account as the hold left it.
    balance: Account,
}

impl HoldAnswer {
    pub(super) fn of(receipt: &Receipt) -> Result<Self, Problem> {
        let Some(UsageEvent::HoldPlaced(placed)) = usage(receipt) else {
            return Err(Problem::unlike("a hold", receipt));
        };
        Ok(Self {
            hold_id: placed.hold_id.clone(),
            seq: receipt.seq,
            event_id: receipt.event_id,
            replayed: receipt.replayed,
            units: placed.units,
            expires_at: placed.expires_at,
            balance: Account::after(&placed.account.service, &placed.balance, &receipt.period),
        })
    }
}

/// Usage that is recorded.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SettleAnswer {
    /// The position of the settlement in the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The settlement's identity in the school.
    #[schema(value_type = Uuid)]
    event_id: EventId,
    /// Whether it was settled before, and this is what came of it then.
    replayed: bool,
    /// The hold's id.
    #[schema(value_type = schema::Key)]
    hold_id: Key,
    /// How many units the call used.
    #[schema(value_type = schema::Units)]
    units: Units,
    /// How many units were held for it until now.
    #[schema(value_type = schema::Units)]
    freed_units: Units,
    /// Whether the usage exceeds what was available.
    overage: bool,
    /// Whether the hold had expired.
    late: bool,
    /// The account as the settlement left it.
    balance: Account,
}

impl SettleAnswer {
    pub(super) fn of(receipt: &Receipt) -> Result<Self, Problem> {
        let Some(UsageEvent::HoldSettled(settled)) = usage(receipt) else {
            return Err(Problem::unlike("a settlement", receipt));
        };
        Ok(Self {
            seq: receipt.seq,
            event_id: receipt.event_id,
            replayed: receipt.replayed,
            hold_id: settled.hold_id.clone(),
            units: settled.units,
            freed_units: settled.freed_units,
            overage: settled.overage,
            late: settled.late,
            balance: Account::after(&settled.account.service, &settled.balance, &receipt.period),
        })
    }
}

/// Units that are free.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReleaseAnswer {
    /// The head of the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The release's identity in the school; none when the hold had expired.
    #[schema(value_type = Option<Uuid>, required)]
    event_id: Option<EventId>,
    /// Whether it was released before, and this is what came of it then.
    replayed: bool,
    /// The hold's id.
    #[schema(value_type = schema::Key)]
    hold_id: Key,
    /// The account as it is now.
    balance: Account,
}

impl ReleaseAnswer {
    pub(super) fn of(hold_id: Key, receipt: &Receipt) -> Result<Self, Problem> {
        let period = &receipt.period;
        let (event_id, balance) = match (usage(receipt), receipt.view.accounts.first()) {
            (Some(UsageEvent::HoldReleased(released)), _) => (
                Some(receipt.event_id),
                Account::after(&released.account.service, &released.balance, period),
            ),
            (None, Some(account)) => (None, Account::unchanged(account, period)),
            _ => return Err(Problem::unlike("a release", receipt)),
        };
        let (seq, replayed) = (receipt.seq, receipt.replayed);
        Ok(Self {
            seq,
            event_id,
            replayed,
            hold_id,
            balance,
        })
    }
}

fn usage(receipt: &Receipt) -> Option<&UsageEvent> {
    match &receipt.events.first()?.event {
        Event::Usage(event) => Some(event),
        Event::School(_)
        | Event::Department(_)
        | Event::Allocation(_)
        | Event::Request(_)
        | Event::Period(_) => None,
    }
}
