//! API keys from their making to their end.

use std::sync::Arc;

use ledger_core::{ActorId, Role};
use ledger_store::DatabaseRole;
use ledger_test_postgres::Postgres;
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use crate::api_key_store::{ACTIVE_KEYS_MAX, LABEL_CHARS_MAX};
use crate::fixtures::{OTHER_SCHOOL, SCHOOL, at};
use crate::{ApiKey, ApiKeyError, ApiKeyStore, AuthError, Tenancy};

const MAKER: ActorId = ActorId(Uuid::from_u128(0x77));

fn generate(tenancy: Tenancy) -> (ApiKey, String) {
    let key = ApiKey::generate(tenancy, &mut rand::rng());
    let text = key.reveal().expose_secret().to_owned();
    (key, text)
}

#[tokio::test]
async fn a_key_works_from_its_making_to_its_revocation() {
    let postgres = Postgres::start().await;
    let [here, elsewhere] =
        [(); 2].map(|()| ApiKeyStore::new(postgres.pool(DatabaseRole::Authenticator)));
    let school = Tenancy::School(SCHOOL);
    let (key, text) = generate(school);

    // Not before it is made, not for two seconds after that was found out, and then it does.
    let early = here.verify(&text, at(100)).await;
    assert!(matches!(early, Err(AuthError::ApiKey)));
    let made = here
        .create(&key, " the proxy ", MAKER, at(100))
        .await
        .unwrap();
    assert_eq!(made.label, "the proxy");
    assert!(here.verify(&text, at(101)).await.is_err());
    let caller = here.verify(&text, at(102)).await.unwrap();
    assert_eq!(caller.role, Role::Proxy);
    assert_eq!(caller.tenancy, school);
    assert!(elsewhere.verify(&text, at(102)).await.is_ok());

    // Another secret, school or id is another key.
    let (other, other_text) = generate(school);
    let end = text.len() - 43;
    let hybrid = format!("{}{}", &text[..end], &other_text[end..]);
    let transplanted = text.replacen("0000000a", "0000000b", 1);
    let of_all = text.replacen("0000000a", "00000000", 1);
    for forged in [&hybrid, &transplanted, &of_all, &other_text] {
        let refused = here.verify(forged, at(102)).await;
        assert!(matches!(refused, Err(AuthError::ApiKey)), "{forged}");
    }

    // Each school sees and revokes its own.
    let (of_all, of_all_text) = generate(Tenancy::AllSchools);
    here.create(&of_all, "everywhere", MAKER, at(101))
        .await
        .unwrap();
    here.create(&other, "newer", MAKER, at(103)).await.unwrap();
    let list = here.list(school).await.unwrap();
    let labels: Vec<_> = list.iter().map(|key| key.label.as_str()).collect();
    assert_eq!(labels, ["newer", "the proxy"]);
    assert_eq!(list[1], made);
    assert_eq!(here.list(Tenancy::School(OTHER_SCHOOL)).await.unwrap(), []);
    assert_eq!(here.list(Tenancy::AllSchools).await.unwrap().len(), 1);
    for tenancy in [Tenancy::School(OTHER_SCHOOL), Tenancy::AllSchools] {
        let missed = here.revoke(tenancy, key.id(), at(104)).await;
        assert!(matches!(missed, Err(ApiKeyError::NotFound)));
    }

    // Void at once here, and within ten seconds elsewhere; once and for all.
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
        "and it stays in the list, at its end"
    );
}

#[tokio::test]
async fn labels_and_numbers_have_limits() {
    let postgres = Postgres::start().await;
    let store = ApiKeyStore::new(postgres.pool(DatabaseRole::Authenticator));
    let school = Tenancy::School(SCHOOL);
    let long = "x".repeat(LABEL_CHARS_MAX + 1);
    for label in ["", "  ", "two\nlines", &long] {
        let refused = store
            .create(&generate(school).0, label, MAKER, at(100))
            .await;
        assert!(matches!(refused, Err(ApiKeyError::Label)), "{label:?}");
    }
    let mut last = generate(school).0.id();
    for number in 0..ACTIVE_KEYS_MAX {
        let key = generate(school).0;
        let label = number.to_string();
        last = store.create(&key, &label, MAKER, at(100)).await.unwrap().id;
    }
    let one_more = store
        .create(&generate(school).0, "more", MAKER, at(100))
        .await;
    assert!(matches!(one_more, Err(ApiKeyError::TooMany)));
    store.revoke(school, last, at(101)).await.unwrap();
    let one_more = store
        .create(&generate(school).0, "more", MAKER, at(101))
        .await;
    assert!(one_more.is_ok());
}

#[tokio::test]
async fn a_hot_key_costs_a_query_in_ten_seconds_and_survives_an_outage_as_long() {
    let postgres = Postgres::start().await;
    let pool = postgres.pool(DatabaseRole::Authenticator);
    let store = ApiKeyStore::new(pool.clone());
    let (key, text) = generate(Tenancy::AllSchools);
    store.create(&key, "hot", MAKER, at(100)).await.unwrap();

    // All at once, before anything is remembered: one looks it up, all get what he found.
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
