//! Balances of a folded state, in the form of the read model's: for reads of the past and for
//! `ledger replay`.

use ledger_core::usage::spendable;
use ledger_core::{DepartmentId, MemberId, SchoolState, Seq};

use super::departments::{DepartmentBalance, DepartmentLineBalance};
use super::read::{LineBalance, MemberBalance, PoolBalance, SchoolBalance};

/// The school's balance; `seq` is the last event of the state. `None` before the registration.
#[must_use]
pub fn school(state: &SchoolState, seq: Seq) -> Option<SchoolBalance> {
    let period = state.school().ok()?.period;
    Some(SchoolBalance {
        seq,
        period,
        services: state
            .pools()
            .map(|(service, pool)| PoolBalance::new(service.clone(), pool))
            .collect(),
    })
}

/// A member's balance; a removed member is found, with their status. `None` when no member had this
/// id.
#[must_use]
pub fn member(state: &SchoolState, member_id: MemberId, seq: Seq) -> Option<MemberBalance> {
    let school = state.school().ok()?;
    let member = state.member(member_id).ok()?;
    Some(MemberBalance {
        seq,
        period: school.period,
        status: member.status,
        services: lines(state, member_id),
    })
}

/// The balances of all members, removed ones included, in the order of their ids.
pub fn members(state: &SchoolState, seq: Seq) -> impl Iterator<Item = (MemberId, MemberBalance)> {
    state
        .members()
        .filter_map(move |(id, _)| Some((id, member(state, id, seq)?)))
}

/// A department's balance; a closed one is found. `None` when no department had this id.
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
            .map(|(service, _)| {
                DepartmentLineBalance::new(service.clone(), &department.line(service))
            })
            .collect(),
    })
}

/// The balances of all departments, closed ones included, in the order of their ids.
pub fn departments(state: &SchoolState, seq: Seq) -> impl Iterator<Item = DepartmentBalance> {
    state
        .departments()
        .filter_map(move |(id, _)| department(state, id, seq))
}

/// The lines that the member's next usage of each service is drawn on.
fn lines(state: &SchoolState, member_id: MemberId) -> Vec<LineBalance> {
    state
        .pools()
        .filter_map(|(service, _)| {
            let (level, line) = spendable(state, member_id, service)?;
            Some(LineBalance::new(service.clone(), level, &line))
        })
        .collect()
}
