//! Members: enrolled, listed, changed, suspended, let go, and known by the ids of other systems.

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::server::{HttpSchool, token};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{World, as_refused, delete, refused, send};

#[tokio::test]
async fn a_member_is_enrolled_once_with_the_schools_grant_and_reads_himself() {
    let world = World::start().await;
    let settings = json!({"default_member_quota": {"claude_messages": 10}});
    let path = world.school.path("/settings");
    let _ = world.principal.patch(&path, settings).await.ok();
    let members = world.school.path("/members");
    let body = json!({"role": "teacher", "external_ids": ["hr-17"], "display_name": "Thandi",
        "email": "t@x.example"});
    let key = [("idempotency-key", "hr-17")];
    let enrol = || send(&world.principal, Method::POST, &members, &key, &body);
    let (first, again) = (enrol().await, enrol().await);
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
    assert_eq!(first.body["member_id"], again.body["member_id"]);
    assert_eq!(
        first.body["granted"],
        json!([{"service": "claude_messages", "before": 0, "allocated": 10}])
    );
    let member: Uuid = first.body["member_id"].as_str().unwrap().parse().unwrap();
    let path = world.school.path(&format!("/members/{member}"));
    assert_eq!(first.headers["location"], path);

    let teacher = world
        .server
        .person(Role::Teacher, Some(world.school.id), member);
    let min_seq = format!("min_seq={}", first.seq());
    let me = teacher.get(&format!("{path}?{min_seq}")).await.ok();
    for (name, expected) in [
        ("member_id", json!(member)),
        ("display_name", json!("Thandi")),
        ("email", json!("t@x.example")),
        ("external_ids", json!(["hr-17"])),
        ("role", json!("teacher")),
        ("status", json!("active")),
    ] {
        assert_eq!(me[name], expected, "{name}");
    }
    let list = format!("{members}?{min_seq}");
    let listed = world.principal.get(&list).await.ok();
    let listed = listed["members"].as_array().unwrap();
    assert!(listed.contains(&me), "the list shows the same: {listed:?}");
    world.server.stop().await;
}

#[tokio::test]
async fn a_member_who_is_none_or_is_there_already_is_not_enrolled() {
    let world = World::start().await;
    let members = world.school.path("/members");
    let member = world.school.members[0];
    let exists = json!({"member_id": member, "role": "auditor"});
    let exists = world.principal.post(&members, exists).await;
    assert_eq!(refused(&exists), as_refused(409, "member-exists"));
    for wrong in [
        json!({"role": "proxy"}),
        json!({"role": "platform_admin"}),
        json!({"role": "teacher", "member_id": Uuid::nil()}),
        json!({"role": "teacher", "email": "nobody"}),
        json!({"role": "teacher", "password": "x"}),
        json!({}),
    ] {
        let answer = world.principal.post(&members, wrong.clone()).await;
        let expected = as_refused(400, "invalid-request");
        assert_eq!(refused(&answer), expected, "{wrong}");
    }
    world.server.stop().await;
}

#[tokio::test]
async fn an_external_id_names_one_member_of_its_school() {
    let world = World::start().await;
    let members = world.school.path("/members");
    let body = json!({"role": "teacher", "external_ids": ["t@x.example", "auth0|17"]});
    let made = world.principal.post(&members, body).await.ok();
    let member: Uuid = made["member_id"].as_str().unwrap().parse().unwrap();
    let path = world.school.path(&format!("/members/{member}"));
    let terms = json!({"units": 5, "reason": "r"});
    let allocation = format!("{path}/allocations/claude_messages");
    let _ = world.principal.put(&allocation, terms).await.ok();

    let taken = json!({"role": "teacher", "external_ids": ["new", "t@x.example"]});
    let taken = world.principal.post(&members, taken).await;
    assert_eq!(refused(&taken), as_refused(409, "external-id-taken"));
    // Whoever was refused left no id behind.
    let free = json!({"role": "teacher", "external_ids": ["new"]});
    let _ = world.principal.post(&members, free).await.ok();

    // A proxy spends for him by that id, and a token of that subject is he.
    let proxy = world.server.as_role(Role::Proxy, Some(world.school.id));
    let debit =
        |subject: &str| json!({"id": subject, "subject": subject, "service": "claude_messages"});
    let debits = world.school.path("/debits");
    let spent = proxy.post(&debits, debit("auth0|17")).await;
    let nobody = proxy.post(&debits, debit("auth0|18")).await;
    assert_eq!(refused(&nobody), as_refused(404, "member-not-found"));
    let token = token(Role::Teacher, Some(world.school.id), "t@x.example");
    let teacher = world.server.bearer(&token);
    let balance = format!("{path}/balance?min_seq={}", spent.seq());
    let balance = teacher.get(&balance).await.ok();
    assert_eq!(balance["services"][1]["used"], 1, "{balance}");

    // The same id in another school is another person's.
    let other = HttpSchool::register(&world.server, 10, 0, 0).await;
    let body = json!({"role": "teacher", "external_ids": ["t@x.example"]});
    let _ = world
        .platform
        .post(&other.path("/members"), body)
        .await
        .ok();
    world.server.stop().await;
}

#[tokio::test]
async fn a_member_gets_another_role_and_goes_and_gives_back_what_he_has() {
    let world = World::start().await;
    let member = world.school.members[0];
    let path = world.school.path(&format!("/members/{member}"));
    let principal = json!({"role": "principal"});
    let role = world.principal.patch(&path, principal.clone()).await;
    assert!(role.body["event_id"].is_string(), "{}", role.body);
    let read = format!("{path}?min_seq={}", role.seq());
    let read = world.platform.get(&read).await.ok();
    assert_eq!(read["role"], "principal");
    let same = world.principal.patch(&path, principal.clone()).await.ok();
    assert_eq!(same["event_id"], Value::Null);

    let gone = delete(&world.principal, &path).await;
    assert_eq!(
        gone.body["returned"],
        json!([{"service": "claude_messages", "before": 100, "allocated": 0}])
    );
    let again = delete(&world.principal, &path).await.ok();
    assert_eq!(again["event_id"], Value::Null);
    let min_seq = format!("min_seq={}", gone.seq());
    for rest in ["", "/balance"] {
        let read = world.platform.get(&format!("{path}{rest}?{min_seq}")).await;
        let expected = as_refused(404, "member-not-found");
        assert_eq!(refused(&read), expected, "{rest}");
    }
    let back = world.principal.patch(&path, principal).await;
    assert_eq!(refused(&back), as_refused(404, "member-not-found"));

    // He is on the list of all, and on the list of those who are there he is not.
    for (query, listed) in [("", 1), ("with_removed=true&", 2)] {
        let path = world.school.path(&format!("/members?{query}{min_seq}"));
        let members = world.platform.get(&path).await.ok();
        let members = members["members"].as_array().unwrap();
        assert_eq!(members.len(), listed, "{query}");
        let his_id = json!(member);
        if let Some(him) = members.iter().find(|m| m["member_id"] == his_id) {
            assert_eq!((listed, &him["status"]), (2, &json!("removed")));
            assert!(him["removed_at"].is_string());
        }
    }
    books::check(&world.postgres, world.school.id).await;
    world.server.stop().await;
}

#[tokio::test]
async fn a_suspended_member_spends_nothing_until_he_is_reactivated() {
    let world = World::start().await;
    let member = world.school.members[0];
    let proxy = world.server.as_role(Role::Proxy, Some(world.school.id));
    let debits = world.school.path("/debits");
    let debit = || proxy.post(&debits, world.school.debit("1", member, 1));
    let change = async |what: &str, why: &Value| {
        let path = world.school.path(&format!("/members/{member}/{what}"));
        world.principal.post(&path, why.clone()).await
    };
    let why = json!({"reason": "on leave"});

    let suspended = change("suspend", &why).await;
    assert_eq!(
        (&suspended.body["status"], &suspended.body["changed"]),
        (&json!("suspended"), &json!(true))
    );
    let again = change("suspend", &why).await.ok();
    assert_eq!(
        (&again["changed"], &again["event_id"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(refused(&debit().await), as_refused(403, "member-suspended"));
    let balance = world.balance(member, suspended.seq()).await;
    assert_eq!(balance["allocated"], 100, "he keeps what he holds");

    let active = change("reactivate", &why).await;
    assert_eq!(
        (&active.body["status"], &active.body["changed"]),
        (&json!("active"), &json!(true))
    );
    let _ = debit().await.ok();
    let path = format!("/history?kind=member_suspended&min_seq={}", active.seq());
    let history = world.principal.get(&world.school.path(&path)).await.ok();
    let entries = history["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "what changed nothing is no entry");
    assert_eq!(entries[0]["reason"], "on leave");

    let silent = change("suspend", &json!({})).await;
    assert_eq!(refused(&silent), as_refused(400, "invalid-request"));
    let nobody = format!("/members/{}/suspend", Uuid::now_v7());
    let nobody = world.principal.post(&world.school.path(&nobody), why).await;
    assert_eq!(refused(&nobody), as_refused(404, "member-not-found"));
    world.server.stop().await;
}
