//! Members: enrolment, lists, changes, suspension, removal and external ids.

use ledger_core::Role;

use ledger_tests::server::{HttpSchool, token};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::start;
use crate::fixture::{assert_refused, assert_refused_for, delete, fields, id, send};

#[tokio::test]
async fn a_member_is_enrolled_once_with_the_default_quota_and_reads_their_own_record() {
    let fixture = start().await;
    let settings = json!({"default_member_quota": {"claude_messages": 10}});
    let _ = fixture.change_settings(settings).await;
    let members = fixture.path("/members");
    let body = json!({"role": "teacher", "external_ids": ["hr-17"], "display_name": "Thandi",
        "email": "t@x.example"});
    let key = [("idempotency-key", "hr-17")];
    let enrol = || send(&fixture.principal, Method::POST, &members, &key, &body);
    let (first, again) = (enrol().await, enrol().await);
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
    assert_eq!(first.body["member_id"], again.body["member_id"]);
    assert_eq!(
        first.body["granted"],
        json!([{"service": "claude_messages", "before": 0, "allocated": 10}])
    );
    let member = id(&first.body["member_id"]);
    let path = fixture.path(&format!("/members/{member}"));
    assert_eq!(first.headers["location"], path);

    let teacher = fixture.teacher(member);
    let min_seq = format!("min_seq={}", first.seq());
    let own = teacher.get(&format!("{path}?{min_seq}")).await.ok();
    for (name, expected) in [
        ("member_id", json!(member)),
        ("display_name", json!("Thandi")),
        ("email", json!("t@x.example")),
        ("external_ids", json!(["hr-17"])),
        ("role", json!("teacher")),
        ("status", json!("active")),
    ] {
        assert_eq!(own[name], expected, "{name}");
    }
    let list = format!("{members}?{min_seq}");
    let listed = fixture.principal.get(&list).await.ok();
    let listed = listed["members"].as_array().unwrap();
    assert!(
        listed.contains(&own),
        "the list has the same record: {listed:?}"
    );
    fixture.stop().await;
}

#[tokio::test]
async fn an_invalid_member_and_an_existing_member_are_not_enrolled() {
    let fixture = start().await;
    let members = fixture.path("/members");
    let member = fixture.school.members[0];
    let exists = json!({"member_id": member, "role": "auditor"});
    let exists = fixture.principal.post(&members, exists).await;
    assert_refused(&exists, 409, "member-exists");
    for wrong in [
        json!({"role": "proxy"}),
        json!({"role": "platform_admin"}),
        json!({"role": "teacher", "member_id": Uuid::nil()}),
        json!({"role": "teacher", "email": "nobody"}),
        json!({"role": "teacher", "password": "x"}),
        json!({}),
    ] {
        let answer = fixture.principal.post(&members, wrong.clone()).await;
        assert_refused_for(&wrong, &answer, 400, "invalid-request");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn an_external_id_belongs_to_one_member_of_a_school() {
    let fixture = start().await;
    let members = fixture.path("/members");
    let body = json!({"role": "teacher", "external_ids": ["t@x.example", "auth0|17"]});
    let made = fixture.principal.post(&members, body).await.ok();
    let member = id(&made["member_id"]);
    let path = fixture.path(&format!("/members/{member}"));
    let terms = json!({"units": 5, "reason": "r"});
    let allocation = format!("{path}/allocations/claude_messages");
    let _ = fixture.principal.put(&allocation, terms).await.ok();

    let taken = json!({"role": "teacher", "external_ids": ["new", "t@x.example"]});
    let taken = fixture.principal.post(&members, taken).await;
    assert_refused(&taken, 409, "external-id-taken");
    // A refused enrolment reserves no id.
    let free = json!({"role": "teacher", "external_ids": ["new"]});
    let _ = fixture.principal.post(&members, free).await.ok();

    // A proxy debits the member by that id, and a token with that subject is the member's.
    let debit =
        |subject: &str| json!({"id": subject, "subject": subject, "service": "claude_messages"});
    let debits = fixture.path("/debits");
    let spent = fixture.proxy.post(&debits, debit("auth0|17")).await;
    let unknown = fixture.proxy.post(&debits, debit("auth0|18")).await;
    assert_refused(&unknown, 404, "member-not-found");
    let token = token(Role::Teacher, Some(fixture.school.id), "t@x.example");
    let teacher = fixture.server.bearer(&token);
    let balance = format!("{path}/balance?min_seq={}", spent.seq());
    let balance = teacher.get(&balance).await.ok();
    assert_eq!(balance["services"][1]["used"], 1, "{balance}");

    // Another school may have the same external id.
    let other = HttpSchool::register(&fixture.server, 10, 0, 0).await;
    let body = json!({"role": "teacher", "external_ids": ["t@x.example"]});
    let _ = fixture
        .platform
        .post(&other.path("/members"), body)
        .await
        .ok();
    fixture.stop().await;
}

#[tokio::test]
async fn a_removed_member_returns_all_units_and_cannot_be_changed() {
    let fixture = start().await;
    let member = fixture.school.members[0];
    let path = fixture.path(&format!("/members/{member}"));
    let principal = json!({"role": "principal"});
    let changed = fixture.principal.patch(&path, principal.clone()).await;
    assert!(changed.body["event_id"].is_string(), "{}", changed.body);
    let read = format!("{path}?min_seq={}", changed.seq());
    let read = fixture.platform.get(&read).await.ok();
    assert_eq!(read["role"], "principal");
    let same = fixture.principal.patch(&path, principal.clone()).await.ok();
    assert_eq!(same["event_id"], Value::Null);

    let removed = delete(&fixture.principal, &path).await;
    assert_eq!(
        removed.body["returned"],
        json!([{"service": "claude_messages", "before": 100, "allocated": 0}])
    );
    let again = delete(&fixture.principal, &path).await.ok();
    assert_eq!(again["event_id"], Value::Null);
    let min_seq = format!("min_seq={}", removed.seq());
    for rest in ["", "/balance"] {
        let read = fixture
            .platform
            .get(&format!("{path}{rest}?{min_seq}"))
            .await;
        assert_refused_for(&rest, &read, 404, "member-not-found");
    }
    let late = fixture.principal.patch(&path, principal).await;
    assert_refused(&late, 404, "member-not-found");

    // Only the list with removed members has them.
    for (query, listed) in [("", 1), ("with_removed=true&", 2)] {
        let path = fixture.path(&format!("/members?{query}{min_seq}"));
        let members = fixture.platform.get(&path).await.ok();
        let members = members["members"].as_array().unwrap();
        assert_eq!(members.len(), listed, "{query}");
        let removed = members.iter().find(|m| m["member_id"] == json!(member));
        assert_eq!(removed.is_some(), listed == 2, "{query}");
        if let Some(removed) = removed {
            assert_eq!(removed["status"], "removed");
            assert!(removed["removed_at"].is_string());
        }
    }
    fixture.check_and_stop().await;
}

#[tokio::test]
async fn debits_of_a_suspended_member_are_refused_until_reactivation() {
    let fixture = start().await;
    let member = fixture.school.members[0];
    let debit = || fixture.debit("1", member, 1);
    let change = async |action: &str, reason: &Value| {
        let path = fixture.path(&format!("/members/{member}/{action}"));
        fixture.principal.post(&path, reason.clone()).await
    };
    let why = json!({"reason": "on leave"});

    let suspended = change("suspend", &why).await;
    assert_eq!(
        fields(&suspended.body, ["status", "changed"]),
        json!(["suspended", true])
    );
    let again = change("suspend", &why).await.ok();
    assert_eq!(
        fields(&again, ["changed", "event_id"]),
        json!([false, null])
    );
    assert_refused(&debit().await, 403, "member-suspended");
    let balance = fixture.member_balance(member, suspended.seq()).await;
    assert_eq!(balance["allocated"], 100, "the allocation is kept");

    let active = change("reactivate", &why).await;
    assert_eq!(
        fields(&active.body, ["status", "changed"]),
        json!(["active", true])
    );
    let _ = debit().await.ok();
    let path = format!("/history?kind=member_suspended&min_seq={}", active.seq());
    let history = fixture.principal.get(&fixture.path(&path)).await.ok();
    let entries = history["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "a suspension without effect has no entry");
    assert_eq!(entries[0]["reason"], "on leave");

    let without_reason = change("suspend", &json!({})).await;
    assert_refused(&without_reason, 400, "invalid-request");
    let unknown = fixture.path(&format!("/members/{}/suspend", Uuid::now_v7()));
    let unknown = fixture.principal.post(&unknown, why).await;
    assert_refused(&unknown, 404, "member-not-found");
    fixture.stop().await;
}
