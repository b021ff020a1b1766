//! The history entries of an event: the holder concerned, and the values before and after.

use ledger_core::allocation::{AllocationEvent, Cause, Holder, UnitsTransferred};
use ledger_core::catalog::Event;
use ledger_core::department::DepartmentEvent;
use ledger_core::period::PeriodEvent;
use ledger_core::request::{RequestEvent, RequestStatus};
use ledger_core::school::{MemberStatus, SchoolEvent};
use ledger_core::usage::{UsageAttributed, UsageCorrected, UsageEvent};
use ledger_core::{DepartmentId, MemberId, Recorded, RequestId, ServiceId, Units};
use serde::Serialize;
use serde_json::{Value, json};

/// An entry of the history, without the fields that all entries of its event share.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub recorded: &'a Recorded,
    /// The member concerned; `None`: the department or, without one, the school.
    pub member_id: Option<MemberId>,
    /// The department concerned, or the one whose books it counts in.
    pub department_id: Option<DepartmentId>,
    /// The service.
    pub service: Option<&'a ServiceId>,
    /// The number of the change among those of the event, from 0.
    pub part: i32,
    /// `None` where there was no value, or the event does not have it.
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// The entries of an event: none for usage, two for a transfer or an attribution to another member,
/// one for each allocation of a rollover, one otherwise.
pub(super) fn entries(recorded: &Recorded) -> Result<Vec<Entry<'_>>, serde_json::Error> {
    let one = |before, after| {
        Ok(vec![Entry {
            recorded,
            member_id: recorded.event.member_id(),
            department_id: recorded.event.department_id(),
            service: recorded.event.service(),
            part: 0,
            before,
            after: Some(after),
        }])
    };
    match &recorded.event {
        Event::School(event) => {
            let (before, after) = school(event)?;
            one(before, after)
        }
        Event::Department(event) => {
            let (before, after) = department(event);
            one(before, after)
        }
        Event::Allocation(AllocationEvent::Transferred(e)) => Ok(transferred(recorded, e)),
        Event::Allocation(event) => {
            let (before, after) = allocation(event);
            one(before, after)
        }
        Event::Usage(UsageEvent::Refused(e)) => one(
            None,
            json!({ "reason": e.reason, "times": e.times, "units": e.units }),
        ),
        Event::Request(event) => {
            let (before, after) = request(event);
            one(before, after)
        }
        Event::Period(PeriodEvent::Closed(e)) => {
            let before = json!({ "period": e.closed, "pools": json(&e.pools)? });
            one(Some(before), json!({ "period": e.opened }))
        }
        Event::Period(PeriodEvent::Renewed(e)) => Ok((0..)
            .zip(&e.rows)
            .map(|(part, row)| Entry {
                recorded,
                member_id: row.holder.member_id(),
                department_id: row.holder.department_id().or(row.funded_by),
                service: Some(&row.service),
                part,
                before: Some(json!({ "allocated": row.before })),
                after: Some(json!({ "allocated": row.after, "priority": row.priority })),
            })
            .collect()),
        Event::Usage(UsageEvent::Attributed(e)) => Ok(attributed(recorded, e)),
        Event::Usage(UsageEvent::Corrected(e)) => one(
            Some(json!({ "units": e.usage_units.saturating_sub(refunded_before(e)) })),
            json!({
                "units": e.usage_units.saturating_sub(e.refunded), "usage_id": e.usage_id,
                "refunded": e.units,
            }),
        ),
        Event::Usage(_) => Ok(Vec::new()),
    }
}

/// The units that were refunded before a correction.
fn refunded_before(event: &UsageCorrected) -> Units {
    event.refunded.saturating_sub(event.units)
}

/// An entry for each of the two holders.
fn transferred<'a>(recorded: &'a Recorded, event: &'a UnitsTransferred) -> Vec<Entry<'a>> {
    let (giver, taker) = (event.holder, event.to);
    vec![
        Entry {
            recorded,
            member_id: giver.member_id(),
            department_id: giver.department_id().or(event.funded_by),
            service: Some(&event.service),
            part: 0,
            before: Some(json!({ "allocated": event.before })),
            after: Some(match taker {
                Holder::Member(to) => json!({
                    "allocated": event.after, "units": event.units, "to_member_id": to,
                }),
                Holder::Department(to) => json!({
                    "allocated": event.after, "units": event.units, "to_department_id": to,
                }),
            }),
        },
        Entry {
            recorded,
            member_id: taker.member_id(),
            department_id: taker.department_id().or(event.to_funded_by),
            service: Some(&event.service),
            // Without members only the part distinguishes the entries.
            part: i32::from(taker.department_id().is_some()),
            before: Some(json!({ "allocated": event.to_before })),
            after: Some(match giver {
                Holder::Member(from) => json!({
                    "allocated": event.to_after, "units": event.units, "from_member_id": from,
                }),
                Holder::Department(from) => json!({
                    "allocated": event.to_after, "units": event.units,
                    "from_department_id": from,
                }),
            }),
        },
    ]
}

/// An entry for whom the usage is given to, and one for whom it is taken from.
fn attributed<'a>(recorded: &'a Recorded, event: &'a UsageAttributed) -> Vec<Entry<'a>> {
    let from = event.from.as_ref();
    let before = from.filter(|from| from.account.member_id != event.to.account.member_id);
    [Some(&event.to), before]
        .into_iter()
        .flatten()
        .map(|of| Entry {
            recorded,
            member_id: Some(of.account.member_id),
            department_id: of.account.department_id,
            service: Some(&of.account.service),
            part: 0,
            before: Some(json!({
                "member_id": from.map(|from| from.account.member_id),
                "service": from.map(|from| &from.account.service),
            })),
            after: Some(json!({
                "member_id": event.to.account.member_id, "service": event.to.account.service,
                "units": event.units, "usage_id": event.usage_id,
            })),
        })
        .collect()
}

fn school(event: &SchoolEvent) -> Result<(Option<Value>, Value), serde_json::Error> {
    Ok(match event {
        SchoolEvent::Registered(e) => (None, json(e)?),
        SchoolEvent::SubscriptionChanged(e) => (
            Some(json!({ "tier": e.tier_before, "totals": json(&e.totals_before)? })),
            json!({ "tier": e.tier, "totals": json(&e.totals)?, "management": e.management }),
        ),
        SchoolEvent::SettingsChanged(e) => (Some(json(&e.before)?), json(&e.after)?),
        SchoolEvent::MemberEnrolled(e) => (
            None,
            json!({ "role": e.role, "standing": MemberStatus::Active }),
        ),
        SchoolEvent::MemberRoleChanged(e) => (
            Some(json!({ "role": e.before })),
            json!({ "role": e.after }),
        ),
        SchoolEvent::MemberRemoved(_) => (None, json!({ "standing": MemberStatus::Removed })),
        SchoolEvent::MemberErased(_) => (None, json!({ "erased": true })),
    })
}

fn department(event: &DepartmentEvent) -> (Option<Value>, Value) {
    match event {
        DepartmentEvent::Opened(_) => (None, json!({ "closed": false })),
        DepartmentEvent::Closed(_) => (Some(json!({ "closed": false })), json!({ "closed": true })),
        DepartmentEvent::MemberMoved(e) => (
            Some(json!({ "department_id": e.before })),
            json!({ "department_id": e.after, "units": e.units }),
        ),
    }
}

fn allocation(event: &AllocationEvent) -> (Option<Value>, Value) {
    let status = |before: MemberStatus, after: MemberStatus| {
        (
            Some(json!({ "standing": before })),
            json!({ "standing": after }),
        )
    };
    match event {
        AllocationEvent::Allocated(e) | AllocationEvent::Revoked(e) => (
            Some(json!({ "allocated": e.before })),
            json!({
                "allocated": e.after, "priority": e.priority, "auto_renew": e.auto_renew,
            }),
        ),
        AllocationEvent::Transferred(e) => (
            Some(json!({ "allocated": e.before })),
            json!({ "allocated": e.after }),
        ),
        AllocationEvent::TermsSet(e) => (
            Some(json!({ "priority": e.priority_before, "auto_renew": e.auto_renew_before })),
            json!({ "priority": e.priority, "auto_renew": e.auto_renew }),
        ),
        AllocationEvent::Suspended(_) => status(MemberStatus::Active, MemberStatus::Suspended),
        AllocationEvent::Reactivated(_) => status(MemberStatus::Suspended, MemberStatus::Active),
    }
}

fn request(event: &RequestEvent) -> (Option<Value>, Value) {
    let status = event.status();
    let pending = Some(json!({ "status": RequestStatus::Pending }));
    match event {
        RequestEvent::Filed(e) => (
            None,
            json!({
                "status": status, "units": e.units, "urgency": e.urgency,
                "expires_at": e.expires_at,
            }),
        ),
        RequestEvent::Approved(e) => (pending, json!({ "status": status, "units": e.units })),
        RequestEvent::Rejected(_) | RequestEvent::Withdrawn(_) | RequestEvent::Expired(_) => {
            (pending, json!({ "status": status }))
        }
    }
}

/// The request that an event is about or that caused it.
pub(super) fn request_id(event: &Event) -> Option<RequestId> {
    match event {
        Event::Request(event) => Some(event.request_id()),
        Event::School(_)
        | Event::Department(_)
        | Event::Allocation(_)
        | Event::Usage(_)
        | Event::Period(_) => event.cause().and_then(Cause::request_id),
    }
}

fn json(value: &impl Serialize) -> Result<Value, serde_json::Error> {
    serde_json::to_value(value)
}
