//! Taking units back when a school buys less: from low to normal to high priority, in proportion
//! inside a class, never below what is used and held.
//!
//! **Unlimited allocations.** Under a finite total nobody can hold more than all of it, so that is
//! what an allocation without limit counts as: the total asked for. From there it gives like any
//! other.
//!
//! **Cost.** A pass over the members and a sort of one class; a change for each line that gives,
//! so at most one per member and service.

use super::event::{AllocationChanged, AllocationEvent, Cause};
use super::state::{Line, Pool, Priority};
use crate::catalog::Event;
use crate::ids::MemberId;
use crate::quantity::{Quota, Units};
use crate::service::ServiceId;
use crate::state::SchoolState;

/// How much of what members hold of a service is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// As much as the total does not cover.
    Excess,
    /// All that is not used or held: the plan has no allocations any more.
    Everything,
}

/// A line that may give.
struct Holder {
    member_id: MemberId,
    line: Line,
    /// What it keeps whatever is asked: used and held.
    least: Units,
    /// What it is left with.
    after: Units,
}

impl Holder {
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
    let pool = state.pool(service);
    let mut holders = holders(state, service, total);
    let least = committed(&pool, holders.iter().map(|holder| holder.least));
    if let Quota::Finite(total) = total
        && least > wide(total)
    {
        return Err(quota(least));
    }
    match (extent, total) {
        (Extent::Everything, _) => {
            for holder in &mut holders {
                holder.after = holder.least;
            }
        }
        (Extent::Excess, Quota::Finite(total)) => {
            let counted = committed(&pool, holders.iter().map(|holder| holder.after));
            take(&mut holders, counted - wide(total));
        }
        (Extent::Excess, Quota::Unlimited) => return Ok(Vec::new()),
    }
    Ok(changes(&pool, service, holders))
}

fn holders(state: &SchoolState, service: &ServiceId, total: Quota) -> Vec<Holder> {
    let holders = state.members().filter_map(|(member_id, member)| {
        let line = member.line(service);
        let least = line.least().finite().unwrap_or(Units::ZERO);
        (line.allocated != Quota::ZERO).then_some(Holder {
            member_id,
            line,
            least,
            after: match (line.allocated, total) {
                (Quota::Finite(allocated), _) => allocated,
                (Quota::Unlimited, Quota::Finite(total)) => total.max(least),
                (Quota::Unlimited, Quota::Unlimited) => Units::MAX,
            },
        })
    });
    holders.collect()
}

/// What is spoken for when the members hold so much: theirs, and what was drawn on the pool.
fn committed(pool: &Pool, held: impl Iterator<Item = Units>) -> i128 {
    held.chain([pool.direct_used, pool.direct_held])
        .map(wide)
        .sum()
}

/// Takes `needed` units, from the class that gives first to the one that gives last.
fn take(holders: &mut [Holder], mut needed: i128) {
    for priority in Priority::ALL {
        let mut class: Vec<&mut Holder> = holders
            .iter_mut()
            .filter(|holder| holder.line.priority == priority)
            .collect();
        let spare: i128 = class.iter().map(|holder| holder.spare()).sum();
        let share = needed.min(spare);
        if share > 0 {
            take_in_proportion(&mut class, share, spare);
            needed -= share;
        }
    }
}

/// Takes `share` of the `spare` units of a class: of each line in proportion to what it can give,
/// in whole units. The units that are left over by rounding down come from the lines that lost the
/// largest remainder by it; of equal ones the smaller member id gives.
fn take_in_proportion(class: &mut [&mut Holder], share: i128, spare: i128) {
    let mut left = share;
    let mut remainders = Vec::with_capacity(class.len());
    for (at, holder) in class.iter_mut().enumerate() {
        let (whole, remainder) = proportion(share, spare, holder.spare());
        holder.give(whole);
        left -= whole;
        remainders.push((std::cmp::Reverse(remainder), holder.member_id, at));
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

/// The events, of those who give first to those who give last. Lines without limit come at the
/// end: each of them adds to the sum of the finite allocations, which must not grow beyond 64 bits
/// on the way.
fn changes(pool: &Pool, service: &ServiceId, mut holders: Vec<Holder>) -> Vec<Event> {
    let is_unlimited = |line: &Line| line.allocated == Quota::Unlimited;
    holders.sort_by_key(|holder| (is_unlimited(&holder.line), holder.line.priority));
    let mut pool = *pool;
    holders
        .into_iter()
        .filter_map(|holder| {
            let after = Quota::Finite(holder.after);
            // What was used without limit may be beyond 64 bits beside the rest; then the line
            // stays, under a total without limit, from which nothing is missing.
            let replaced = pool.replacing(holder.line.allocated, after)?;
            (after != holder.line.allocated).then(|| {
                pool = replaced;
                revoked(
                    holder.member_id,
                    service,
                    &holder.line,
                    after,
                    Cause::Downgrade,
                )
            })
        })
        .collect()
}

/// Units that go back without anybody having asked for that by itself.
pub(super) fn revoked(
    member_id: MemberId,
    service: &ServiceId,
    line: &Line,
    after: Quota,
    cause: Cause,
) -> Event {
    Event::Allocation(AllocationEvent::Revoked(AllocationChanged {
        member_id,
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
