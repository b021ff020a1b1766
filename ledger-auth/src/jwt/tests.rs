//! Invalid tokens, each for one reason, and valid ones.

use ledger_core::{ActorId, Role};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::fixtures::{
    OTHER_SCHOOL, RS256_PUBLIC_PEM, SCHOOL, SECRET, SigningKey, at, claims, es256, es256_next,
    hs256, key_set, rs256, sign,
};
use crate::tenancy::Tenancy;

fn settings() -> JwtSettings {
    JwtSettings {
        hs256_secret: Some(SECRET.into()),
        ..JwtSettings::default()
    }
}

fn verifier() -> JwtVerifier {
    JwtVerifier::new(&settings()).unwrap()
}

/// A verifier with an ES256 key `ec` and an RS256 key `rsa` in a JWKS file, and its folder.
fn with_key_set(settings: JwtSettings) -> (JwtVerifier, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let set = key_set(&[(&es256(), "ec"), (&rs256(), "rsa")]);
    std::fs::write(&path, set.to_string()).unwrap();
    let settings = JwtSettings {
        jwks_file: Some(path),
        ..settings
    };
    (JwtVerifier::new(&settings).unwrap(), folder)
}

async fn refused(verifier: &JwtVerifier, token: &str) -> AuthError {
    verifier.verify(token, at(1500)).await.unwrap_err()
}

/// The error for the default claims with one changed, or removed by `null`.
async fn refused_with(name: &str, value: Value) -> AuthError {
    let mut claims = claims();
    claims[name] = value;
    refused(&verifier(), &sign(&hs256(SECRET), None, &claims)).await
}

fn encode(part: &str) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

#[tokio::test]
async fn a_valid_token_gives_a_credential() {
    let token = sign(&hs256(SECRET), None, &claims());
    let caller = verifier().verify(&token, at(1500)).await.unwrap();
    assert_eq!(caller.actor.role, Role::Principal);
    assert_eq!(caller.actor.id, ActorId(Uuid::from_u128(0x77)));
    assert_eq!(caller.tenancy, Tenancy::School(SCHOOL));
}

#[tokio::test]
async fn each_kind_of_key_verifies_its_own_algorithm() {
    let (verifier, _folder) = with_key_set(settings());
    for (key, kid) in [
        (hs256(SECRET), None),
        (hs256(SECRET), Some("ignored for a shared secret")),
        (es256(), Some("ec")),
        (rs256(), Some("rsa")),
        (es256(), None),
        (rs256(), None),
    ] {
        let token = sign(&key, kid, &claims());
        let caller = verifier.verify(&token, at(1500)).await;
        assert!(caller.is_ok(), "{:?} {kid:?}: {caller:?}", key.1);
    }
}

#[tokio::test]
async fn a_token_without_a_signature_is_rejected() {
    let (verifier, _folder) = with_key_set(settings());
    let claims = encode(&claims().to_string());
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let header = encode(&json!({ "alg": name, "typ": "JWT" }).to_string());
        for token in [
            format!("{header}.{claims}."),
            format!("{header}.{claims}.AAAA"),
        ] {
            let error = refused(&verifier, &token).await;
            assert!(matches!(error, AuthError::Algorithm), "{name}: {error:?}");
        }
    }
    for name in ["HS256", "ES256", "RS256"] {
        let header = encode(&json!({ "alg": name }).to_string());
        let error = refused(&verifier, &format!("{header}.{claims}.")).await;
        let fits = matches!(error, AuthError::Signature);
        assert!(fits, "an empty signature of {name}: {error:?}");
    }
}

#[tokio::test]
async fn a_public_key_is_not_accepted_as_a_secret() {
    // HS256 with the public RSA key as the secret, as PEM and DER.
    let body: String = RS256_PUBLIC_PEM
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let der = base64::engine::general_purpose::STANDARD
        .decode(body)
        .unwrap();
    let secrets: [&[u8]; 3] = [
        RS256_PUBLIC_PEM.as_bytes(),
        RS256_PUBLIC_PEM.trim_end().as_bytes(),
        &der,
    ];
    let (both, _one) = with_key_set(settings());
    let (public_only, _other) = with_key_set(JwtSettings::default());
    for secret in secrets {
        let key: SigningKey = (
            jsonwebtoken::EncodingKey::from_secret(secret),
            Algorithm::HS256,
        );
        for kid in [Some("rsa"), Some("ec"), None] {
            let token = sign(&key, kid, &claims());
            let error = refused(&both, &token).await;
            assert!(matches!(error, AuthError::Signature), "{error:?}");
            let error = refused(&public_only, &token).await;
            assert!(matches!(error, AuthError::Algorithm), "{error:?}");
        }
    }
}

#[tokio::test]
async fn the_algorithm_of_the_key_counts_not_that_of_the_header() {
    let (verifier, _folder) = with_key_set(settings());
    for (key, kid) in [(rs256(), "ec"), (es256(), "rsa")] {
        let error = refused(&verifier, &sign(&key, Some(kid), &claims())).await;
        assert!(matches!(error, AuthError::Algorithm), "{kid}: {error:?}");
    }
    // Other algorithms of the same families, with the right keys.
    let hs512 = (hs256(SECRET).0, Algorithm::HS512);
    let ps256 = (rs256().0, Algorithm::PS256);
    let rs512 = (rs256().0, Algorithm::RS512);
    for (key, kid) in [(hs512, None), (ps256, Some("rsa")), (rs512, Some("rsa"))] {
        let error = refused(&verifier, &sign(&key, kid, &claims())).await;
        assert!(
            matches!(error, AuthError::Algorithm),
            "{:?}: {error:?}",
            key.1
        );
    }
    // The algorithm of a public key without a set.
    let token = sign(&es256(), Some("ec"), &claims());
    let error = refused(&super::tests::verifier(), &token).await;
    assert!(matches!(error, AuthError::Algorithm));
}

#[tokio::test]
async fn a_key_in_the_token_is_ignored() {
    let (verifier, _folder) = with_key_set(settings());
    let attacker = es256_next();
    let mut header = jsonwebtoken::Header::new(Algorithm::ES256);
    header.kid = Some("ec".to_owned());
    header.jwk = Some(jsonwebtoken::jwk::Jwk::from_encoding_key(&attacker.0, attacker.1).unwrap());
    header.jku = Some("http://127.0.0.1:1/jwks.json".to_owned());
    let token = jsonwebtoken::encode(&header, &claims(), &attacker.0).unwrap();
    let error = refused(&verifier, &token).await;
    assert!(matches!(error, AuthError::Signature), "{error:?}");
}

#[tokio::test]
async fn a_forged_signature_is_rejected() {
    let (verifier, _folder) = with_key_set(settings());
    for (key, kid) in [
        (
            hs256("another secret, as long as the right one needs to be"),
            None,
        ),
        (es256_next(), Some("ec")),
    ] {
        let error = refused(&verifier, &sign(&key, kid, &claims())).await;
        assert!(matches!(error, AuthError::Signature), "{kid:?}: {error:?}");
    }
    let mut richer = claims();
    richer["app_metadata"]["role"] = json!("platform_admin");
    for (key, kid) in [
        (hs256(SECRET), None),
        (es256(), Some("ec")),
        (rs256(), Some("rsa")),
    ] {
        let token = sign(&key, kid, &claims());
        let parts: Vec<&str> = token.split('.').collect();
        let swapped = encode(&richer.to_string());
        let error = refused(&verifier, &format!("{}.{swapped}.{}", parts[0], parts[2])).await;
        assert!(
            matches!(error, AuthError::Signature),
            "{:?}: {error:?}",
            key.1
        );
    }
    let unknown = sign(&es256(), Some("unknown"), &claims());
    let error = refused(&verifier, &unknown).await;
    assert!(matches!(error, AuthError::UnknownKey), "{error:?}");
}

#[tokio::test]
async fn a_malformed_token_is_rejected() {
    let good = sign(&hs256(SECRET), None, &claims());
    let parts: Vec<&str> = good.split('.').collect();
    let [header, body, signature] = parts[..] else {
        panic!("three parts");
    };
    let crit = encode(r#"{"alg":"HS256","crit":["exp"],"exp":1}"#);
    let array = sign(&hs256(SECRET), None, &json!([1, 2]));
    for token in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        header.to_owned(),
        format!("{header}.{body}"),
        format!("{good}.{signature}"),
        format!("{header}=.{body}.{signature}"),
        format!("{header}.{body}.{signature}="),
        format!("{}.{body}.{signature}", encode("{}")),
        format!("{}.{body}.{signature}", encode("[]")),
        format!("{}.{body}.{signature}", encode(r#"{"alg":7}"#)),
        format!(
            "{}.{body}.{signature}",
            encode(r#"{"alg":"HS256","alg":"none"}"#)
        ),
        format!("{crit}.{body}.{signature}"),
        array,
        "x".repeat(TOKEN_BYTES_MAX + 1),
    ] {
        let error = refused(&verifier(), &token).await;
        assert!(matches!(error, AuthError::Malformed), "{token}: {error:?}");
    }
}

#[tokio::test]
async fn a_token_is_valid_from_nbf_to_exp_with_leeway() {
    let mut claims = claims();
    claims["nbf"] = json!(1200);
    let token = sign(&hs256(SECRET), None, &claims);
    for (now, wanted) in [
        (1169, "not valid yet"),
        (1170, ""),
        (2029, ""),
        (2030, "expired"),
        (i64::from(u32::MAX), "expired"),
    ] {
        let error = verifier().verify(&token, at(now)).await.err();
        let message = error.map_or_else(String::new, |error| error.to_string());
        assert_eq!(message.is_empty(), wanted.is_empty(), "{now}: {message}");
        assert!(message.contains(wanted), "{now}: {message}");
    }
}

#[tokio::test]
async fn a_token_without_an_end_is_rejected() {
    for (exp, wanted) in [
        (json!(null), "no exp"),
        (json!("2000"), "exp claim is invalid"),
        (json!(-1), "exp claim is invalid"),
        (json!(i64::MIN), "exp claim is invalid"),
        (json!(u64::MAX), "exp claim is invalid"),
        (json!(true), "exp claim is invalid"),
    ] {
        let error = refused_with("exp", exp.clone()).await.to_string();
        assert!(error.contains(wanted), "{exp}: {error}");
    }
    let error = refused_with("nbf", json!("1000")).await;
    assert!(matches!(error, AuthError::InvalidClaim("nbf")));
}

#[tokio::test]
async fn an_unknown_role_is_rejected() {
    for (role, wanted) in [
        (json!("superuser"), "role is unknown"),
        (json!("Principal"), "role is unknown"),
        (json!(""), "role is unknown"),
        (json!("system"), "role is unknown"),
        (json!(null), "no role"),
        (json!(["principal"]), "role claim is invalid"),
        (json!({ "principal": true }), "role claim is invalid"),
    ] {
        let metadata = json!({ "role": role, "school_id": SCHOOL });
        let error = refused_with("app_metadata", metadata).await.to_string();
        assert!(error.contains(wanted), "{role}: {error}");
    }
    let error = refused_with("app_metadata", json!(null)).await;
    assert!(matches!(error, AuthError::MissingClaim("role")));
}

#[tokio::test]
async fn user_metadata_gives_no_role() {
    let mut claims = claims();
    claims["user_metadata"] = json!({ "role": "platform_admin", "school_id": OTHER_SCHOOL });
    let token = sign(&hs256(SECRET), None, &claims);
    let caller = verifier().verify(&token, at(1500)).await.unwrap();
    assert_eq!(caller.actor.role, Role::Principal);
    claims["app_metadata"] = json!({});
    let error = refused(&verifier(), &sign(&hs256(SECRET), None, &claims)).await;
    assert!(matches!(error, AuthError::MissingClaim("role")));
}

#[tokio::test]
async fn an_invalid_school_is_never_all_schools() {
    for school in [
        json!("*"),
        json!("all"),
        json!(""),
        json!(7),
        json!([SCHOOL]),
        json!({}),
        json!("00000000-0000-0000-0000-000000000000"),
    ] {
        for role in ["proxy", "teacher", "platform_admin"] {
            let metadata = json!({ "role": role, "school_id": school });
            let error = refused_with("app_metadata", metadata).await;
            assert!(
                matches!(error, AuthError::UnknownSchool),
                "{school}: {error:?}"
            );
        }
    }
    let error = refused_with("app_metadata", json!({ "role": "auditor" })).await;
    assert!(matches!(error, AuthError::SchoolRequired));
}

#[tokio::test]
async fn a_token_needs_a_subject() {
    for sub in [json!(null), json!(""), json!(7), json!("x".repeat(257))] {
        let error = refused_with("sub", sub.clone()).await;
        let names_sub = matches!(
            error,
            AuthError::MissingClaim("sub") | AuthError::InvalidClaim("sub")
        );
        assert!(names_sub, "{sub}: {error:?}");
    }
}

#[tokio::test]
async fn another_issuer_or_audience_is_rejected() {
    let settings = JwtSettings {
        issuer: Some("https://id.example/auth/v1".to_owned()),
        audience: Some("authenticated".to_owned()),
        ..settings()
    };
    let verifier = JwtVerifier::new(&settings).unwrap();
    let with = |iss: Value, aud: Value| {
        let mut claims = claims();
        claims["iss"] = iss;
        claims["aud"] = aud;
        sign(&hs256(SECRET), None, &claims)
    };
    let (iss, aud) = (json!("https://id.example/auth/v1"), json!("authenticated"));
    for aud in [aud.clone(), json!(["another", "authenticated"])] {
        let token = with(iss.clone(), aud);
        assert!(verifier.verify(&token, at(1500)).await.is_ok());
    }
    for (token, wanted) in [
        (
            with(json!("https://id.example/auth/v1/"), aud.clone()),
            "issuer",
        ),
        (with(json!(null), aud.clone()), "no iss"),
        (with(json!(7), aud.clone()), "no iss"),
        (with(iss.clone(), json!("another")), "audience"),
        (with(iss.clone(), json!([])), "audience"),
        (with(iss.clone(), json!(null)), "no aud"),
    ] {
        let error = refused(&verifier, &token).await.to_string();
        assert!(error.contains(wanted), "{wanted}: {error}");
    }
    // Without a configured one any is accepted: tokens of Supabase always have one.
    let token = with(json!("any issuer"), json!("any audience"));
    assert!(
        super::tests::verifier()
            .verify(&token, at(1500))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_cached_token_expires_at_its_exp() {
    let verifier = verifier();
    let token = sign(&hs256(SECRET), None, &claims());
    let first = verifier.verify(&token, at(2000)).await.unwrap();
    let again = verifier.verify(&token, at(2029)).await.unwrap();
    assert!(Arc::ptr_eq(&first, &again), "cached");
    let late = verifier.verify(&token, at(2030)).await;
    assert!(matches!(late, Err(AuthError::Expired)));
}

#[tokio::test]
async fn a_cached_token_is_verified_again_after_a_minute() {
    let verifier = verifier();
    let token = sign(&hs256(SECRET), None, &claims());
    let first = verifier.verify(&token, at(1100)).await.unwrap();
    let within = verifier.verify(&token, at(1159)).await.unwrap();
    assert!(Arc::ptr_eq(&first, &within));
    let after = verifier.verify(&token, at(1160)).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &after));
}

#[tokio::test]
async fn a_changed_token_is_not_in_the_cache() {
    let verifier = verifier();
    let token = sign(&hs256(SECRET), None, &claims());
    verifier.verify(&token, at(1500)).await.unwrap();
    let mut forged = token.clone().into_bytes();
    let last = forged.len() - 10;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    assert!(matches!(
        refused(&verifier, &forged).await,
        AuthError::Signature
    ));
}

#[tokio::test]
async fn a_cache_hit_does_not_wait() {
    let verifier = verifier();
    let token = sign(&hs256(SECRET), None, &claims());
    verifier.verify(&token, at(1500)).await.unwrap();
    let mut hit = std::pin::pin!(verifier.verify(&token, at(1500)));
    let polled = std::future::poll_fn(|context| {
        std::task::Poll::Ready(hit.as_mut().poll(context).is_ready())
    });
    assert!(polled.await);
}

#[test]
fn settings_that_would_weaken_the_verification_are_refused() {
    type Change = fn(&mut JwtSettings);
    let changes: [Change; 10] = [
        |settings| settings.hs256_secret = None,
        |settings| settings.hs256_secret = Some("short".into()),
        |settings| settings.role_claim = "user_metadata.role".to_owned(),
        |settings| settings.school_claim = "user_metadata.school_id".to_owned(),
        |settings| settings.role_claim = String::new(),
        |settings| settings.leeway_seconds = 301,
        |settings| settings.cache_seconds = 61,
        |settings| settings.jwks_refresh_seconds = 0,
        |settings| settings.jwks_max_age_seconds = 86_401,
        |settings| settings.jwks_url = Some("http://id.example/".to_owned()),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut settings = settings();
        change(&mut settings);
        assert!(JwtVerifier::new(&settings).is_err(), "change {index}");
    }
}
