//! Taking units back when a school buys less: from low to normal to high priority, in proportion
//! inside a class, never below what is used and held.
//!
//! **Departments.** A department gives like any other holder, down to what was used and is held in
//! it; what its members hold beyond what it is left with is taken back from them in the same way.
//!
//! **Unlimited allocations.** Under a finite total nobody can hold more than all of it, so that is
//! what an allocation without limit counts as: the total asked for. From there it gives like any
//! other.
//!
//! **Cost.** A pass over the members and a sort of one class; a change for each line that gives,
//! so at most one per member and service.

use super::event::{AllocationChanged, AllocationEvent, Cause};
use super::holder::Holder;
use super::state::{Line, Pool, Priority};
use crate::catalog::Event;
use crate::ids::DepartmentId;
use crate::quantity::{Quota, Units};
use crate::service::ServiceId;
use crate::state::SchoolState;

/// How much of what is held of a service is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// As much as the total does not cover.
    Excess,
    /// All that is not used or held: the plan has no allocations any more.
    Everything,
}

/// A line that may give.
struct Giver {
    holder: Holder,
    line: Line,
    /// What it keeps whatever is asked: used and held, of a department by all in it.
    least: Units,
    /// What it is left with.
    after: Units,
}

impl Giver {
    /// What it can give yet.
    fn spare(&self) -> i128 {
        wide(self.after) - wide(self.least)
    }

    fn give(&mut self, units: i128) {
        self.after = narrow(wide(self.after) - units);
    }
}

/// The changes that make room for `total`, none of which raises anything: at every point between
/// them the old total holds.
///
/// # Errors
/// The least total that would do, when taking back all that is unused does not reach this one.
pub(crate) fn reclaim(
    state: &SchoolState,
    service: &ServiceId,
    total: Quota,
    extent: Extent,
) -> Result<Vec<Event>, Quota> {
    reclaim_from(state, None, service, total, extent)
}

/// The same of all that comes out of a department's allocation, or out of the pool.
fn reclaim_from(
    state: &SchoolState,
    out_of: Option<DepartmentId>,
    service: &ServiceId,
    total: Quota,
    extent: Extent,
) -> Result<Vec<Event>, Quota> {
    let pool = state.pool_of(out_of, service);
    let mut givers = givers(state, out_of, service, total);
    let least = committed(&pool, givers.iter().map(|giver| giver.least));
    if let Quota::Finite(total) = total
        && least > wide(total)
    {
        return Err(quota(least));
    }
    match (extent, total) {
        (Extent::Everything, _) => {
            for giver in &mut givers {
                giver.after = giver.least;
            }
        }
        (Extent::Excess, Quota::Finite(total)) => {
            let counted = committed(&pool, givers.iter().map(|giver| giver.after));
            take(&mut givers, counted - wide(total));
        }
        (Extent::Excess, Quota::Unlimited) => return Ok(Vec::new()),
    }
    changes(state, (out_of, pool), service, givers, extent)
}

fn givers(
    state: &SchoolState,
    out_of: Option<DepartmentId>,
    service: &ServiceId,
    total: Quota,
) -> Vec<Giver> {
    holders(state, out_of)
        .filter_map(|holder| {
            let line = state.line(holder, service);
            let least = least(state, holder, service, &line);
            (line.allocated != Quota::ZERO).then_some(Giver {
                holder,
                line,
                least,
                after: match (line.allocated, total) {
                    (Quota::Finite(allocated), _) => allocated,
                    (Quota::Unlimited, Quota::Finite(total)) => total.max(least),
                    (Quota::Unlimited, Quota::Unlimited) => Units::MAX,
                },
            })
        })
        .collect()
}

/// Everybody whose allocations come out of a department's, or out of the pool.
fn holders(state: &SchoolState, out_of: Option<DepartmentId>) -> impl Iterator<Item = Holder> + '_ {
    let members = state.members();
    let departments = state.departments().filter(move |_| out_of.is_none());
    members
        .filter(move |(_, member)| member.department_id == out_of)
        .map(|(member_id, _)| Holder::Member(member_id))
        .chain(departments.map(|(department_id, _)| Holder::Department(department_id)))
}

/// What a line keeps whatever is asked.
fn least(state: &SchoolState, holder: Holder, service: &ServiceId, line: &Line) -> Units {
    let finite = |quota: Quota| quota.finite().unwrap_or(Units::MAX);
    let Holder::Department(department_id) = holder else {
        return finite(line.least());
    };
    let out_of = Some(department_id);
    let inside = holders(state, out_of).map(|holder| finite(state.line(holder, service).least()));
    let committed = committed(&state.pool_of(out_of, service), inside);
    finite(
        quota(committed)
            .max(Quota::Finite(line.spent()))
            .min(line.allocated),
    )
}

/// What is spoken for when so much is held: that, and what was drawn straight on the pool.
fn committed(pool: &Pool, held: impl Iterator<Item = Units>) -> i128 {
    held.chain([pool.direct_used, pool.direct_held])
        .map(wide)
        .sum()
}

/// Takes `needed` units, from the class that gives first to the one that gives last.
fn take(givers: &mut [Giver], mut needed: i128) {
    for priority in Priority::ALL {
        let mut class: Vec<&mut Giver> = givers
            .iter_mut()
            .filter(|giver| giver.line.priority == priority)
            .collect();
        let spare: i128 = class.iter().map(|giver| giver.spare()).sum();
        let share = needed.min(spare);
        if share > 0 {
            take_in_proportion(&mut class, share, spare);
            needed -= share;
        }
    }
}

/// Takes `share` of the `spare` units of a class: of each line in proportion to what it can give,
/// in whole units. The units that are left over by rounding down come from the lines that lost the
/// largest remainder by it; of equal ones the smaller id gives, a member's before a department's.
fn take_in_proportion(class: &mut [&mut Giver], share: i128, spare: i128) {
    let mut left = share;
    let mut remainders = Vec::with_capacity(class.len());
    for (at, giver) in class.iter_mut().enumerate() {
        let (whole, remainder) = proportion(share, spare, giver.spare());
        giver.give(whole);
        left -= whole;
        remainders.push((std::cmp::Reverse(remainder), giver.holder, at));
    }
    remainders.sort_unstable();
    // Fewer units are left than there are remainders above zero: no line gives more than it has.
    for (_, _, at) in remainders {
        if left <= 0 {
            return;
        }
        class[at].give(1);
        left -= 1;
    }
}

/// `share` × `part` ÷ `whole`, and what remains of the division, for `share` ≤ `whole` and a
/// `part` of 63 bits. The product can be beyond 128 bits, so it is divided bit by bit: what is
/// carried stays below 3 × `whole`, and a sum of units over all members below 2⁹⁶.
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

/// The events, of those who give first to those who give last; what a department gives comes after
/// what its members give for that. Lines without limit come at the end: each of them adds to the
/// sum of the finite allocations, which must not grow beyond 64 bits on the way.
fn changes(
    state: &SchoolState,
    (out_of, mut pool): (Option<DepartmentId>, Pool),
    service: &ServiceId,
    mut givers: Vec<Giver>,
    extent: Extent,
) -> Result<Vec<Event>, Quota> {
    let is_unlimited = |line: &Line| line.allocated == Quota::Unlimited;
    givers.sort_by_key(|giver| (is_unlimited(&giver.line), giver.line.priority));
    let mut events = Vec::new();
    for giver in givers {
        let after = Quota::Finite(giver.after);
        // What was used without limit may be beyond 64 bits beside the rest; then the line
        // stays, under a total without limit, from which nothing is missing.
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
        let holder = (giver.holder, out_of);
        events.push(revoked(
            holder,
            service,
            &giver.line,
            after,
            Cause::Downgrade,
        ));
    }
    Ok(events)
}

/// Units that go back without anybody having asked for that by itself.
pub(super) fn revoked(
    (holder, out_of): (Holder, Option<DepartmentId>),
    service: &ServiceId,
    line: &Line,
    after: Quota,
    cause: Cause,
) -> Event {
    Event::Allocation(AllocationEvent::Revoked(AllocationChanged {
        holder,
        out_of,
        service: service.clone(),
        before: line.allocated,
        after,
        priority: line.priority,
        auto_renew: line.auto_renew,
        reason: None,
        cause: Some(cause),
    }))
}

fn wide(units: Units) -> i128 {
    i128::from(units.get())
}

/// What a line is left with is never more than it had, so that it fits.
fn narrow(units: i128) -> Units {
    i64::try_from(units)
        .ok()
        .and_then(|units| Units::new(units).ok())
        .unwrap_or(Units::ZERO)
}

/// A sum as a quota; no number of 64 bits covers one that is beyond them.
fn quota(units: i128) -> Quota {
    i64::try_from(units)
        .ok()
        .and_then(|units| Units::new(units).ok())
        .map_or(Quota::Unlimited, Quota::Finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proportion_is_exact_where_the_product_is_beyond_128_bits() {
        let most = i128::from(i64::MAX);
        for (share, whole, part) in [
            (1, 3, 2),
            (7, 7, most),
            (most, most * 2, most),
            (most * 1_000_000 - 1, most * 1_000_000, most),
            (0, 1, 5),
        ] {
            let (quotient, remainder) = proportion(share, whole, part);
            assert!((0..whole).contains(&remainder), "{share} {whole} {part}");
            // Compared modulo 2¹²⁸, beyond which the products may lie.
            assert_eq!(
                quotient.wrapping_mul(whole).wrapping_add(remainder),
                share.wrapping_mul(part)
            );
        }
    }
}
