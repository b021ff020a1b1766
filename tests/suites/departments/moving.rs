//! Members move with what they hold, and a department ends once nobody is in it.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{CLAUDE, World, as_refused, numbers, refused, told};

#[tokio::test]
async fn a_member_moves_with_all_that_he_holds_and_used() {
    let world = World::start().await;
    let (ada, languages, sciences) = (world.ada, world.languages, world.sciences);
    let _ = world.debit("before", ada, 7).await.ok();
    let hold = world.school.debit("in flight", ada, 5);
    let _ = world
        .proxy
        .post(&world.school.path("/holds"), hold)
        .await
        .ok();
    let _ = world.fund(languages, 99).await.ok();
    let no_room = world.move_to(ada, Some(languages)).await;
    assert_eq!(no_room.status, 422);
    let expected = json!(["pool-exceeded", "department", 99, 100, 99]);
    assert_eq!(numbers(&no_room.body), expected);

    for department in [languages, sciences] {
        let _ = world.fund(department, 120).await.ok();
    }
    let moved = world.move_to(ada, Some(languages)).await;
    let names = ["member_id", "department_id", "role", "replayed"];
    assert_eq!(
        told(&moved.body, names),
        json!([ada, languages, null, false])
    );
    let names = ["to_members", "unallocated", "used", "held", "available"];
    let line = world.of_department(languages, moved.seq()).await;
    assert_eq!(told(&line, names), json!([100, 20, 7, 5, 108]));
    let same = world.move_to(ada, Some(languages)).await.ok();
    assert_eq!(same["event_id"], Value::Null);

    let on = world.move_to(ada, Some(sciences)).await;
    let line = world.of_department(languages, on.seq()).await;
    assert_eq!(told(&line, names), json!([0, 120, 0, 0, 120]));
    let path = world.school.path("/holds/in%20flight/settle");
    let settled = world.proxy.post(&path, json!({"units": 6})).await;
    assert_eq!(settled.status, 200, "{}", settled.body);
    let line = world.of_department(sciences, settled.seq()).await;
    assert_eq!(told(&line, names), json!([100, 20, 13, 0, 107]));

    let path = format!("/members/{ada}?min_seq={}", settled.seq());
    let member = world.send(Method::GET, &path, None).await.ok();
    assert_eq!(member["department_id"], json!(sciences));
    let out = world.move_to(ada, None).await;
    assert_eq!(told(&out.body, ["department_id"]), json!([null]));
    let listed = format!("/members?min_seq={}", out.seq());
    let listed = world.send(Method::GET, &listed, None).await.ok();
    let members = listed["members"].as_array().unwrap();
    assert!(
        members.iter().all(|m| m["department_id"] == Value::Null),
        "{listed}"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_change_of_a_member_is_one_and_of_a_department_that_is_there() {
    let world = World::start().await;
    let path = format!("/members/{}", world.ada);
    for body in [
        json!({"role": "auditor", "department_id": world.languages}),
        json!({}),
        json!({"department_id": "languages"}),
    ] {
        let answer = world.send(Method::PATCH, &path, Some(body)).await;
        assert_eq!(refused(&answer), as_refused(400, "invalid-request"));
    }
    let role = world
        .send(Method::PATCH, &path, Some(json!({"role": "auditor"})))
        .await;
    assert_eq!(
        told(&role.ok(), ["role", "department_id"]),
        json!(["auditor", null])
    );
    let nowhere = world.move_to(world.ada, Some(Uuid::now_v7())).await;
    assert_eq!(refused(&nowhere), as_refused(404, "department-not-found"));
    let nobody = world.move_to(Uuid::now_v7(), Some(world.languages)).await;
    assert_eq!(refused(&nobody), as_refused(404, "member-not-found"));
    world.stop().await;
}

#[tokio::test]
async fn a_newcomer_is_granted_what_his_department_can_give() {
    let world = World::start().await;
    let grant = json!({"default_member_quota": {CLAUDE: 30}});
    let _ = world
        .send(Method::PATCH, "/settings", Some(grant))
        .await
        .ok();
    let _ = world.fund(world.languages, 40).await.ok();
    let newcomer = json!({"role": "teacher", "department_id": world.languages});
    let mut granted = Vec::new();
    for _ in 0..3 {
        let enrolled = world.post("/members", newcomer.clone()).await;
        assert_eq!(enrolled.status, 201, "{}", enrolled.body);
        assert_eq!(enrolled.body["department_id"], json!(world.languages));
        let grants = enrolled.body["granted"].as_array().unwrap();
        granted.push(
            grants
                .iter()
                .map(|g| g["allocated"].as_i64().unwrap())
                .sum::<i64>(),
        );
    }
    assert_eq!(granted, [30, 10, 0]);
    let nowhere = json!({"role": "teacher", "department_id": Uuid::now_v7()});
    let nowhere = world.post("/members", nowhere).await;
    assert_eq!(refused(&nowhere), as_refused(404, "department-not-found"));
    let read = format!("/departments/{}", world.languages);
    let read = world.send(Method::GET, &read, None).await.ok();
    assert_eq!(read["members"], 3);
    world.stop().await;
}

#[tokio::test]
async fn a_department_ends_empty_and_for_good() {
    let world = World::start().await;
    let (ada, languages) = (world.ada, world.languages);
    let path = format!("/departments/{languages}");
    let close = async || world.send(Method::DELETE, &path, None).await;
    let _ = world.fund(languages, 300).await.ok();
    let _ = world.move_to(ada, Some(languages)).await.ok();
    let not_yet = close().await;
    assert_eq!(refused(&not_yet), as_refused(409, "department-not-empty"));
    let expected = json!([languages, 1]);
    assert_eq!(told(&not_yet.body, ["department_id", "members"]), expected);

    // What is drawn on it itself stays with it.
    let _ = world.give(ada, 0).await.ok();
    world.draw_on_department(true).await;
    let drawn = world.debit("drawn", ada, 7).await;
    assert_eq!(drawn.status, 201, "{}", drawn.body);
    let _ = world.move_to(ada, None).await.ok();
    let closed = close().await;
    assert_eq!(closed.status, 200, "{}", closed.body);
    let returned = json!([{"service": CLAUDE, "before": 300, "allocated": 7}]);
    assert_eq!(closed.body["returned"], returned);
    let pool = world.balance("", closed.seq()).await;
    assert_eq!(told(&pool, ["allocated", "used"]), json!([207, 7]));

    for answer in [
        close().await,
        world.fund(languages, 1).await,
        world.move_to(ada, Some(languages)).await,
    ] {
        assert_eq!(refused(&answer), as_refused(404, "department-not-found"));
    }
    let again = json!({"department_id": languages, "name": "Languages again"});
    let again = world.post("/departments", again).await;
    assert_eq!(refused(&again), as_refused(409, "department-exists"));
    let read = world.send(Method::GET, &path, None).await.ok();
    assert_eq!(told(&read, ["name", "closed"]), json!(["Languages", true]));
    for (query, count) in [("", 1), ("?with_closed=true", 2)] {
        let listed = world
            .send(Method::GET, &format!("/departments{query}"), None)
            .await
            .ok();
        assert_eq!(
            listed["departments"].as_array().unwrap().len(),
            count,
            "{listed}"
        );
    }
    world.stop().await;
}
