//! The change that an item or a row made.

use ledger_core::Event;
use ledger_core::allocation::{AllocationEvent, Holder};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::ItemIndex;
use crate::values::{Priority, Quota, ServiceId, Units};

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = AllocationChange)]
pub struct ItemChange {
    /// The position of the item, from 0; null if the catalogue or the directory no longer has the
    /// names that it used.
    #[schema(required)]
    pub index: Option<usize>,
    /// The holder, if it is a member; in a transfer the giver.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    pub member_id: Option<Uuid>,
    /// The holder, if it is a department; in a transfer the giver.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    pub department_id: Option<Uuid>,
    /// The service.
    pub service: ServiceId,
    /// Allocated before; absent if only the terms changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Quota, required = false)]
    pub before: Option<Quota>,
    /// Allocated now; absent if only the terms changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Quota, required = false)]
    pub after: Option<Quota>,
    /// The holder's rank when units are short; absent in a transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Priority, required = false)]
    pub priority: Option<Priority>,
    /// Whether the allocation is granted again in the next period; absent in a transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub auto_renew: Option<bool>,
    /// In a transfer: the number of units.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Units, required = false)]
    units: Option<Units>,
    /// In a transfer: the taker, if it is a member.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    to_member_id: Option<Uuid>,
    /// In a transfer: the taker, if it is a department.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    to_department_id: Option<Uuid>,
    /// In a transfer: allocated to the taker before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Quota, required = false)]
    to_before: Option<Quota>,
    /// In a transfer: allocated to the taker now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Quota, required = false)]
    to_after: Option<Quota>,
}

impl ItemChange {
    /// The change that an event records, if it is one of an allocation.
    #[must_use]
    pub fn new(event: &Event, index: &mut ItemIndex) -> Option<Self> {
        let Event::Allocation(event) = event else {
            return None;
        };
        match event {
            AllocationEvent::Allocated(e) | AllocationEvent::Revoked(e) => Some(Self {
                index: index.change(e.holder, &e.service),
                before: Some(e.before.into()),
                after: Some(e.after.into()),
                priority: Some(e.priority.into()),
                auto_renew: Some(e.auto_renew),
                ..Self::of_holder(e.holder, &e.service)
            }),
            AllocationEvent::TermsSet(e) => Some(Self {
                index: index.change(e.holder, &e.service),
                priority: Some(e.priority.into()),
                auto_renew: Some(e.auto_renew),
                ..Self::of_holder(e.holder, &e.service)
            }),
            AllocationEvent::Transferred(e) => Some(Self {
                index: index.next_transfer(),
                before: Some(e.before.into()),
                after: Some(e.after.into()),
                units: Some(e.units.into()),
                to_member_id: e.to.member_id().map(|id| id.0),
                to_department_id: e.to.department_id().map(|id| id.0),
                to_before: Some(e.to_before.into()),
                to_after: Some(e.to_after.into()),
                ..Self::of_holder(e.holder, &e.service)
            }),
            AllocationEvent::Suspended(_) | AllocationEvent::Reactivated(_) => None,
        }
    }

    fn of_holder(holder: Holder, service: &ledger_core::ServiceId) -> Self {
        Self {
            index: None,
            member_id: holder.member_id().map(|id| id.0),
            department_id: holder.department_id().map(|id| id.0),
            service: service.clone().into(),
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
}
