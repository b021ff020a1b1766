//! Usage rollups with any grouping.

use ledger_core::usage::{CallFacts, Outcome, UsageCommand};
use ledger_core::{Action, MicroUsd, Quota, Role, Units};
use ledger_projections::usage;
use ledger_projections::usage::Granularity;
use ledger_projections::usage::read::{GroupBy, UsageQuery};

use super::{DIRECT, as_principal, fold_all};
use crate::support::database::test_database;
use crate::support::school::{Ledger, School, at, debit, member, start, units};

pub fn by_member() -> UsageQuery {
    UsageQuery {
        granularity: Granularity::Day,
        from: "2026-11-01".parse().unwrap(),
        to: "2026-11-30".parse().unwrap(),
        group_by: GroupBy {
            member: true,
            ..GroupBy::default()
        },
        member_id: None,
        department_id: None,
        service: None,
    }
}

/// A school in New York that made six calls.
async fn school_with_calls(ledger: &Ledger) -> School {
    let school = ledger
        .school(DIRECT, "America/New_York", Quota::Unlimited)
        .await;
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
    school
}

#[tokio::test]
async fn usage_counts_in_the_school_s_own_days_and_averages_are_rounded_half_up() {
    let db = test_database().await;
    let school = school_with_calls(&Ledger::start(&db.database)).await;
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
            // 17 ÷ 2 = 8.5, rounded up; one of the two calls has a latency.
            (whom("2026-11-02", 1), (2, 17), 9, Some(units(101))),
            (whom("2026-11-02", 2), (1, 3), 3, Some(units(40))),
        ]
    );
}

#[tokio::test]
async fn usage_is_grouped_by_any_columns() {
    let db = test_database().await;
    let school = school_with_calls(&Ledger::start(&db.database)).await;
    fold_all(&db).await;
    let mut reader = as_principal(&db, &school).await;
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
}

#[tokio::test]
async fn sums_of_usage_stop_at_the_largest_number() {
    let db = test_database().await;
    let school = school_with_calls(&Ledger::start(&db.database)).await;
    fold_all(&db).await;
    let mut reader = as_principal(&db, &school).await;
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
