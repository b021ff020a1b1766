//! Departments come with a plan, under an id of their own, and are read.

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::server::Answer;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{World, as_refused, refused, told};

#[tokio::test]
async fn a_department_is_opened_once_and_can_be_read() {
    let world = World::start().await;
    let (path, id) = (world.school.path("/departments"), Uuid::now_v7());
    let key = [("idempotency-key", "arts")];
    let open = async |headers: &[(&str, &str)], body: Value| {
        let sent = world
            .principal
            .send_with(Method::POST, &path, headers, Some(&body));
        Answer::of(sent.await).await.unwrap()
    };
    let body = json!({"department_id": id, "name": "Arts"});
    let opened = open(&key, body.clone()).await;
    assert_eq!(opened.status, 201, "{}", opened.body);
    assert_eq!(opened.headers["location"], format!("{path}/{id}"));
    let expected = json!([id, "Arts", false]);
    let names = ["department_id", "name", "replayed"];
    assert_eq!(told(&opened.body, names), expected);

    let again = open(&key, body.clone()).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.body["event_id"], opened.body["event_id"]);
    let taken = open(&[], body).await;
    assert_eq!(refused(&taken), as_refused(409, "department-exists"));
    assert_eq!(taken.body["department_id"], json!(id));
    for bad in [
        json!({"department_id": Uuid::nil(), "name": "Nobody's"}),
        json!({"name": " "}),
        json!({}),
        json!({"name": "Arts", "members": []}),
    ] {
        assert_eq!(
            refused(&open(&[], bad).await),
            as_refused(400, "invalid-request")
        );
    }
    // Without an id it follows from the key.
    let key = [("idempotency-key", "music")];
    let music = open(&key, json!({"name": "Music"})).await;
    let same = open(&key, json!({"name": "Music"})).await;
    assert_eq!(music.body["department_id"], same.body["department_id"]);

    let read = format!("/departments/{id}?min_seq={}", music.seq());
    let read = world.send(Method::GET, &read, None).await.ok();
    let names = ["department_id", "name", "closed", "closed_at", "members"];
    assert_eq!(told(&read, names), json!([id, "Arts", false, null, 0]));
    assert!(read["opened_at"].is_string(), "{read}");
    let nowhere = format!("/departments/{}", Uuid::now_v7());
    let nowhere = world.send(Method::GET, &nowhere, None).await;
    assert_eq!(refused(&nowhere), as_refused(404, "department-not-found"));

    let mut names = Vec::new();
    let mut next = "/departments?limit=3".to_owned();
    loop {
        let page = world.send(Method::GET, &next, None).await;
        let listed = page.body["departments"].as_array().unwrap().clone();
        names.extend(
            listed
                .iter()
                .map(|d| d["name"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page.body["next"].as_str() else {
            break;
        };
        assert!(page.headers["link"].to_str().unwrap().contains(cursor));
        next = format!("/departments?limit=3&cursor={cursor}");
    }
    names.sort();
    assert_eq!(names, ["Arts", "Languages", "Music", "Sciences"]);
    // Names are no events.
    let events = world.send(Method::GET, "/events?limit=1000", None).await;
    assert!(!events.ok().to_string().contains("Languages"));
    world.stop().await;
}

/// A school of one kind with a member.
async fn school(world: &World, org_type: &str, tier: &str) -> (String, String) {
    let body = json!({"name": "Small", "org_type": org_type, "tier": tier, "time_zone": "UTC"});
    let school = world.platform.post("/v1/schools", body).await.ok();
    let path = format!("/v1/schools/{}", school["school_id"].as_str().unwrap());
    let member = json!({"role": "teacher"});
    let member = world
        .platform
        .post(&format!("{path}/members"), member)
        .await;
    let member = member.ok()["member_id"].as_str().unwrap().to_owned();
    (path, member)
}

#[tokio::test]
async fn a_plan_without_departments_names_the_one_that_has_them() {
    let world = World::start().await;
    let some = Uuid::now_v7();
    for (org_type, tier, has, least) in [
        ("k12", "premium", "none", json!("enterprise")),
        ("preschool", "enterprise", "basic", Value::Null),
        ("individual", "pro", "none", Value::Null),
    ] {
        let (path, member) = school(&world, org_type, tier).await;
        let of = |rest: String| format!("{path}{rest}");
        let allocation = format!("/departments/{some}/allocations/claude_messages");
        let mut commands = vec![
            (
                Method::POST,
                of("/departments".into()),
                json!({"name": "Arts"}),
            ),
            (
                Method::PATCH,
                of("/settings".into()),
                json!({"draw_on_department": true}),
            ),
            (
                Method::PATCH,
                of(format!("/members/{member}")),
                json!({"department_id": some}),
            ),
        ];
        if has == "none" {
            let units = json!({"units": 1, "reason": "r"});
            commands.push((Method::PUT, of(allocation), units));
        }
        if org_type != "individual" {
            let enrol = json!({"role": "teacher", "department_id": some});
            commands.push((Method::POST, of("/members".into()), enrol));
        }
        for (method, path, body) in commands {
            let answer = world.platform.try_send(method, &path, Some(&body));
            let answer = answer.await.unwrap();
            let what = format!("{org_type} {path} {body}: {}", answer.body);
            assert_eq!(refused(&answer), as_refused(403, "plan-required"), "{what}");
            let expected = json!([has, "advanced", least]);
            assert_eq!(
                told(&answer.body, ["has", "needs", "tier"]),
                expected,
                "{what}"
            );
        }
        // What is so already is an answer.
        let settings = json!({"draw_on_department": false});
        let settings = world
            .platform
            .patch(&of("/settings".into()), settings)
            .await;
        assert_eq!(settings.ok()["event_id"], Value::Null);
    }
    world.stop().await;
}

#[tokio::test]
async fn what_a_richer_plan_began_can_be_ended() {
    let world = World::start().await;
    let _ = world.fund(world.languages, 300).await.ok();
    let _ = world.move_to(world.ada, Some(world.languages)).await.ok();
    let premium = json!({"tier": "premium", "reclaim": "by_priority"});
    let less = world
        .send(Method::PUT, "/subscription", Some(premium))
        .await
        .ok();
    let of_department = |row: &&Value| row["department_id"] == json!(world.languages);
    let mut reclaimed = less["reclaimed"].as_array().unwrap().iter();
    let given = reclaimed.find(of_department).unwrap();
    assert_eq!(
        told(given, ["member_id", "before", "after"]),
        json!([null, 300, 0])
    );

    let again = world.move_to(world.ada, Some(world.sciences)).await;
    assert_eq!(refused(&again), as_refused(403, "plan-required"));
    let _ = world.move_to(world.ada, None).await.ok();
    let path = format!("/departments/{}", world.languages);
    let closed = world.send(Method::DELETE, &path, None).await.ok();
    assert_eq!(closed["returned"], json!([]));
    world.stop().await;
}

#[tokio::test]
async fn a_teacher_lists_no_departments_and_a_proxy_reads_none() {
    let world = World::start().await;
    let teacher = world
        .server
        .person(Role::Teacher, Some(world.school.id), world.ada);
    let list = world.school.path("/departments");
    assert_eq!(teacher.get(&list).await.problem(), "forbidden");
    let one = world
        .school
        .path(&format!("/departments/{}", world.languages));
    assert_eq!(world.proxy.get(&one).await.problem(), "forbidden");
    books::caught_up(&world.postgres.superuser().await).await;
    assert_eq!(world.proxy.get(&format!("{one}/balance")).await.status, 200);
    world.stop().await;
}
