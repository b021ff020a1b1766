//! What is read is what the core would say, and each sees only what is his.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod support;

use std::time::Duration;

use ledger_core::allocation::Change;
use ledger_core::catalog::Kind;
use ledger_core::usage::{CallFacts, Outcome, UsageCommand};
use ledger_core::{
    Action, MemberId, MicroUsd, OrgType, Quota, Role, SchoolId, Seq, Tier, Timestamp, Units, fold,
};
use ledger_projections::history::read::HistoryFilter;
use ledger_projections::roster::read::MembersFilter;
use ledger_projections::usage::Granularity;
use ledger_projections::usage::read::{GroupBy, UsageQuery};
use ledger_projections::{
    FreshnessError, Progress, ProjectionName, Registry, TenantRead, Viewer, WorkerSettings,
    balance, catch_up, history, roster, usage, wait_for,
};
use serde_json::json;
use support::compare::log;
use support::database::{TestDatabase, test_database};
use support::school::{Ledger, SERVICES, School, at, debit, member, start, units};

const ADVANCED: (OrgType, Tier) = (OrgType::K12, Tier::Enterprise);
const DIRECT: (OrgType, Tier) = (OrgType::K12, Tier::Basic);

async fn fold_all(db: &TestDatabase) {
    let settings = WorkerSettings::default();
    catch_up(&db.database, &Registry::standard(), &settings)
        .await
        .unwrap();
}

async fn read(
    db: &TestDatabase,
    school_id: SchoolId,
    role: Role,
    member_id: Option<MemberId>,
) -> TenantRead {
    let viewer = Viewer {
        school_id,
        role,
        member_id,
    };
    TenantRead::begin(&db.database, &viewer).await.unwrap()
}

async fn as_principal(db: &TestDatabase, school: &School) -> TenantRead {
    read(db, school.id, Role::Principal, None).await
}

async fn as_teacher(db: &TestDatabase, school: &School, n: u128) -> TenantRead {
    read(db, school.id, Role::Teacher, Some(member(n))).await
}

/// Two teachers who use, hold and leave holds to run out.
async fn busy(ledger: &Ledger, plan: (OrgType, Tier)) -> School {
    let school = ledger.school(plan, "UTC", Quota::Finite(units(100))).await;
    school.enrol(member(1), Role::Teacher).await;
    school.enrol(member(2), Role::Teacher).await;
    school.debit("d1", member(1), 3, start()).await.unwrap();
    school.hold("h1", member(1), 2, start()).await;
    school
        .hold("h2", member(2), 4, start().plus_seconds(20))
        .await;
    school
        .hold("h3", member(2), 1, start().plus_seconds(30))
        .await;
    school.settle("h3", 2, start().plus_seconds(40)).await;
    school
}

/// 30 s and 70 s after the start one and both holds have run out; nobody has recorded it.
fn clocks() -> [Timestamp; 4] {
    [40, 59, 60, 80].map(|seconds| start().plus_seconds(seconds))
}

#[tokio::test]
async fn balances_are_the_fold_s_at_any_clock() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    for plan in [ADVANCED, DIRECT] {
        let school = busy(&ledger, plan).await;
        fold_all(&db).await;
        let events = log(&db.admin, school.id).await;
        for now in clocks() {
            let mut state = fold(&events);
            while let Some(due) = ledger_core::due(&state, now) {
                let mut expiry = events[0].clone();
                expiry.seq = state.head().next();
                expiry.event = due.fact.event;
                ledger_core::evolve(&mut state, &expiry);
            }
            let mut reader = as_principal(&db, &school).await;
            let seen = balance::read::school(&mut reader, now)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(seen.seq, Seq(i64::try_from(events.len()).unwrap()));
            assert_eq!(seen.services.len(), 3);
            for service in &seen.services {
                let pool = state.pool(&service.service);
                assert_eq!(service.total, pool.total);
                assert_eq!(service.allocated, pool.allocated());
                assert_eq!(service.unallocated, pool.unallocated());
                assert_eq!((service.used, service.held), (pool.used, pool.held));
                assert_eq!(service.available, pool.available());
            }
            for n in [1, 2] {
                let mut reader = as_teacher(&db, &school, n).await;
                let seen = balance::read::member(&mut reader, member(n), now).await;
                let seen = seen.unwrap().unwrap();
                let names: Vec<_> = seen.services.iter().map(|s| s.service.as_str()).collect();
                assert_eq!(
                    names,
                    ["assessment_ai", "claude_messages", "content_generation"]
                );
                for service in &seen.services {
                    let line = if plan == DIRECT {
                        state.pool(&service.service).direct()
                    } else {
                        state.member(member(n)).unwrap().line(&service.service)
                    };
                    assert_eq!(service.allocated, line.allocated, "{now}");
                    assert_eq!(
                        (service.used, service.held),
                        (line.used, line.held),
                        "{now}"
                    );
                    assert_eq!(service.available, line.available());
                    assert_eq!(service.priority, line.priority);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_balance_is_the_json_of_the_contract() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, ADVANCED).await;
    school
        .allocate(member(1), "assessment_ai", Change::Revoke(None))
        .await
        .unwrap();
    fold_all(&db).await;
    let mut reader = as_principal(&db, &school).await;
    let seen = balance::read::school(&mut reader, start()).await.unwrap();
    let seen = serde_json::to_value(seen).unwrap();
    assert_eq!(seen["period"]["start"], "2026-11-15T00:00:00Z");
    assert_eq!(
        seen["services"][1],
        json!({ "service": "claude_messages", "total": 100, "allocated": 20, "unallocated": 80,
                "used": 5, "held": 6, "available": 89 })
    );
    let seen = balance::read::member(&mut reader, member(1), start())
        .await
        .unwrap();
    let seen = serde_json::to_value(seen).unwrap();
    assert_eq!(seen["status"], "active");
    assert_eq!(
        seen["services"][0],
        json!({ "service": "assessment_ai", "allocated": 0, "used": 0, "held": 0, "available": 0,
                "priority": "normal", "auto_renew": false })
    );
}

#[tokio::test]
async fn each_sees_what_is_his_and_nothing_of_another_school() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let (school, other) = (busy(&ledger, ADVANCED).await, busy(&ledger, ADVANCED).await);
    fold_all(&db).await;
    let now = start();

    let mut teacher = as_teacher(&db, &school, 1).await;
    assert!(
        balance::read::member(&mut teacher, member(1), now)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        balance::read::member(&mut teacher, member(2), now)
            .await
            .unwrap()
            .is_none()
    );
    let seen = balance::read::school(&mut teacher, now)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(seen.services, [], "no pools in a school that allocates");
    let mine = roster::read::members(&mut teacher, MembersFilter::default(), 9)
        .await
        .unwrap();
    assert_eq!(mine.members.len(), 1);
    let all = HistoryFilter::default();
    let mine = history::read::page(&mut teacher, &all, 99).await.unwrap();
    assert!(
        mine.entries
            .iter()
            .all(|entry| entry.member_id == Some(member(1)))
    );
    let mine = usage::read::rollup(&mut teacher, &by_member(), 99)
        .await
        .unwrap();
    assert_eq!(mine.rows.len(), 1);

    let mut proxy = read(&db, school.id, Role::Proxy, None).await;
    assert!(
        balance::read::school(&mut proxy, now)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        balance::read::member(&mut proxy, member(2), now)
            .await
            .unwrap()
            .is_some()
    );
    assert!(roster::read::school(&mut proxy).await.unwrap().is_none());
    assert_eq!(
        history::read::page(&mut proxy, &all, 99)
            .await
            .unwrap()
            .entries,
        []
    );
    assert_eq!(
        usage::read::rollup(&mut proxy, &by_member(), 99)
            .await
            .unwrap()
            .rows,
        []
    );

    // A viewer of one school who asks for rows of another gets none, whatever his query says.
    let mut principal = as_principal(&db, &school).await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM balance_line WHERE school_id = $1")
        .bind(other.id.0)
        .fetch_one(principal.connection())
        .await
        .unwrap();
    assert_eq!(rows, 0);
    let mut nobody = read(&db, SchoolId(uuid::Uuid::nil()), Role::Principal, None).await;
    assert!(
        balance::read::school(&mut nobody, now)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        nobody.seq_of(ProjectionName::Usage).await.unwrap(),
        Seq::ZERO
    );
}

#[tokio::test]
async fn a_read_is_of_one_instant_and_cannot_write() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, ADVANCED).await;
    fold_all(&db).await;
    let mut reader = as_principal(&db, &school).await;
    let before = balance::read::school(&mut reader, start()).await.unwrap();
    school.debits("meanwhile", member(1), 2).await;
    fold_all(&db).await;
    assert_eq!(
        balance::read::school(&mut reader, start()).await.unwrap(),
        before
    );
    let written = sqlx::query("DELETE FROM balance_line")
        .execute(reader.connection())
        .await;
    assert!(written.is_err());
}

#[tokio::test]
async fn the_history_says_who_changed_what_and_why_in_pages() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, ADVANCED).await;
    let transfer = Change::Transfer {
        units: units(4),
        to: member(2),
    };
    school
        .allocate(member(1), SERVICES[0], transfer)
        .await
        .unwrap();
    let set = Change::Set(Quota::Finite(units(30)));
    school.allocate(member(2), SERVICES[0], set).await.unwrap();
    fold_all(&db).await;

    let mut reader = as_principal(&db, &school).await;
    let whole = history::read::page(&mut reader, &HistoryFilter::default(), 999)
        .await
        .unwrap();
    assert_eq!(whole.next_before, None);
    let [set, given, taken, ..] = &whole.entries[..] else {
        panic!("{whole:?}")
    };
    assert_eq!(set.kind, "units_allocated");
    assert_eq!(set.reason.as_deref(), Some("the science fair"));
    assert!(set.reason_commitment.is_some());
    assert_eq!(set.before, Some(json!({ "allocated": 14 })));
    assert_eq!(
        set.after,
        Some(json!({ "allocated": 30, "priority": "normal", "auto_renew": false }))
    );
    assert_eq!((given.seq, given.member_id), (taken.seq, Some(member(1))));
    assert_eq!(given.before, Some(json!({ "allocated": 10 })));
    let after = json!({ "allocated": 6, "units": 4, "to_member_id": member(2) });
    assert_eq!(given.after, Some(after));
    assert_eq!(taken.member_id, Some(member(2)));
    let after = json!({ "allocated": 14, "units": 4, "from_member_id": member(1) });
    assert_eq!(taken.after, Some(after));

    for limit in 1..=4 {
        let (mut walked, mut filter) = (Vec::new(), HistoryFilter::default());
        loop {
            let page = history::read::page(&mut reader, &filter, limit)
                .await
                .unwrap();
            assert!(page.entries.len() <= limit as usize + 1);
            walked.extend(page.entries);
            filter.before = page.next_before;
            if filter.before.is_none() {
                break;
            }
        }
        assert_eq!(walked, whole.entries, "in pages of {limit}");
    }
    let filter = HistoryFilter {
        member_id: Some(member(2)),
        kind: Some(Kind::UnitsAllocated),
        service: Some(set.service.clone().unwrap()),
        ..HistoryFilter::default()
    };
    let page = history::read::page(&mut reader, &filter, 9).await.unwrap();
    let causes: Vec<_> = page.entries.iter().map(|e| e.cause.as_deref()).collect();
    assert_eq!(causes, [None, Some("enrolment")]);
    // His own reason is his to read; the other's entry of a transfer is not.
    let mut teacher = as_teacher(&db, &school, 2).await;
    let mine = history::read::page(&mut teacher, &HistoryFilter::default(), 2)
        .await
        .unwrap();
    assert_eq!(mine.entries[0].reason.as_deref(), Some("the science fair"));
    assert_eq!(mine.entries[1].member_id, Some(member(2)));
}

#[tokio::test]
async fn the_roster_knows_the_school_and_its_members() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = ledger
        .school(ADVANCED, "Africa/Johannesburg", Quota::Unlimited)
        .await;
    for n in 0..5 {
        school.enrol(member(n), Role::Teacher).await;
    }
    let remove = ledger_core::school::SchoolCommand::RemoveMember {
        member_id: member(3),
    };
    school.act(Action::School(remove), start()).await.unwrap();
    fold_all(&db).await;

    let mut reader = as_principal(&db, &school).await;
    let seen = roster::read::school(&mut reader).await.unwrap().unwrap();
    assert_eq!(seen.name.as_deref(), Some("Rivonia Primary"));
    assert_eq!((seen.tier, seen.version), (Tier::Enterprise, Seq(1)));
    let seen = serde_json::to_value(seen).unwrap();
    assert_eq!(seen["time_zone"], "Africa/Johannesburg");
    assert_eq!(seen["period"]["start"], "2026-11-14T22:00:00Z");
    assert_eq!(seen["totals"]["claude_messages"], "unlimited");
    assert_eq!(
        seen["settings"]["max_individual_quota"]["claude_messages"],
        100
    );

    let (mut ids, mut filter) = (Vec::new(), MembersFilter::default());
    loop {
        let page = roster::read::members(&mut reader, filter, 2).await.unwrap();
        ids.extend(page.members.iter().map(|member| member.member_id));
        filter.after = page.next_after;
        if filter.after.is_none() {
            break;
        }
    }
    assert_eq!(ids, [0, 1, 2, 4].map(member));
    let gone = roster::read::member(&mut reader, member(3))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(gone.removed_at, Some(start()));
    assert_eq!(gone.external_ids, Vec::<String>::new(), "free for another");
    let here = roster::read::member(&mut reader, member(4))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(here.external_ids, [format!("auth|{}", member(4))]);
    assert!(here.display_name.is_some());
    let nobody = roster::read::member(&mut reader, member(99)).await.unwrap();
    assert_eq!(nobody, None);
}

fn by_member() -> UsageQuery {
    UsageQuery {
        granularity: Granularity::Day,
        from: "2026-11-01".parse().unwrap(),
        to: "2026-11-30".parse().unwrap(),
        group_by: GroupBy {
            member: true,
            ..GroupBy::default()
        },
        member_id: None,
        service: None,
    }
}

#[tokio::test]
async fn usage_is_grouped_by_what_is_named_in_the_school_s_own_days() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let total = Quota::Unlimited;
    let school = ledger.school(DIRECT, "America/New_York", total).await;
    for n in [1, 2] {
        school.enrol(member(n), Role::Teacher).await;
    }
    let calls = [
        (
            1,
            "2026-11-02T04:59:00Z",
            Some("opus"),
            Some(Outcome::Success),
            10,
            Some(100),
        ),
        (
            1,
            "2026-11-02T05:00:00Z",
            Some("opus"),
            Some(Outcome::Success),
            10,
            Some(101),
        ),
        (
            1,
            "2026-11-02T06:00:00Z",
            None,
            Some(Outcome::Error),
            5,
            None,
        ),
        (2, "2026-11-02T07:00:00Z", None, None, 2, Some(40)),
        (2, "2026-10-31T12:00:00Z", None, None, i64::MAX, None),
        (2, "2026-10-31T13:00:00Z", None, None, i64::MAX, None),
    ];
    for (n, (who, when, model, outcome, tokens, latency)) in (0..).zip(calls) {
        let call = CallFacts {
            model: model.map(Into::into),
            outcome,
            input_tokens: Some(units(tokens)),
            output_tokens: Some(units(1)),
            latency_ms: latency.map(units),
            cost_micros: Some(MicroUsd(units(7))),
            ..CallFacts::default()
        };
        let mut debit = debit(&format!("call-{n}"), member(who), 1, call);
        debit.occurred_at = Some(at(when));
        let action = Action::Usage(UsageCommand::Debit(debit));
        school.act(action, start()).await.unwrap();
    }
    fold_all(&db).await;
    let mut reader = as_principal(&db, &school).await;

    let rollup = usage::read::rollup(&mut reader, &by_member(), 9)
        .await
        .unwrap();
    let rows: Vec<_> = rollup
        .rows
        .iter()
        .map(|row| {
            let whom = (row.bucket.to_string(), row.member_id.unwrap());
            let sums = (row.requests.get(), row.total_tokens.get());
            (
                whom,
                sums,
                row.average_tokens_per_request.get(),
                row.average_latency_ms,
            )
        })
        .collect();
    let whom = |day: &str, n| (day.to_owned(), member(n));
    assert_eq!(
        rows,
        [
            (whom("2026-11-01", 1), (1, 11), 11, Some(units(100))),
            // 17 ÷ 2 = 8.5, rounded up; one of the two calls said how long it took.
            (whom("2026-11-02", 1), (2, 17), 9, Some(units(101))),
            (whom("2026-11-02", 2), (1, 3), 3, Some(units(40))),
        ]
    );

    let by_model = UsageQuery {
        granularity: Granularity::Month,
        from: "2026-11-24".parse().unwrap(),
        group_by: GroupBy {
            model: true,
            outcome: true,
            ..GroupBy::default()
        },
        ..by_member()
    };
    let rollup = usage::read::rollup(&mut reader, &by_model, 9)
        .await
        .unwrap();
    let rows: Vec<_> = rollup
        .rows
        .iter()
        .map(|row| {
            (
                row.model.as_deref(),
                row.outcome,
                row.requests.get(),
                row.active_members,
            )
        })
        .collect();
    let one = units(1);
    assert_eq!(
        rows,
        [
            (None, None, 1, one),
            (None, Some(Outcome::Error), 1, one),
            (Some("opus"), Some(Outcome::Success), 2, one),
        ]
    );
    assert!(
        rollup
            .rows
            .iter()
            .all(|row| row.bucket.to_string() == "2026-11-01")
    );

    let everything = UsageQuery {
        granularity: Granularity::Month,
        from: "2026-10-01".parse().unwrap(),
        group_by: GroupBy::default(),
        ..by_member()
    };
    let rollup = usage::read::rollup(&mut reader, &everything, 9)
        .await
        .unwrap();
    let [october, november] = &rollup.rows[..] else {
        panic!("{rollup:?}")
    };
    assert_eq!(
        october.total_tokens,
        Units::MAX,
        "sums stop, the projection does not"
    );
    assert_eq!(october.average_latency_ms, None);
    assert_eq!(
        (november.active_members, november.requests),
        (units(2), units(4))
    );
    assert_eq!(november.cost_micros, MicroUsd(units(28)));
    let cut = usage::read::rollup(&mut reader, &everything, 1)
        .await
        .unwrap();
    assert!(cut.is_truncated && cut.rows.len() == 1);
}

#[tokio::test]
async fn a_read_waits_to_be_as_fresh_as_it_was_asked_and_says_when_it_is_not() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = busy(&ledger, ADVANCED).await;
    let progress = Progress::default();
    let (name, limit) = (ProjectionName::Balance, Duration::from_millis(30));
    let wait = |seq| wait_for(&db.database, &progress, school.id, name, seq, limit);
    wait(Seq::ZERO).await.unwrap();
    let behind = wait(Seq(1)).await.unwrap_err();
    let FreshnessError::ProjectionBehind { at, asked } = behind else {
        panic!("{behind}")
    };
    assert_eq!((at, asked), (Seq::ZERO, Seq(1)));
    fold_all(&db).await;
    wait(Seq(1)).await.unwrap();
    // No worker runs in this process: what another one does is found by looking.
    let seq = school.debits("later", member(1), 1).await;
    let long = Duration::from_secs(5);
    let waiting = wait_for(&db.database, &progress, school.id, name, seq, long);
    let (waited, ()) = tokio::join!(waiting, fold_all(&db));
    waited.unwrap();
}
