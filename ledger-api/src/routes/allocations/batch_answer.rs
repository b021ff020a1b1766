//! What became of many allocations.

use ledger_core::allocation::{AllocationEvent, Holder, Priority};
use ledger_core::{DepartmentId, Event, EventId, MemberId, Quota, Seq, ServiceId, Units};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::schema;
use crate::values::{ItemIndex, words};

/// What changed, or would.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AllocationBatchAnswer)]
pub struct BatchAnswer {
    /// The head of the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The identity of the first change in the school; none when nothing was to be changed or was
    /// done.
    #[schema(value_type = Option<Uuid>, required)]
    event_id: Option<EventId>,
    /// Whether it was done before, and this is what came of it then.
    replayed: bool,
    /// Whether this is what would come of it, and nothing was done.
    dry_run: bool,
    /// What changed, in the order in which it was done: what gives back goes first. Items that
    /// found it so already are not among them.
    changes: Vec<ChangeAnswer>,
}

/// One change.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AllocationChange)]
pub struct ChangeAnswer {
    /// Which item of the batch, from 0; none when its service is not known by that name any more.
    #[schema(required)]
    index: Option<usize>,
    /// Whose allocation, if a member's; of a transfer, who gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    member_id: Option<MemberId>,
    /// The same, if it is a department's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    department_id: Option<DepartmentId>,
    /// Of which service.
    #[schema(value_type = schema::ServiceId)]
    service: ServiceId,
    /// Allocated before; not there when only the terms changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Quota, required = false)]
    before: Option<Quota>,
    /// Allocated now; not there when only the terms changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Quota, required = false)]
    after: Option<Quota>,
    /// How the holder ranks; of a transfer not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = words::Priority, required = false)]
    priority: Option<Priority>,
    /// Whether it is granted again in the next period; of a transfer not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    auto_renew: Option<bool>,
    /// Of a transfer: how many units.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Units, required = false)]
    units: Option<Units>,
    /// Of a transfer: who took, if a member.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    to_member_id: Option<MemberId>,
    /// The same, if it was a department.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    to_department_id: Option<DepartmentId>,
    /// Of a transfer: what the taker had before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Quota, required = false)]
    to_before: Option<Quota>,
    /// Of a transfer: what the taker has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Quota, required = false)]
    to_after: Option<Quota>,
}

impl BatchAnswer {
    pub(super) fn of(receipt: &Receipt, dry_run: bool, mut index: ItemIndex) -> Self {
        let events = receipt.events.iter();
        let done = !dry_run && !receipt.events.is_empty();
        Self {
            seq: receipt.seq,
            event_id: done.then_some(receipt.event_id),
            replayed: receipt.replayed,
            dry_run,
            changes: events
                .filter_map(|recorded| change(&recorded.event, &mut index))
                .collect(),
        }
    }
}

fn change(event: &Event, index: &mut ItemIndex) -> Option<ChangeAnswer> {
    let Event::Allocation(event) = event else {
        return None;
    };
    Some(match event {
        AllocationEvent::Allocated(e) | AllocationEvent::Revoked(e) => ChangeAnswer {
            before: Some(e.before),
            after: Some(e.after),
            priority: Some(e.priority),
            auto_renew: Some(e.auto_renew),
            ..of_line(e.holder, &e.service, index)
        },
        AllocationEvent::TermsSet(e) => ChangeAnswer {
            priority: Some(e.priority),
            auto_renew: Some(e.auto_renew),
            ..of_line(e.holder, &e.service, index)
        },
        AllocationEvent::Transferred(e) => ChangeAnswer {
            before: Some(e.before),
            after: Some(e.after),
            units: Some(e.units),
            to_member_id: e.to.member_id(),
            to_department_id: e.to.department_id(),
            to_before: Some(e.to_before),
            to_after: Some(e.to_after),
            ..bare(index.next_transfer(), e.holder, &e.service)
        },
        AllocationEvent::Suspended(_) | AllocationEvent::Reactivated(_) => return None,
    })
}

fn of_line(holder: Holder, service: &ServiceId, index: &ItemIndex) -> ChangeAnswer {
    bare(index.change(holder, service), holder, service)
}

fn bare(index: Option<usize>, holder: Holder, service: &ServiceId) -> ChangeAnswer {
    ChangeAnswer {
        index,
        member_id: holder.member_id(),
        department_id: holder.department_id(),
        service: service.clone(),
        before: None,
        after: None,
        priority: None,
        auto_renew: None,
        units: None,
        to_member_id: None,
        to_department_id: None,
        to_before: None,
        to_after: None,
    }
}
