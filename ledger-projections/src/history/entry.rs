//! From an event to what its history shows: whom it concerns, and how it was before and after.

use ledger_core::allocation::AllocationEvent;
use ledger_core::catalog::Event;
use ledger_core::school::{SchoolEvent, Standing};
use ledger_core::usage::{UsageAttributed, UsageEvent};
use ledger_core::{MemberId, Recorded};
use serde::Serialize;
use serde_json::{Value, json};

/// One entry of the history. What is the same for all entries of an event is on the event.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub recorded: &'a Recorded,
    /// Whom it concerns; `None`: the school.
    pub member_id: Option<MemberId>,
    /// `None` where there was nothing before, or the event does not say what.
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// The entries that an event makes: none for usage, two where something went from one member to
/// another, else one.
pub(super) fn entries(recorded: &Recorded) -> Result<Vec<Entry<'_>>, serde_json::Error> {
    let one = |before, after| {
        Ok(vec![Entry {
            recorded,
            member_id: recorded.event.member_id(),
            before,
            after: Some(after),
        }])
    };
    match &recorded.event {
        Event::School(event) => {
            let (before, after) = school(event)?;
            one(before, after)
        }
        Event::Allocation(AllocationEvent::Transferred(e)) => Ok(vec![
            Entry {
                recorded,
                member_id: Some(e.member_id),
                before: Some(json!({ "allocated": e.before })),
                after: Some(json!({
                    "allocated": e.after, "units": e.units, "to_member_id": e.to_member_id,
                })),
            },
            Entry {
                recorded,
                member_id: Some(e.to_member_id),
                before: Some(json!({ "allocated": e.to_before })),
                after: Some(json!({
                    "allocated": e.to_after, "units": e.units, "from_member_id": e.member_id,
                })),
            },
        ]),
        Event::Allocation(event) => {
            let (before, after) = allocation(event);
            one(before, after)
        }
        Event::Usage(UsageEvent::Attributed(e)) => Ok(attributed(recorded, e)),
        Event::Usage(UsageEvent::Corrected(e)) => one(
            Some(
                json!({ "units": e.usage_units.saturating_sub(e.refunded.saturating_sub(e.units)) }),
            ),
            json!({
                "units": e.usage_units.saturating_sub(e.refunded), "usage_id": e.usage_id,
                "refunded": e.units,
            }),
        ),
        Event::Usage(_) => Ok(Vec::new()),
    }
}

/// An entry for whom the usage is given to, and one for whom it is taken from.
fn attributed<'a>(recorded: &'a Recorded, event: &UsageAttributed) -> Vec<Entry<'a>> {
    let before = event.from.as_ref().map(|from| from.member_id);
    let mut whom = vec![event.to.member_id];
    whom.extend(before.filter(|before| *before != event.to.member_id));
    whom.into_iter()
        .map(|member_id| Entry {
            recorded,
            member_id: Some(member_id),
            before: Some(json!({
                "member_id": before,
                "service": event.from.as_ref().map(|from| &from.service),
            })),
            after: Some(json!({
                "member_id": event.to.member_id, "service": event.to.service,
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
            json!({ "role": e.role, "standing": Standing::Active }),
        ),
        SchoolEvent::MemberRoleChanged(e) => (
            Some(json!({ "role": e.before })),
            json!({ "role": e.after }),
        ),
        SchoolEvent::MemberRemoved(_) => (None, json!({ "standing": Standing::Removed })),
    })
}

fn allocation(event: &AllocationEvent) -> (Option<Value>, Value) {
    let standing = |before: Standing, after: Standing| {
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
        AllocationEvent::Suspended(_) => standing(Standing::Active, Standing::Suspended),
        AllocationEvent::Reactivated(_) => standing(Standing::Suspended, Standing::Active),
    }
}

fn json(value: &impl Serialize) -> Result<Value, serde_json::Error> {
    serde_json::to_value(value)
}
