//! Answers about allocations.

use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::problem::Problem;
use crate::values::{ChangeAnswer, ItemChange, ItemIndex, Priority, Quota, ServiceId, WriteAnswer};

/// The answer to the setting of an allocation.
pub type AllocationAnswer = ChangeAnswer<Allocation>;

/// The allocation of a member or a department.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AllocationAnswer)]
pub struct Allocation {
    /// The holder, if it is a member.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    member_id: Option<Uuid>,
    /// The holder, if it is a department.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    department_id: Option<Uuid>,
    service: ServiceId,
    /// Allocated before.
    before: Quota,
    /// Allocated now.
    allocated: Quota,
    /// The holder's rank when units are short.
    priority: Priority,
    /// Whether the allocation is granted again in the next period.
    auto_renew: bool,
}

/// The state of the account has what the event does not: an event of new terms has no amounts.
pub(super) fn allocated(receipt: &Receipt) -> Result<AllocationAnswer, Problem> {
    let unlike = || Problem::unlike("an allocation", receipt);
    let account = receipt.view.accounts.first().ok_or_else(unlike)?;
    let change = match receipt.events.first() {
        Some(first) => {
            Some(ItemChange::new(&first.event, &mut ItemIndex::default()).ok_or_else(unlike)?)
        }
        None => None,
    };
    let change = change.as_ref();
    let line = &account.line;
    let outcome = Allocation {
        member_id: account.holder.member_id().map(|id| id.0),
        department_id: account.holder.department_id().map(|id| id.0),
        service: account.service.clone().into(),
        before: change
            .and_then(|change| change.before)
            .unwrap_or(line.allocated.into()),
        allocated: change
            .and_then(|change| change.after)
            .unwrap_or(line.allocated.into()),
        priority: change
            .and_then(|change| change.priority)
            .unwrap_or(line.priority.into()),
        auto_renew: change
            .and_then(|change| change.auto_renew)
            .unwrap_or(line.auto_renew),
    };
    Ok(WriteAnswer::new(receipt, outcome))
}

/// The answer to a batch. It has no event if nothing changed or it is a preview.
pub type BatchAnswer = ChangeAnswer<Batch>;

/// The changes of a batch.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AllocationBatchAnswer)]
pub struct Batch {
    /// Whether this is a preview and nothing was changed.
    dry_run: bool,
    /// The changes in the order in which they are made: decreases first. Items without effect are
    /// left out.
    changes: Vec<ItemChange>,
}

pub(super) fn batch(receipt: &Receipt, dry_run: bool, mut index: ItemIndex) -> BatchAnswer {
    let events = receipt.events.iter();
    let changes = events.filter_map(|recorded| ItemChange::new(&recorded.event, &mut index));
    let changes = changes.collect();
    let mut answer = BatchAnswer::new(receipt, Batch { dry_run, changes });
    answer.event_id = answer.event_id.filter(|_| !dry_run);
    answer
}
