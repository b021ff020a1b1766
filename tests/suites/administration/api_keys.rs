//! API keys: told once, good for a proxy, void when they are revoked.

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::server::HttpSchool;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{World, as_refused, delete, refused};

#[tokio::test]
async fn an_api_key_is_told_once_spends_for_its_school_and_is_revoked() {
    let world = World::start().await;
    let keys = world.school.path("/api-keys");
    let admin = world
        .server
        .as_role(Role::PrincipalAdmin, Some(world.school.id));
    let made = admin.post(&keys, json!({"label": "the proxy"})).await;
    assert_eq!(made.status, 201);
    let made = made.ok();
    let secret = made["api_key"].as_str().unwrap();
    let proxy = world.server.bearer(secret);
    let debits = world.school.path("/debits");
    let member = world.school.members[0];
    let debit = world.school.debit("1", member, 1);
    let _ = proxy.post(&debits, debit.clone()).await.ok();
    let other = format!("/v1/schools/{}/debits", Uuid::now_v7());
    let other = proxy.post(&other, debit.clone()).await;
    assert_eq!(refused(&other), as_refused(404, "school-not-found"));

    let listed = admin.get(&keys).await.ok();
    assert!(!listed.to_string().contains(secret), "{listed}");
    let [known] = listed["api_keys"].as_array().unwrap().as_slice() else {
        panic!("{listed}")
    };
    assert_eq!(known["label"], "the proxy");
    assert_eq!(known["key_id"], made["key_id"]);
    assert_eq!(known["school_id"], json!(world.school.id));
    assert!(known.get("api_key").is_none() && known["revoked_at"].is_null());

    let one = format!("{keys}/{}", made["key_id"].as_str().unwrap());
    let revoked = delete(&admin, &one).await.ok();
    assert!(revoked["revoked_at"].is_string());
    let again = delete(&admin, &one).await.ok();
    assert_eq!(again["revoked_at"], revoked["revoked_at"], "it stays so");
    let listed = admin.get(&keys).await.ok();
    assert_eq!(
        listed["api_keys"][0]["revoked_at"], revoked["revoked_at"],
        "what was revoked is still listed"
    );
    let late = proxy.post(&debits, debit).await;
    assert_eq!(refused(&late), as_refused(401, "unauthenticated"));
    let seq = books::check(&world.postgres, world.school.id).await;
    assert_eq!(world.balance(member, seq).await["used"], 1);
    world.server.stop().await;
}

#[tokio::test]
async fn an_api_key_of_the_platform_is_for_every_school_and_for_no_schools_list() {
    let world = World::start().await;
    let keys = "/v1/api-keys";
    let made = world.platform.post(keys, json!({"label": "all"})).await;
    let made = made.ok();
    assert_eq!(made["school_id"], Value::Null);
    let proxy = world.server.bearer(made["api_key"].as_str().unwrap());
    let other = HttpSchool::register(&world.server, 10, 1, 5).await;
    for school in [&world.school, &other] {
        let debit = school.debit("1", school.members[0], 1);
        let _ = proxy.post(&school.path("/debits"), debit).await.ok();
    }
    let of_school = world.platform.get(&world.school.path("/api-keys")).await;
    assert_eq!(of_school.ok()["api_keys"], json!([]));
    let id = made["key_id"].as_str().unwrap();
    let as_of_school = world.school.path(&format!("/api-keys/{id}"));
    let not_there = delete(&world.platform, &as_of_school).await;
    assert_eq!(refused(&not_there), as_refused(404, "api-key-not-found"));

    let _ = delete(&world.platform, &format!("{keys}/{id}")).await.ok();
    let late = other.debit("2", other.members[0], 1);
    let late = proxy.post(&other.path("/debits"), late).await;
    assert_eq!(refused(&late), as_refused(401, "unauthenticated"));
    let listed = world.platform.get(keys).await.ok();
    assert_eq!(listed["api_keys"][0]["key_id"], made["key_id"]);
    assert!(listed["api_keys"][0]["revoked_at"].is_string(), "{listed}");
    world.server.stop().await;
}

#[tokio::test]
async fn an_api_key_that_is_none_is_neither_made_nor_revoked() {
    let world = World::start().await;
    let keys = world.school.path("/api-keys");
    for wrong in [
        json!({}),
        json!({"label": " "}),
        json!({"label": "x", "api_key": "lk_mine"}),
    ] {
        let answer = world.platform.post(&keys, wrong.clone()).await;
        let expected = as_refused(400, "invalid-request");
        assert_eq!(refused(&answer), expected, "{wrong}");
    }
    for unknown in ["0123456789abcdef", "x"] {
        let path = format!("{keys}/{unknown}");
        let answer = delete(&world.platform, &path).await;
        let expected = as_refused(404, "api-key-not-found");
        assert_eq!(refused(&answer), expected, "{unknown}");
    }
    let nowhere = format!("/v1/schools/{}/api-keys", Uuid::now_v7());
    let nowhere = world.platform.post(&nowhere, json!({"label": "x"})).await;
    assert_eq!(refused(&nowhere), as_refused(404, "school-not-found"));
    let listed = world.platform.get(&keys).await.ok();
    assert_eq!(listed["api_keys"], json!([]));
    world.server.stop().await;
}
