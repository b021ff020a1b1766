//! Balances straight from a folded state, in the form of the read model's: for the past, and for
//! whoever trusts the log alone.

use ledger_core::allocation::Pool;
use ledger_core::department::DepartmentLine;
use ledger_core::usage::spendable;
use ledger_core::{DepartmentId, MemberId, SchoolState, Seq, ServiceId};

use super::departments::{DepartmentBalance, DepartmentLineBalance};
use super::read::{LineBalance, MemberBalance, PoolBalance, SchoolBalance, line_balance};

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
        services: lines(state, member_id),
    })
}

/// What everybody who ever was a member can use, in the order of their ids.
pub fn members(state: &SchoolState, seq: Seq) -> impl Iterator<Item = (MemberId, MemberBalance)> {
    state
        .members()
        .filter_map(move |(id, _)| Some((id, member(state, id, seq)?)))
}

/// What a department holds, has given and has used; one that ended is found. `None` when there never
/// was one of this id.
#[must_use]
pub fn department(
    state: &SchoolState,
    department_id: DepartmentId,
    seq: Seq,
) -> Option<DepartmentBalance> {
    let school = state.school().ok()?;
    let department = state.department(department_id).ok()?;
    Some(DepartmentBalance {
        seq,
        period: school.period,
        department_id,
        closed: department.closed,
        services: state
            .pools()
            .map(|(service, _)| department_line(service, &department.line(service)))
            .collect(),
    })
}

/// What every department that ever was holds, in the order of their ids.
pub fn departments(state: &SchoolState, seq: Seq) -> impl Iterator<Item = DepartmentBalance> {
    state
        .departments()
        .filter_map(move |(id, _)| department(state, id, seq))
}

/// What the member's next usage of each service is drawn on.
fn lines(state: &SchoolState, member_id: MemberId) -> Vec<LineBalance> {
    state
        .pools()
        .filter_map(|(service, _)| {
            let (level, line) = spendable(state, member_id, service)?;
            Some(line_balance(service.clone(), level, &line))
        })
        .collect()
}

fn department_line(service: &ServiceId, line: &DepartmentLine) -> DepartmentLineBalance {
    DepartmentLineBalance {
        service: service.clone(),
        allocated: line.pool.total,
        to_members: line.pool.allocated(),
        unallocated: line.pool.unallocated(),
        used: line.pool.used,
        held: line.pool.held,
        available: line.pool.available(),
        priority: line.priority,
        auto_renew: line.auto_renew,
    }
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
