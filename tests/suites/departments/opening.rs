//! Departments are opened where the plan includes them, and are read.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Fixture;
use crate::fixture::{PlanSchool, assert_refused, assert_refused_for, fields, send};

#[tokio::test]
async fn a_department_is_opened_once_and_read() {
    let fixture = Fixture::start().await;
    let (path, id) = (fixture.path("/departments"), Uuid::now_v7());
    let key = [("idempotency-key", "arts")];
    let open = async |headers: &[(&str, &str)], body: Value| {
        send(&fixture.principal, Method::POST, &path, headers, &body).await
    };
    let body = json!({"department_id": id, "name": "Arts"});
    let opened = open(&key, body.clone()).await;
    assert_eq!(opened.status, 201, "{}", opened.body);
    assert_eq!(opened.headers["location"], format!("{path}/{id}"));
    let expected = json!([id, "Arts", false]);
    let names = ["department_id", "name", "replayed"];
    assert_eq!(fields(&opened.body, names), expected);

    let again = open(&key, body.clone()).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.body["event_id"], opened.body["event_id"]);
    let taken = open(&[], body).await;
    assert_refused(&taken, 409, "department-exists");
    assert_eq!(taken.body["department_id"], json!(id));
    for invalid in [
        json!({"department_id": Uuid::nil(), "name": "Nil"}),
        json!({"name": " "}),
        json!({}),
        json!({"name": "Arts", "members": []}),
    ] {
        assert_refused(&open(&[], invalid).await, 400, "invalid-request");
    }
    // Without an id, the id is derived from the key.
    let key = [("idempotency-key", "music")];
    let music = open(&key, json!({"name": "Music"})).await;
    let same = open(&key, json!({"name": "Music"})).await;
    assert_eq!(music.body["department_id"], same.body["department_id"]);

    let read = format!("/departments/{id}?min_seq={}", music.seq());
    let read = fixture.get(&read).await.ok();
    let names = ["department_id", "name", "closed", "closed_at", "members"];
    assert_eq!(fields(&read, names), json!([id, "Arts", false, null, 0]));
    assert!(read["opened_at"].is_string(), "{read}");
    let unknown = format!("/departments/{}", Uuid::now_v7());
    let unknown = fixture.get(&unknown).await;
    assert_refused(&unknown, 404, "department-not-found");

    let mut names = Vec::new();
    let mut next = "/departments?limit=3".to_owned();
    loop {
        let page = fixture.get(&next).await;
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
    // The log has no names.
    let events = fixture.get("/events?limit=1000").await;
    assert!(!events.ok().to_string().contains("Languages"));
    fixture.stop().await;
}

#[tokio::test]
async fn a_plan_without_departments_names_the_tier_that_includes_them() {
    let fixture = Fixture::start().await;
    let department = Uuid::now_v7();
    for (org_type, tier, has, lowest) in [
        ("k12", "premium", "none", json!("enterprise")),
        ("preschool", "enterprise", "basic", Value::Null),
        ("individual", "pro", "none", Value::Null),
    ] {
        let school = PlanSchool::register(&fixture.platform, org_type, tier).await;
        let member = format!("/members/{}", school.member);
        let mut commands = vec![
            (Method::POST, "/departments", json!({"name": "Arts"})),
            (
                Method::PATCH,
                "/settings",
                json!({"draw_on_department": true}),
            ),
            (Method::PATCH, &member, json!({"department_id": department})),
        ];
        let allocation = format!("/departments/{department}/allocations/claude_messages");
        if has == "none" {
            let units = json!({"units": 1, "reason": "r"});
            commands.push((Method::PUT, &allocation, units));
        }
        if org_type != "individual" {
            let enrol = json!({"role": "teacher", "department_id": department});
            commands.push((Method::POST, "/members", enrol));
        }
        for (method, path, body) in commands {
            let answer = school.send(&fixture.platform, method, path, &body).await;
            let case = format!("{org_type} {path} {body}");
            assert_refused_for(&case, &answer, 403, "plan-required");
            let values = fields(&answer.body, ["has", "needs", "tier"]);
            assert_eq!(values, json!([has, "advanced", lowest]), "{case}");
        }
        // A change without effect is an answer, not an error.
        let settings = json!({"draw_on_department": false});
        let path = "/settings";
        let settings = school
            .send(&fixture.platform, Method::PATCH, path, &settings)
            .await;
        assert_eq!(settings.ok()["event_id"], Value::Null);
    }
    fixture.stop().await;
}

#[tokio::test]
async fn departments_of_a_previous_plan_can_be_emptied_and_closed() {
    let fixture = Fixture::start().await;
    let _ = fixture
        .allocate_to_department(fixture.languages, 300)
        .await
        .ok();
    let _ = fixture
        .move_to(fixture.ada, Some(fixture.languages))
        .await
        .ok();
    let premium = json!({"tier": "premium", "reclaim": "by_priority"});
    let less = fixture
        .send(Method::PUT, "/subscription", Some(premium))
        .await
        .ok();
    let of_department = |row: &&Value| row["department_id"] == json!(fixture.languages);
    let mut reclaimed = less["reclaimed"].as_array().unwrap().iter();
    let from_department = reclaimed.find(of_department).unwrap();
    assert_eq!(
        fields(from_department, ["member_id", "before", "after"]),
        json!([null, 300, 0])
    );

    let moved = fixture.move_to(fixture.ada, Some(fixture.sciences)).await;
    assert_refused(&moved, 403, "plan-required");
    let _ = fixture.move_to(fixture.ada, None).await.ok();
    let path = format!("/departments/{}", fixture.languages);
    let closed = fixture.send(Method::DELETE, &path, None).await.ok();
    assert_eq!(closed["returned"], json!([]));
    fixture.stop().await;
}

#[tokio::test]
async fn a_teacher_does_not_list_departments_and_a_proxy_reads_only_balances() {
    let fixture = Fixture::start().await;
    let teacher = fixture.teacher(fixture.ada);
    let list = fixture.path("/departments");
    assert_eq!(teacher.get(&list).await.problem(), "forbidden");
    let one = fixture.path(&format!("/departments/{}", fixture.languages));
    assert_eq!(fixture.proxy.get(&one).await.problem(), "forbidden");
    assert_eq!(
        fixture.proxy.get(&format!("{one}/balance")).await.status,
        200
    );
    fixture.stop().await;
}
