//! A rollover renews departments first, and then their members from the departments' units.

use ledger_core::allocation::{AllocationCommand, AllocationRow, Change, HolderName, Priority};
use ledger_core::department::DepartmentCommand;
use ledger_core::school::{ChangeSettings, SchoolCommand};
use ledger_core::{Action, DepartmentId, Quota, Role, Timestamp};
use ledger_store::writer::{Envelope, SideWrites, WriterSettings};
use ledger_tests::books;
use ledger_tests::postgres::Postgres;
use ledger_tests::school::{
    CLAUDE, School, debit_at, envelope_at, fresh, hold, reason, settle, units, writer,
};
use ledger_tests::server::Server;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::fixture::{claude, fields};

fn at(text: &str) -> Timestamp {
    Timestamp::new(text.parse().unwrap())
}

fn january() -> Timestamp {
    at("2026-01-20T08:00:00Z")
}

fn open(department_id: DepartmentId, name: &str) -> Envelope {
    let open = Action::Department(DepartmentCommand::Open { department_id });
    let name = name.to_owned();
    envelope_at(january(), fresh(), open).with_side_writes(SideWrites::Department { name })
}

fn set(holder: impl Into<HolderName>, n: i64, priority: Priority, auto_renew: bool) -> Envelope {
    set_of(CLAUDE, holder, n, (priority, auto_renew))
}

/// Allocations for the default grants of the other services to new members.
fn default_grants(department_id: DepartmentId, members: i64) -> [Envelope; 2] {
    [("content_generation", 5), ("assessment_ai", 3)].map(|(service, grant)| {
        let terms = (Priority::Normal, false);
        set_of(service, department_id, members * grant, terms)
    })
}

fn set_of(
    service: &str,
    holder: impl Into<HolderName>,
    n: i64,
    (priority, auto_renew): (Priority, bool),
) -> Envelope {
    let row = AllocationRow {
        holder: holder.into(),
        service: service.to_owned(),
        change: Change::Set(Quota::Finite(units(n))),
        priority: Some(priority),
        auto_renew: Some(auto_renew),
    };
    let command = AllocationCommand::Apply {
        rows: vec![row],
        reason: reason(),
        as_batch: false,
    };
    envelope_at(january(), fresh(), Action::Allocation(command))
}

fn move_to(member_id: ledger_core::MemberId, to: DepartmentId) -> Envelope {
    let to = Some(to);
    let command = DepartmentCommand::Move { member_id, to };
    envelope_at(january(), fresh(), Action::Department(command))
}

#[tokio::test]
async fn a_rollover_renews_departments_and_their_members_from_them() {
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let (writer, _tasks) = writer(&database, WriterSettings::default());
    let members = (4, 0, Some(true));
    let school = School::register_at(january(), &writer, 1_000, members).await;
    let [ada, bob, eve, kim] = [0, 1, 2, 3].map(|n| school.members[n]);
    let [languages, sciences] = [(); 2].map(|()| DepartmentId(Uuid::now_v7()));
    let draw = SchoolCommand::ChangeSettings(ChangeSettings {
        draw_on_department: Some(true),
        ..ChangeSettings::default()
    });
    let end = at("2026-02-01T00:00:00Z");
    let mut requests = vec![
        envelope_at(january(), fresh(), Action::School(draw)),
        open(languages, "Languages"),
        open(sciences, "Sciences"),
        set(languages, 300, Priority::Normal, true),
        set(sciences, 200, Priority::Normal, false),
    ];
    requests.extend(
        [default_grants(languages, 2), default_grants(sciences, 1)]
            .into_iter()
            .flatten(),
    );
    requests.extend([
        move_to(ada, languages),
        move_to(bob, languages),
        move_to(eve, sciences),
        set(ada, 200, Priority::High, true),
        set(bob, 100, Priority::Normal, false),
        set(eve, 50, Priority::Normal, true),
        set(kim, 40, Priority::Normal, true),
        debit_at(january(), "ada", ada, 7),
        debit_at(january(), "eve", eve, 11),
        hold(end.plus_seconds(-30), "in flight", ada, 5, 300),
        // The first debit of the new period starts it at every level.
        debit_at(end, "first", ada, 1),
        settle(end.plus_seconds(5), "in flight", 4),
        // Bob's allocation lapsed: the debit draws on the department.
        debit_at(end.plus_seconds(6), "bob", bob, 3),
    ]);
    for request in requests {
        school.send(&writer, request).await.unwrap();
    }
    // Sciences does not renew, so Eve's allocation has no source.
    let refused = debit_at(end.plus_seconds(7), "eve again", eve, 1);
    assert!(school.send(&writer, refused).await.is_err());

    let server = Server::start(&postgres).await;
    let principal = server.as_role(Role::Principal, Some(school.id.0));
    let path = |rest: String| format!("/v1/schools/{}{rest}", school.id);
    let head = books::check(&postgres, school.id.0).await;
    let read = async |rest: String| {
        let answer = principal.try_send(Method::GET, &path(rest), None).await;
        claude(&answer.unwrap().ok())
    };
    let names = ["allocated", "to_members", "unallocated", "used", "held"];
    // As of the last event: later rollovers do not count.
    for (department, closed, then) in [
        (
            languages,
            json!([300, 300, 0, 11, 0]),
            json!([300, 200, 97, 4, 0]),
        ),
        (
            sciences,
            json!([200, 50, 150, 11, 0]),
            json!([0, 0, 0, 0, 0]),
        ),
    ] {
        let of = format!("/departments/{department}/balance");
        let january = read(format!("{of}?period=2026-01-31&min_seq={head}")).await;
        assert_eq!(fields(&january, names), closed);
        let february = read(format!("{of}?as_of_seq={head}")).await;
        assert_eq!(fields(&february, names), then);
    }
    let pool = read(format!("/balance?as_of_seq={head}")).await;
    let names = ["allocated", "unallocated", "used"];
    assert_eq!(fields(&pool, names), json!([340, 660, 4]));
    let replayed = books::replay_to(&postgres, school.id.0, Some(head)).await;
    let departments = replayed["departments"].as_array().unwrap();
    assert_eq!(departments.len(), 2);

    // In a closed period, a teacher reads the department of its end.
    let teacher = server.person(Role::Teacher, Some(school.id.0), eve.0);
    let closed = "balance?period=2026-01-31";
    let own = path(format!("/departments/{sciences}/{closed}"));
    let own = claude(&teacher.get(&own).await.ok());
    assert_eq!(fields(&own, ["allocated", "used"]), json!([200, 11]));
    let other = path(format!("/departments/{languages}/{closed}"));
    assert_eq!(teacher.get(&other).await.problem(), "department-not-found");

    // A read records every rollover until now.
    let now = read(format!("/departments/{languages}/balance")).await;
    let names = ["allocated", "to_members", "used"];
    assert_eq!(fields(&now, names), json!([300, 200, 0]));
    books::check(&postgres, school.id.0).await;
    server.stop().await;
}
