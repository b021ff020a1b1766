//! Departments: reads equal the fold; a teacher sees their own department.

use ledger_core::allocation::Change;
use ledger_core::{DepartmentId, Level, Quota, Role, SchoolState, Timestamp, fold};
use ledger_projections::balance::{departments, holdings, of_state};
use ledger_projections::history::read::HistoryFilter;
use ledger_projections::roster::departments::DepartmentsFilter;
use ledger_projections::roster::read::MembersFilter;
use ledger_projections::usage::read::{GroupBy, UsageQuery};
use ledger_projections::{balance, history, roster, usage};
use serde_json::json;

use super::usage::by_member;
use super::{ADVANCED, as_principal, as_teacher, fold_all, read};
use crate::support::compare::log;
use crate::support::database::{TestDatabase, test_database};
use crate::support::random::Life;
use crate::support::school::{Ledger, SERVICES, School, department, member, start, units};

/// The state of the school with the events due by `now`; `None` if its period has ended.
async fn state_at(db: &TestDatabase, school: &School, now: Timestamp) -> Option<SchoolState> {
    let events = log(&db.admin, school.id).await;
    let mut state = fold(&events);
    if state.school().unwrap().period.end <= now {
        return None;
    }
    while let Some(due) = ledger_core::due(&state, now) {
        let mut expiry = events[0].clone();
        expiry.seq = state.head().next();
        expiry.event = due.fact.event;
        ledger_core::evolve(&mut state, &expiry);
    }
    Some(state)
}

/// Two departments with 40 units each: member 1 in the first with 10 of them, member 2 in the first
/// with none, member 3 in the second, member 4 in none.
async fn school_of_departments(ledger: &Ledger) -> School {
    let school = ledger
        .school(ADVANCED, "UTC", Quota::Finite(units(100)))
        .await;
    school.let_draw_on_departments().await;
    let set = |n| Change::Set(Quota::Finite(units(n)));
    for (n, name) in [(1, "Mathematics"), (2, "Languages")] {
        school.open(department(n), name).await;
        let given = school.allocate(department(n), SERVICES[0], set(40)).await;
        given.unwrap();
    }
    for (n, of) in [(1, Some(1)), (2, Some(1)), (3, Some(2)), (4, None)] {
        school.enrol(member(n), Role::Teacher).await;
        for service in SERVICES {
            let own = if (n, service) == (1, SERVICES[0]) {
                10
            } else {
                0
            };
            let set = school.allocate(member(n), service, set(own)).await;
            set.unwrap();
        }
        if let Some(of) = of {
            school
                .move_to(member(n), Some(department(of)), start())
                .await;
        }
    }
    school.debit("d1", member(1), 3, start()).await.unwrap();
    school.debit("d2", member(2), 5, start()).await.unwrap();
    school.hold("h1", member(1), 2, start()).await;
    school
        .hold("h2", member(2), 4, start().plus_seconds(20))
        .await;
    school
}

#[tokio::test]
async fn a_department_s_balance_equals_the_fold_after_any_life() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let mut levels = 0;
    for seed in 1..=6 {
        let school = school_of_departments(&ledger).await;
        let mut life = Life::new(school.clone(), seed);
        life.live(120).await;
        fold_all(&db).await;
        for now in [0, 90, 500].map(|seconds| life.now().plus_seconds(seconds)) {
            let Some(state) = state_at(&db, &school, now).await else {
                continue;
            };
            let mut reader = as_principal(&db, &school).await;
            let seen = balance::read::school(&mut reader, now).await.unwrap();
            let seq = seen.as_ref().unwrap().seq;
            assert_eq!(seen, of_state::school(&state, seq));
            for (id, _) in state.departments() {
                let seen = departments::one(&mut reader, id, now).await.unwrap();
                assert_eq!(seen, of_state::department(&state, id, seq), "seed {seed}");
            }
            for n in 0..8 {
                let expected = of_state::member(&state, member(n), seq);
                let mut teacher = as_teacher(&db, &school, n).await;
                for reader in [&mut reader, &mut teacher] {
                    let seen = balance::read::member(reader, member(n), now).await.unwrap();
                    assert_eq!(seen, expected, "member {n}, seed {seed}, {now}");
                }
                let lines = expected.into_iter().flat_map(|member| member.services);
                levels += lines.filter(|line| line.level == Level::Department).count();
            }
        }
    }
    assert!(levels > 20, "{levels} lines of departments");
}

#[tokio::test]
async fn a_department_s_balance_serializes_as_in_the_contract() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = school_of_departments(&ledger).await;
    fold_all(&db).await;
    let mut reader = as_principal(&db, &school).await;
    let seen = departments::one(&mut reader, department(1), start())
        .await
        .unwrap();
    let seen = serde_json::to_value(seen).unwrap();
    assert_eq!(seen["department_id"], json!(department(1)));
    assert_eq!(seen["closed"], false);
    assert_eq!(
        seen["services"][1],
        json!({ "service": "claude_messages", "allocated": 40, "to_members": 10,
                "unallocated": 21, "used": 8, "held": 6, "available": 26, "priority": "normal",
                "auto_renew": false })
    );
    let nowhere = department(9);
    assert_eq!(
        departments::one(&mut reader, nowhere, start())
            .await
            .unwrap(),
        None
    );
    let held = holdings::departments(&mut reader, start()).await.unwrap();
    let names: Vec<_> = held.iter().map(|held| held.name.as_deref()).collect();
    let (first, second) = (Some("Mathematics"), Some("Languages"));
    assert_eq!(names, [first, first, first, second, second, second]);
}

#[tokio::test]
async fn a_teacher_sees_their_department_and_no_other() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = school_of_departments(&ledger).await;
    fold_all(&db).await;
    let whole = [1, 2].map(department);
    for (n, sees) in [(1, &whole[..1]), (3, &whole[1..]), (4, &[])] {
        let mut teacher = as_teacher(&db, &school, n).await;
        for id in whole {
            let seen = departments::one(&mut teacher, id, start()).await.unwrap();
            assert_eq!(seen.is_some(), sees.contains(&id), "{n}");
            let seen = roster::departments::one(&mut teacher, id).await.unwrap();
            assert_eq!(seen.is_some(), sees.contains(&id), "{n}");
        }
        assert_eq!(listed(&db, &school, Role::Teacher, n).await, sees);
    }
    let mut teacher = as_teacher(&db, &school, 1).await;
    let seen = roster::departments::one(&mut teacher, department(1)).await;
    let seen = seen.unwrap().unwrap();
    assert_eq!(
        (seen.name.as_deref(), seen.members),
        (Some("Mathematics"), 2)
    );
    assert_eq!(listed(&db, &school, Role::Auditor, 9).await, whole);
    assert_eq!(listed(&db, &school, Role::Proxy, 9).await, []);
    let mut proxy = read(&db, school.id, Role::Proxy, None).await;
    let seen = departments::one(&mut proxy, department(2), start()).await;
    assert!(seen.unwrap().is_some(), "a balance is a proxy's to see");
}

async fn listed(db: &TestDatabase, school: &School, role: Role, n: u128) -> Vec<DepartmentId> {
    let member_id = (role == Role::Teacher).then(|| member(n));
    let mut reader = read(db, school.id, role, member_id).await;
    let page = roster::departments::page(&mut reader, DepartmentsFilter::default(), 9).await;
    let departments = page.unwrap().departments;
    departments.iter().map(|one| one.department_id).collect()
}

#[tokio::test]
async fn departments_are_listed_in_pages_with_closed_ones_on_request() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = school_of_departments(&ledger).await;
    school.move_to(member(3), None, start()).await;
    school.close(department(2)).await;
    school.open(department(3), "Sports").await;
    fold_all(&db).await;
    let mut reader = as_principal(&db, &school).await;
    let mut filter = DepartmentsFilter::default();
    let page = roster::departments::page(&mut reader, filter, 1)
        .await
        .unwrap();
    assert_eq!(page.departments[0].department_id, department(1));
    filter.after = page.next_after;
    let page = roster::departments::page(&mut reader, filter, 1)
        .await
        .unwrap();
    assert_eq!(page.departments[0].department_id, department(3));
    assert_eq!((page.departments[0].members, page.next_after), (0, None));
    let filter = DepartmentsFilter {
        with_closed: true,
        ..DepartmentsFilter::default()
    };
    let page = roster::departments::page(&mut reader, filter, 9)
        .await
        .unwrap();
    let closed: Vec<_> = page.departments.iter().map(|one| one.closed).collect();
    assert_eq!(closed, [false, true, false]);
    let filter = MembersFilter {
        department_id: Some(department(1)),
        ..MembersFilter::default()
    };
    let page = roster::read::members(&mut reader, filter, 9).await.unwrap();
    let members: Vec<_> = page.members.iter().map(|one| one.member_id).collect();
    assert_eq!(members, [member(1), member(2)]);
}

#[tokio::test]
async fn a_department_s_history_includes_its_members_and_their_moves() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = school_of_departments(&ledger).await;
    let transfer = Change::Transfer {
        units: units(5),
        to: department(2).into(),
    };
    let moved = school.allocate(department(1), SERVICES[0], transfer).await;
    moved.unwrap();
    let second = Some(department(2));
    school.move_to(member(1), second, start()).await;
    fold_all(&db).await;
    let filter = HistoryFilter {
        department_id: Some(department(1)),
        ..HistoryFilter::default()
    };
    let mut reader = as_principal(&db, &school).await;
    let page = history::read::page(&mut reader, &filter, 99).await.unwrap();
    let [left, gave, ..] = &page.entries[..] else {
        panic!("{page:?}")
    };
    assert_eq!(
        (left.member_id, left.department_id),
        (Some(member(1)), second)
    );
    assert_eq!(left.before, Some(json!({ "department_id": department(1) })));
    let units = json!({ "claude_messages": 10 });
    let after = json!({ "department_id": department(2), "units": units });
    assert_eq!(left.after, Some(after));
    assert_eq!(
        (gave.member_id, gave.department_id),
        (None, Some(department(1)))
    );
    let after = json!({ "allocated": 35, "units": 5, "to_department_id": department(2) });
    assert_eq!(gave.after, Some(after));
    let opened = page.entries.last().unwrap();
    assert_eq!(
        (opened.kind.as_str(), opened.member_id),
        ("department_opened", None)
    );
    let whole = history::read::page(&mut reader, &HistoryFilter::default(), 99).await;
    let whole = whole.unwrap().entries;
    let transfers = whole
        .iter()
        .filter(|entry| entry.kind == "units_transferred");
    assert_eq!(transfers.count(), 2, "an entry for each of two departments");
}

#[tokio::test]
async fn usage_counts_for_the_member_s_department_at_that_time() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = school_of_departments(&ledger).await;
    school.move_to(member(1), None, start()).await;
    school.debit("d3", member(1), 2, start()).await.unwrap();
    fold_all(&db).await;
    let mut reader = as_principal(&db, &school).await;
    let query = UsageQuery {
        group_by: GroupBy {
            department: true,
            ..GroupBy::default()
        },
        ..by_member()
    };
    let rollup = usage::read::rollup(&mut reader, &query, 99).await.unwrap();
    let rows: Vec<_> = rollup
        .rows
        .iter()
        .map(|row| (row.department_id, row.units.get(), row.active_members.get()))
        .collect();
    assert_eq!(rows, [(None, 2, 1), (Some(department(1)), 8, 2)]);
    let query = UsageQuery {
        department_id: Some(department(1)),
        ..by_member()
    };
    let rollup = usage::read::rollup(&mut reader, &query, 99).await.unwrap();
    let units: Vec<_> = rollup.rows.iter().map(|row| row.units.get()).collect();
    assert_eq!(units, [3, 5]);
}

/// After the end of the period; open holds settle into it.
#[tokio::test]
async fn a_closed_period_has_the_members_of_the_department_as_it_ended() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = school_of_departments(&ledger).await;
    let end = crate::support::school::at("2026-12-15T00:00:00Z");
    let before = end.plus_seconds(-30);
    school.hold("late", member(2), 7, before).await;
    let after = end.plus_seconds(10);
    school.move_to(member(1), None, after).await;
    school.settle("late", 6, after).await;
    fold_all(&db).await;
    let day = "2026-12-01".parse().unwrap();
    for (role, n) in [(Role::Principal, None), (Role::Teacher, Some(member(2)))] {
        let mut reader = read(&db, school.id, role, n).await;
        let found = balance::period::find(&mut reader, day).await.unwrap();
        let Some(balance::period::KnownPeriod::Closed(closed)) = found else {
            panic!("{found:?}")
        };
        let seen = departments::one_closed(&mut reader, department(1), closed, after).await;
        let seen = seen.unwrap().unwrap();
        let line = &seen.services[1];
        let numbers = (line.allocated, line.to_members, line.used, line.held);
        let finite = |n| Quota::Finite(units(n));
        assert_eq!(
            numbers,
            (finite(40), finite(10), units(14), units(0)),
            "{role:?}"
        );
        let seen = balance::closed::member(&mut reader, member(2), closed, after).await;
        let line = &seen.unwrap().unwrap().services[1];
        assert_eq!(line.level, Level::Department);
        let numbers = (line.allocated, line.used, line.held);
        assert_eq!(numbers, (finite(30), units(11), units(0)));
    }
}
