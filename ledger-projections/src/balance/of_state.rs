//! Balances straight from a folded state, in the form of the read model's: for the past, and for
//! whoever trusts the log alone.

use ledger_core::allocation::{Line, Pool};
use ledger_core::school::Member;
use ledger_core::{Management, MemberId, SchoolState, Seq, ServiceId};

use super::read::{LineBalance, MemberBalance, PoolBalance, SchoolBalance};

/// What the school has, has given and has used; `seq` is the event up to which it counts. `None`
/// when it was not registered yet.
#[must_use]
pub fn school(state: &SchoolState, seq: Seq) -> Option<SchoolBalance> {
    let period = state.school().ok()?.period;
    Some(SchoolBalance {
        seq,
        period,
        services: state
            .pools()
            .map(|(service, pool)| pool_balance(service, pool))
            .collect(),
    })
}

/// What a member can use; one who left is found, with his standing. `None` when nobody had this id
/// yet.
#[must_use]
pub fn member(state: &SchoolState, member_id: MemberId, seq: Seq) -> Option<MemberBalance> {
    let school = state.school().ok()?;
    let member = state.member(member_id).ok()?;
    Some(MemberBalance {
        seq,
        period: school.period,
        status: member.standing,
        services: lines(state, school.management, member),
    })
}

/// What everybody who ever was a member can use, in the order of their ids.
pub fn members(state: &SchoolState, seq: Seq) -> impl Iterator<Item = (MemberId, MemberBalance)> {
    state
        .members()
        .filter_map(move |(id, _)| Some((id, member(state, id, seq)?)))
}

fn lines(state: &SchoolState, management: Management, member: &Member) -> Vec<LineBalance> {
    state
        .pools()
        .map(|(service, pool)| {
            let line = match management {
                Management::None => pool.direct(),
                Management::Basic | Management::Advanced => member.line(service),
            };
            line_balance(service, &line)
        })
        .collect()
}

fn pool_balance(service: &ServiceId, pool: &Pool) -> PoolBalance {
    PoolBalance {
        service: service.clone(),
        total: pool.total,
        allocated: pool.allocated(),
        unallocated: pool.unallocated(),
        used: pool.used,
        held: pool.held,
        available: pool.available(),
    }
}

fn line_balance(service: &ServiceId, line: &Line) -> LineBalance {
    LineBalance {
        service: service.clone(),
        allocated: line.allocated,
        used: line.used,
        held: line.held,
        available: line.available(),
        priority: line.priority,
        auto_renew: line.auto_renew,
    }
}
