//! API keys from creation to revocation.

use std::sync::Arc;

use ledger_core::{ActorId, Role};
use ledger_store::DatabaseRole;
use ledger_test_postgres::Postgres;
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use crate::LABEL_CHARS_MAX;
use crate::api_key_store::ACTIVE_KEYS_MAX;
use crate::fixtures::{OTHER_SCHOOL, SCHOOL, at};
use crate::{ApiKey, ApiKeyError, ApiKeyStore, AuthError, Tenancy};

const CREATOR: ActorId = ActorId(Uuid::from_u128(0x77));

fn generate(tenancy: Tenancy) -> (ApiKey, String) {
    let key = ApiKey::generate(tenancy, &mut rand::rng());
    let text = key.reveal().expose_secret().to_owned();
    (key, text)
}

#[tokio::test]
async fn a_key_is_valid_from_creation_to_revocation() {
    let postgres = Postgres::start().await;
    let [here, elsewhere] =
        [(); 2].map(|()| ApiKeyStore::new(postgres.pool(DatabaseRole::Authenticator)));
    let school = Tenancy::School(SCHOOL);
    let (key, text) = generate(school);

    // Invalid before its creation and, cached as invalid, for two seconds after the first use.
    let early = here.verify(&text, at(100)).await;
    assert!(matches!(early, Err(AuthError::ApiKey)));
    let created = here
        .create(&key, " the proxy ", CREATOR, at(100))
        .await
        .unwrap();
    assert_eq!(created.label, "the proxy");
    assert!(here.verify(&text, at(101)).await.is_err());
    let caller = here.verify(&text, at(102)).await.unwrap();
    assert_eq!(caller.actor.role, Role::Proxy);
    assert_eq!(caller.tenancy, school);
    assert!(elsewhere.verify(&text, at(102)).await.is_ok());

    // A key with another secret, school or id is invalid.
    let (other, other_text) = generate(school);
    let end = text.len() - 43;
    let hybrid = format!("{}{}", &text[..end], &other_text[end..]);
    let transplanted = text.replacen("0000000a", "0000000b", 1);
    let for_all = text.replacen("0000000a", "00000000", 1);
    for forged in [&hybrid, &transplanted, &for_all, &other_text] {
        let refused = here.verify(forged, at(102)).await;
        assert!(matches!(refused, Err(AuthError::ApiKey)), "{forged}");
    }

    // Each school lists and revokes its own keys.
    let (of_all, of_all_text) = generate(Tenancy::AllSchools);
    here.create(&of_all, "everywhere", CREATOR, at(101))
        .await
        .unwrap();
    here.create(&other, "newer", CREATOR, at(103))
        .await
        .unwrap();
    let list = here.list(school).await.unwrap();
    let labels: Vec<_> = list.iter().map(|key| key.label.as_str()).collect();
    assert_eq!(labels, ["newer", "the proxy"]);
    assert_eq!(list[1], created);
    assert_eq!(here.list(Tenancy::School(OTHER_SCHOOL)).await.unwrap(), []);
    assert_eq!(here.list(Tenancy::AllSchools).await.unwrap().len(), 1);
    for tenancy in [Tenancy::School(OTHER_SCHOOL), Tenancy::AllSchools] {
        let missed = here.revoke(tenancy, key.id(), at(104)).await;
        assert!(matches!(missed, Err(ApiKeyError::NotFound)));
    }

    // Invalid at once here and within ten seconds elsewhere, permanently.
    let revoked = here.revoke(school, key.id(), at(104)).await.unwrap();
    assert_eq!(revoked.revoked_at, Some(at(104)));
    let again = here.revoke(school, key.id(), at(200)).await.unwrap();
    assert_eq!(again.revoked_at, Some(at(104)));
    assert!(here.verify(&text, at(104)).await.is_err());
    assert!(elsewhere.verify(&text, at(111)).await.is_ok());
    assert!(elsewhere.verify(&text, at(112)).await.is_err());
    let caller = here.verify(&of_all_text, at(112)).await.unwrap();
    assert_eq!(caller.tenancy, Tenancy::AllSchools);
    let list = here.list(school).await.unwrap();
    assert_eq!(
        list[1].revoked_at,
        Some(at(104)),
        "a revoked key stays in the list, at its end"
    );
}

#[tokio::test]
async fn labels_and_the_number_of_keys_have_limits() {
    let postgres = Postgres::start().await;
    let store = ApiKeyStore::new(postgres.pool(DatabaseRole::Authenticator));
    let school = Tenancy::School(SCHOOL);
    let long = "x".repeat(LABEL_CHARS_MAX + 1);
    for label in ["", "  ", "two\nlines", &long] {
        let refused = store
            .create(&generate(school).0, label, CREATOR, at(100))
            .await;
        assert!(matches!(refused, Err(ApiKeyError::Label)), "{label:?}");
    }
    let mut last = generate(school).0.id();
    for number in 0..ACTIVE_KEYS_MAX {
        let key = generate(school).0;
        let label = number.to_string();
        last = store
            .create(&key, &label, CREATOR, at(100))
            .await
            .unwrap()
            .id;
    }
    let one_more = store
        .create(&generate(school).0, "more", CREATOR, at(100))
        .await;
    assert!(matches!(one_more, Err(ApiKeyError::TooMany)));
    store.revoke(school, last, at(101)).await.unwrap();
    let one_more = store
        .create(&generate(school).0, "more", CREATOR, at(101))
        .await;
    assert!(one_more.is_ok());
}

#[tokio::test]
async fn a_busy_key_costs_a_query_per_ten_seconds_and_works_in_an_outage_as_long() {
    let postgres = Postgres::start().await;
    let pool = postgres.pool(DatabaseRole::Authenticator);
    let store = ApiKeyStore::new(pool.clone());
    let (key, text) = generate(Tenancy::AllSchools);
    store.create(&key, "hot", CREATOR, at(100)).await.unwrap();

    // Concurrent callers of a key that is not cached share one look-up.
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let (store, text) = (store.clone(), text.clone());
            tokio::spawn(async move { store.verify(&text, at(100)).await })
        })
        .collect();
    let first = store.verify(&text, at(100)).await.unwrap();
    for caller in callers {
        assert!(Arc::ptr_eq(&caller.await.unwrap().unwrap(), &first));
    }

    pool.close().await;
    let during = store.verify(&text, at(109)).await.unwrap();
    assert!(Arc::ptr_eq(&during, &first));
    let after = store.verify(&text, at(110)).await;
    assert!(matches!(after, Err(AuthError::Database(_))));
    let moments_later = store.verify(&text, at(110)).await;
    assert!(matches!(moments_later, Err(AuthError::DatabaseUnavailable)));
    let tried_again = store.verify(&text, at(111)).await;
    assert!(matches!(tried_again, Err(AuthError::Database(_))));
    let not_a_key = store.verify("lk_nonsense", at(110)).await;
    assert!(matches!(not_a_key, Err(AuthError::ApiKey)));
}
