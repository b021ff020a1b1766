//! Who reads what of a department, now and of the past.

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::server::Person;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{CLAUDE, World, told};

/// Ada and Bob teach languages, Eve sciences; some calls were made.
async fn busy() -> World {
    let world = World::start().await;
    let (languages, sciences) = (world.languages, world.sciences);
    for department in [languages, sciences] {
        let _ = world.fund(department, 300).await.ok();
    }
    for (member, department) in [
        (world.ada, languages),
        (world.bob, languages),
        (world.eve, sciences),
    ] {
        let _ = world.move_to(member, Some(department)).await.ok();
    }
    world.draw_on_department(true).await;
    let _ = world.give(world.bob, 0).await.ok();
    for (n, member) in [world.ada, world.bob, world.eve, world.bob]
        .iter()
        .enumerate()
    {
        let answer = world.debit(&format!("d{n}"), *member, 10).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    world
}

fn teacher(world: &World, member: Uuid) -> Person {
    world
        .server
        .person(Role::Teacher, Some(world.school.id), member)
}

#[tokio::test]
async fn a_teacher_sees_his_own_department_and_no_other() {
    let world = busy().await;
    let head = books::check(&world.postgres, world.school.id).await;
    let ada = teacher(&world, world.ada);
    let of = |department: Uuid, rest: &str| {
        world
            .school
            .path(&format!("/departments/{department}{rest}"))
    };
    let min = format!("?min_seq={head}");
    let own = ada.get(&of(world.languages, &min)).await.ok();
    assert_eq!(told(&own, ["name", "members"]), json!(["Languages", 2]));
    let path = of(world.languages, &format!("/balance{min}"));
    let own = ada.get(&path).await.ok();
    // What his colleagues hold and used is in the sums, as a principal sees them.
    assert_eq!(own, world.principal.get(&path).await.ok());
    assert_eq!(
        told(&super::claude(&own), ["to_members", "used"]),
        json!([100, 30])
    );
    for rest in ["", "/balance", &format!("/balance?as_of_seq={head}")] {
        let other = ada.get(&of(world.sciences, rest)).await;
        assert_eq!(other.problem(), "department-not-found", "{rest}");
        let nowhere = ada.get(&of(Uuid::now_v7(), rest)).await;
        assert_eq!(nowhere.problem(), "department-not-found", "{rest}");
    }
    let stranger = teacher(&world, Uuid::now_v7());
    let nothing = stranger.get(&of(world.languages, "")).await;
    assert_eq!(nothing.problem(), "department-not-found");
    // His own balance says what is left to him of it.
    let bob = teacher(&world, world.bob);
    let mine = world
        .school
        .path(&format!("/members/{}/balance", world.bob));
    let mine = super::claude(&bob.get(&mine).await.ok());
    let names = ["level", "allocated", "used", "available"];
    assert_eq!(told(&mine, names), json!(["department", 200, 20, 180]));

    // He moves, and sees the other one; of the past the one that he was in then.
    let moved = world.move_to(world.ada, Some(world.sciences)).await;
    let min = format!("/balance?min_seq={}", moved.seq());
    assert_eq!(ada.get(&of(world.sciences, &min)).await.status, 200);
    let gone = ada.get(&of(world.languages, &min)).await;
    assert_eq!(gone.problem(), "department-not-found");
    let then = format!("/balance?as_of_seq={head}");
    assert_eq!(ada.get(&of(world.languages, &then)).await.status, 200);
    let then = ada.get(&of(world.sciences, &then)).await;
    assert_eq!(then.problem(), "department-not-found");
    world.stop().await;
}

#[tokio::test]
async fn the_past_is_what_replay_says_of_every_level() {
    let world = busy().await;
    let _ = world.move_to(world.ada, Some(world.sciences)).await.ok();
    let head = books::check(&world.postgres, world.school.id).await;
    let opened = books::replay_to(&world.postgres, world.school.id, Some(head)).await;
    assert_eq!(opened["departments"].as_array().unwrap().len(), 2);
    for seq in (head - 14..=head).step_by(3) {
        let replayed = books::replay_to(&world.postgres, world.school.id, Some(seq)).await;
        let query = format!("as_of_seq={seq}");
        world.is_as_replayed(&replayed, &query).await;
    }
    let path = format!("/departments/{}/balance", world.languages);
    let read = async |query: &str| {
        let path = format!("{path}?{query}");
        world.send(Method::GET, &path, None).await
    };
    let now = read(&format!("min_seq={head}")).await.ok();
    let names = ["department_id", "closed", "seq"];
    assert_eq!(told(&now, names), json!([world.languages, false, head]));
    let start = now["period"]["start"].as_str().unwrap();
    let today = read(&format!(
        "period={}",
        &now["period"]["end"].as_str().unwrap()[..10]
    ))
    .await;
    // The day on which a period ends in UTC is its last one in the school's time zone, or the next.
    assert!(today.status == 200 || today.problem() == "period-not-found");
    assert_eq!(
        read(&format!("as_of={start}")).await.problem(),
        "school-not-found"
    );
    assert_eq!(read("as_of_seq=1").await.problem(), "department-not-found");
    for (query, problem) in [
        ("period=2020-01-01", "period-not-found"),
        ("as_of_seq=1&period=2026-01-01", "invalid-request"),
        ("as_of=2999-01-01T00:00:00Z", "invalid-request"),
        ("with=everything", "invalid-request"),
    ] {
        assert_eq!(read(query).await.problem(), problem, "{query}");
    }
    world.stop().await;
}

#[tokio::test]
async fn usage_is_summed_up_by_the_department_that_the_caller_was_in() {
    let world = busy().await;
    let _ = world.move_to(world.ada, Some(world.sciences)).await.ok();
    let _ = world.debit("later", world.ada, 3).await.ok();
    let refused = world.debit("too much", world.ada, 1_000).await;
    assert_eq!(refused.problem(), "quota-exceeded");
    let _ = world.move_to(world.eve, None).await.ok();
    let _ = world.debit("alone", world.eve, 2).await.ok();
    let head = books::check(&world.postgres, world.school.id).await;
    let read = async |groups: &str| {
        let path = format!("/usage?group_by={groups}&min_seq={head}");
        let usage = world.send(Method::GET, &path, None).await.ok();
        let mut rows: Vec<Value> = usage["rows"].as_array().unwrap().clone();
        rows.sort_by_key(|row| row["units"].as_i64());
        rows
    };
    let names = [
        "department_id",
        "member_id",
        "units",
        "requests",
        "active_members",
    ];
    let rows: Vec<_> = read("department")
        .await
        .iter()
        .map(|row| told(row, names))
        .collect();
    let expected = [
        json!([null, null, 2, 1, 1]),
        json!([world.sciences, null, 13, 2, 2]),
        json!([world.languages, null, 30, 3, 2]),
    ];
    assert_eq!(rows, expected);
    let both = read("member,department").await;
    let ada: Vec<_> = both
        .iter()
        .filter(|row| row["member_id"] == json!(world.ada))
        .map(|row| told(row, ["department_id", "units"]))
        .collect();
    assert_eq!(
        ada,
        [json!([world.sciences, 3]), json!([world.languages, 10])]
    );
    let all = read("").await;
    assert_eq!(told(&all[0], ["department_id", "units"]), json!([null, 45]));
    world.stop().await;
}

#[tokio::test]
async fn the_history_says_which_department_a_change_concerns() {
    let world = busy().await;
    let transfer = json!([{"op": "transfer", "department_id": world.languages,
        "to_department_id": world.sciences, "service": CLAUDE, "units": 5}]);
    let done = world.batch(transfer).await;
    let path = format!("/history?limit=1000&min_seq={}", done.seq());
    let history = world.send(Method::GET, &path, None).await.ok();
    let entries = history["entries"].as_array().unwrap();
    let of = |kind: &str| -> Vec<Value> {
        let of_kind = entries.iter().filter(|entry| entry["type"] == kind);
        of_kind
            .map(|entry| told(entry, ["member_id", "department_id"]))
            .collect()
    };
    let (languages, sciences) = (json!(world.languages), json!(world.sciences));
    let mut both = of("units_transferred");
    both.sort_by_key(ToString::to_string);
    assert_eq!(both, [json!([null, languages]), json!([null, sciences])]);
    let opened = of("department_opened");
    assert_eq!(opened, [json!([null, sciences]), json!([null, languages])]);
    assert_eq!(of("member_moved")[0], json!([world.eve, sciences]));
    // Bob's units were the department's to give.
    assert_eq!(of("units_revoked")[0], json!([world.bob, languages]));
    assert!(of("units_allocated").contains(&json!([null, languages])));
    // A teacher reads what concerns himself.
    let mine = teacher(&world, world.eve)
        .get(&world.school.path("/history"))
        .await
        .ok();
    let mine = mine["entries"].as_array().unwrap();
    assert!(
        mine.iter()
            .all(|entry| entry["member_id"] == json!(world.eve)),
        "{mine:?}"
    );
    world.stop().await;
}
