//! Reclaims units when a school buys less: from low to normal to high priority, in proportion
//! within a priority, never below used and held units.
//!
//! **Departments.** A department gives like any other holder, down to the units used and held in
//! it. Allocations of its members beyond the rest are reclaimed in the same way.
//!
//! **Unlimited allocations.** Under a finite total an unlimited allocation counts as that total and
//! gives like any other.
//!
//! **Cost.** A pass over the members and a sort per priority; at most one change per member and
//! service.

use super::event::{AllocationChanged, AllocationEvent, Cause};
use super::holder::Holder;
use super::line::{Line, Priority};
use super::pool::Pool;
use crate::catalog::Event;
use crate::ids::DepartmentId;
use crate::quantity::{Quota, Units};
use crate::service::ServiceId;
use crate::state::SchoolState;

/// The extent of a reclaim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The units that the total does not cover.
    Excess,
    /// All unused units: the plan has no allocations.
    Everything,
}

/// A line that may give units.
struct Giver {
    holder: Holder,
    line: Line,
    /// The used and held units, of a department those of all its members.
    min: Units,
    /// The allocation after the reclaim.
    after: Units,
}

impl Giver {
    fn reclaimable(&self) -> i128 {
        wide(self.after) - wide(self.min)
    }

    fn take(&mut self, units: i128) {
        self.after = narrow(wide(self.after) - units);
    }
}

/// The changes that make all allocations fit into `total`. None of them raises an allocation, so
/// the old total holds between any two of them.
///
/// # Errors
/// The lowest possible total, if `total` is below it.
pub(crate) fn reclaim(
    state: &SchoolState,
    service: &ServiceId,
    total: Quota,
    extent: Extent,
) -> Result<Vec<Event>, Quota> {
    reclaim_from(state, None, service, total, extent)
}

/// The same for the allocations funded by a department, or by the pool.
fn reclaim_from(
    state: &SchoolState,
    funded_by: Option<DepartmentId>,
    service: &ServiceId,
    total: Quota,
    extent: Extent,
) -> Result<Vec<Event>, Quota> {
    let pool = state.pool_of(funded_by, service);
    let mut givers = givers(state, funded_by, service, total);
    let min = committed(&pool, givers.iter().map(|giver| giver.min));
    if let Quota::Finite(total) = total
        && min > wide(total)
    {
        return Err(Quota::from_sum(min));
    }
    match (extent, total) {
        (Extent::Everything, _) => {
            for giver in &mut givers {
                giver.after = giver.min;
            }
        }
        (Extent::Excess, Quota::Finite(total)) => {
            let counted = committed(&pool, givers.iter().map(|giver| giver.after));
            take(&mut givers, counted - wide(total));
        }
        (Extent::Excess, Quota::Unlimited) => return Ok(Vec::new()),
    }
    changes(state, (funded_by, pool), service, givers, extent)
}

fn givers(
    state: &SchoolState,
    funded_by: Option<DepartmentId>,
    service: &ServiceId,
    total: Quota,
) -> Vec<Giver> {
    holders(state, funded_by)
        .filter_map(|holder| {
            let line = state.line(holder, service);
            let min = min_units(state, holder, service, &line);
            (line.allocated != Quota::ZERO).then_some(Giver {
                holder,
                line,
                min,
                after: match (line.allocated, total) {
                    (Quota::Finite(allocated), _) => allocated,
                    (Quota::Unlimited, Quota::Finite(total)) => total.max(min),
                    (Quota::Unlimited, Quota::Unlimited) => Units::MAX,
                },
            })
        })
        .collect()
}

/// The holders funded by a department, or by the pool.
fn holders(
    state: &SchoolState,
    funded_by: Option<DepartmentId>,
) -> impl Iterator<Item = Holder> + '_ {
    let members = state.members();
    let departments = state.departments().filter(move |_| funded_by.is_none());
    members
        .filter(move |(_, member)| member.department_id == funded_by)
        .map(|(member_id, _)| Holder::Member(member_id))
        .chain(departments.map(|(department_id, _)| Holder::Department(department_id)))
}

/// The units that a line keeps in any case.
fn min_units(state: &SchoolState, holder: Holder, service: &ServiceId, line: &Line) -> Units {
    let finite = |quota: Quota| quota.finite().unwrap_or(Units::MAX);
    let Holder::Department(department_id) = holder else {
        return finite(line.min_allocated());
    };
    let funded_by = Some(department_id);
    let members =
        holders(state, funded_by).map(|holder| finite(state.line(holder, service).min_allocated()));
    let committed = committed(&state.pool_of(funded_by, service), members);
    finite(
        Quota::from_sum(committed)
            .max(Quota::Finite(line.spent()))
            .min(line.allocated),
    )
}

/// The sum of allocations and of the units drawn directly on the pool.
fn committed(pool: &Pool, allocations: impl Iterator<Item = Units>) -> i128 {
    allocations
        .chain([pool.direct_used, pool.direct_held])
        .map(wide)
        .sum()
}

/// Takes `needed` units, from the lowest to the highest priority.
fn take(givers: &mut [Giver], mut needed: i128) {
    for priority in Priority::ALL {
        let mut class: Vec<&mut Giver> = givers
            .iter_mut()
            .filter(|giver| giver.line.priority == priority)
            .collect();
        let reclaimable: i128 = class.iter().map(|giver| giver.reclaimable()).sum();
        let share = needed.min(reclaimable);
        if share > 0 {
            take_in_proportion(&mut class, share, reclaimable);
            needed -= share;
        }
    }
}

/// Takes `share` of the `reclaimable` units of a class, from each line in proportion, in whole
/// units. The units left over by rounding down come from the lines with the largest remainders;
/// among equal ones the smaller id gives, a member before a department.
fn take_in_proportion(class: &mut [&mut Giver], share: i128, reclaimable: i128) {
    let mut left = share;
    let mut remainders = Vec::with_capacity(class.len());
    for (at, giver) in class.iter_mut().enumerate() {
        let (whole, remainder) = proportion(share, reclaimable, giver.reclaimable());
        giver.take(whole);
        left -= whole;
        remainders.push((std::cmp::Reverse(remainder), giver.holder, at));
    }
    remainders.sort_unstable();
    // There are fewer units left than remainders above zero: no line gives more than it has.
    for (_, _, at) in remainders {
        if left <= 0 {
            return;
        }
        class[at].take(1);
        left -= 1;
    }
}

/// Quotient and remainder of `share` × `part` ÷ `whole`, for `share` ≤ `whole` and a `part` of 63
/// bits. The product can exceed 128 bits, so the division is done bit by bit: the carry stays below
/// 3 × `whole`, and a sum of units over all members below 2⁹⁶.
fn proportion(share: i128, whole: i128, part: i128) -> (i128, i128) {
    let (mut quotient, mut remainder) = (0, 0);
    for bit in (0..63).rev() {
        quotient *= 2;
        remainder *= 2;
        if part >> bit & 1 == 1 {
            remainder += share;
        }
        while remainder >= whole {
            remainder -= whole;
            quotient += 1;
        }
    }
    (quotient, remainder)
}

/// The events, from the lowest to the highest priority; a department's members precede it.
/// Unlimited lines come last: each of them adds to the sum of the finite allocations, which must
/// stay within 64 bits.
fn changes(
    state: &SchoolState,
    (funded_by, mut pool): (Option<DepartmentId>, Pool),
    service: &ServiceId,
    mut givers: Vec<Giver>,
    extent: Extent,
) -> Result<Vec<Event>, Quota> {
    let is_unlimited = |line: &Line| line.allocated == Quota::Unlimited;
    givers.sort_by_key(|giver| (is_unlimited(&giver.line), giver.line.priority));
    let mut events = Vec::new();
    for giver in givers {
        let after = Quota::Finite(giver.after);
        // The usage of an unlimited line may not fit into 64 bits beside the others. Then the line
        // stays, under an unlimited total, which misses nothing.
        let Some(replaced) = pool.replacing(giver.line.allocated, after) else {
            continue;
        };
        if after == giver.line.allocated {
            continue;
        }
        if let Holder::Department(department_id) = giver.holder {
            let inside = reclaim_from(state, Some(department_id), service, after, extent)?;
            events.extend(inside);
        }
        pool = replaced;
        let holder = (giver.holder, funded_by);
        let line = &giver.line;
        events.push(revoked(holder, service, line, after, Cause::Downgrade));
    }
    Ok(events)
}

/// The return of units that was not requested by itself.
pub(super) fn revoked(
    (holder, funded_by): (Holder, Option<DepartmentId>),
    service: &ServiceId,
    line: &Line,
    after: Quota,
    cause: Cause,
) -> Event {
    let revoked = AllocationEvent::Revoked(AllocationChanged {
        holder,
        funded_by,
        service: service.clone(),
        before: line.allocated,
        after,
        priority: line.priority,
        auto_renew: line.auto_renew,
        reason: None,
        cause: Some(cause),
    });
    revoked.into()
}

fn wide(units: Units) -> i128 {
    i128::from(units.get())
}

/// An allocation after a reclaim, which is no more than before and therefore fits.
fn narrow(units: i128) -> Units {
    Quota::from_sum(units).finite().unwrap_or(Units::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proportion_is_exact_if_the_product_exceeds_128_bits() {
        let max = i128::from(i64::MAX);
        for (share, whole, part) in [
            (1, 3, 2),
            (7, 7, max),
            (max, max * 2, max),
            (max * 1_000_000 - 1, max * 1_000_000, max),
            (0, 1, 5),
        ] {
            let (quotient, remainder) = proportion(share, whole, part);
            assert!((0..whole).contains(&remainder), "{share} {whole} {part}");
            // Compared modulo 2¹²⁸, since the products may be larger.
            assert_eq!(
                quotient.wrapping_mul(whole).wrapping_add(remainder),
                share.wrapping_mul(part)
            );
        }
    }
}
