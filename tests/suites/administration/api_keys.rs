//! API keys: shown once, accepted from a proxy, refused after revocation.

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::server::HttpSchool;
use serde_json::{Value, json};
use uuid::Uuid;

use super::start;
use crate::fixture::{assert_refused, assert_refused_for, delete, fields};

#[tokio::test]
async fn an_api_key_is_shown_once_debits_its_school_and_is_refused_after_revocation() {
    let fixture = start().await;
    let keys = fixture.path("/api-keys");
    let admin = fixture.caller(Role::PrincipalAdmin);
    let made = admin.post(&keys, json!({"label": "the proxy"})).await;
    assert_eq!(made.status, 201);
    let made = made.ok();
    let secret = made["api_key"].as_str().unwrap();
    let proxy = fixture.server.bearer(secret);
    let debits = fixture.path("/debits");
    let member = fixture.school.members[0];
    let debit = fixture.school.debit("1", member, 1);
    let _ = proxy.post(&debits, debit.clone()).await.ok();
    let other = format!("/v1/schools/{}/debits", Uuid::now_v7());
    let other = proxy.post(&other, debit.clone()).await;
    assert_refused(&other, 404, "school-not-found");

    let listed = admin.get(&keys).await.ok();
    assert!(!listed.to_string().contains(secret), "{listed}");
    let [key] = listed["api_keys"].as_array().unwrap().as_slice() else {
        panic!("{listed}")
    };
    let expected = json!(["the proxy", made["key_id"], fixture.school.id, null]);
    let names = ["label", "key_id", "school_id", "revoked_at"];
    assert_eq!(fields(key, names), expected);
    assert!(key.get("api_key").is_none());

    let one = format!("{keys}/{}", made["key_id"].as_str().unwrap());
    let revoked = delete(&admin, &one).await.ok();
    assert!(revoked["revoked_at"].is_string());
    let again = delete(&admin, &one).await.ok();
    assert_eq!(
        again["revoked_at"], revoked["revoked_at"],
        "a second revocation changes nothing"
    );
    let listed = admin.get(&keys).await.ok();
    assert_eq!(
        listed["api_keys"][0]["revoked_at"], revoked["revoked_at"],
        "a revoked key is still listed"
    );
    let late = proxy.post(&debits, debit).await;
    assert_refused(&late, 401, "unauthenticated");
    let seq = books::check(&fixture.postgres, fixture.school.id).await;
    assert_eq!(fixture.member_balance(member, seq).await["used"], 1);
    fixture.stop().await;
}

#[tokio::test]
async fn an_api_key_of_the_platform_debits_every_school_and_is_in_no_schools_list() {
    let fixture = start().await;
    let keys = "/v1/api-keys";
    let made = fixture.platform.post(keys, json!({"label": "all"})).await;
    let made = made.ok();
    assert_eq!(made["school_id"], Value::Null);
    let proxy = fixture.server.bearer(made["api_key"].as_str().unwrap());
    let other = HttpSchool::register(&fixture.server, 10, 1, 5).await;
    for school in [&fixture.school, &other] {
        let debit = school.debit("1", school.members[0], 1);
        let _ = proxy.post(&school.path("/debits"), debit).await.ok();
    }
    let of_school = fixture.platform.get(&fixture.path("/api-keys")).await;
    assert_eq!(of_school.ok()["api_keys"], json!([]));
    let id = made["key_id"].as_str().unwrap();
    let as_of_school = fixture.path(&format!("/api-keys/{id}"));
    let unknown = delete(&fixture.platform, &as_of_school).await;
    assert_refused(&unknown, 404, "api-key-not-found");

    let _ = delete(&fixture.platform, &format!("{keys}/{id}"))
        .await
        .ok();
    let late = other.debit("2", other.members[0], 1);
    let late = proxy.post(&other.path("/debits"), late).await;
    assert_refused(&late, 401, "unauthenticated");
    let listed = fixture.platform.get(keys).await.ok();
    assert_eq!(listed["api_keys"][0]["key_id"], made["key_id"]);
    assert!(listed["api_keys"][0]["revoked_at"].is_string(), "{listed}");
    fixture.stop().await;
}

#[tokio::test]
async fn an_invalid_api_key_is_not_created_and_an_unknown_one_not_revoked() {
    let fixture = start().await;
    let keys = fixture.path("/api-keys");
    for wrong in [
        json!({}),
        json!({"label": " "}),
        json!({"label": "x", "api_key": "lk_mine"}),
    ] {
        let answer = fixture.platform.post(&keys, wrong.clone()).await;
        assert_refused_for(&wrong, &answer, 400, "invalid-request");
    }
    for unknown in ["0123456789abcdef", "x"] {
        let path = format!("{keys}/{unknown}");
        let answer = delete(&fixture.platform, &path).await;
        assert_refused_for(&unknown, &answer, 404, "api-key-not-found");
    }
    let nowhere = format!("/v1/schools/{}/api-keys", Uuid::now_v7());
    let nowhere = fixture.platform.post(&nowhere, json!({"label": "x"})).await;
    assert_refused(&nowhere, 404, "school-not-found");
    let listed = fixture.platform.get(&keys).await.ok();
    assert_eq!(listed["api_keys"], json!([]));
    fixture.stop().await;
}
