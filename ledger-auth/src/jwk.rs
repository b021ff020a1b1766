//! A key and its algorithm.

use jsonwebtoken::jwk::PublicKeyUse;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// A key that verifies tokens.
///
/// **Invariant:** the algorithm belongs to the key and is fixed when the key is loaded; a token's
/// header can only agree with it. This rejects `alg: none` and tokens signed by HMAC with a public
/// RSA key as the secret (RFC 8725 §2.1).
#[derive(Debug)]
pub(crate) struct VerificationKey {
    pub(crate) id: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
}

impl VerificationKey {
    /// The key of HS256 tokens.
    pub(crate) fn from_secret(secret: &[u8]) -> Self {
        Self {
            id: None,
            algorithm: Algorithm::HS256,
            decoding: DecodingKey::from_secret(secret),
        }
    }

    /// A key of a set, if it verifies ES256 or RS256 signatures. Keys of other types or for other
    /// uses are ignored (RFC 7517 §5), also symmetric ones (`oct`), since a set is public.
    pub(crate) fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        let usage = common.public_key_use.as_ref();
        if usage.is_some_and(|usage| *usage != PublicKeyUse::Signature) {
            return None;
        }
        let operations = common.key_operations.as_ref();
        if operations.is_some_and(|operations| !operations.contains(&KeyOperations::Verify)) {
            return None;
        }
        let algorithm = match (&jwk.algorithm, common.key_algorithm) {
            (AlgorithmParameters::EllipticCurve(key), None | Some(KeyAlgorithm::ES256))
                if key.curve == EllipticCurve::P256 =>
            {
                Algorithm::ES256
            }
            (AlgorithmParameters::RSA(_), None | Some(KeyAlgorithm::RS256)) => Algorithm::RS256,
            _ => return None,
        };
        Some(Self {
            id: common.key_id.clone(),
            algorithm,
            decoding: DecodingKey::from_jwk(jwk).ok()?,
        })
    }
}

/// The algorithm in a token's header, if a key can have it.
pub(crate) fn known_algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "HS256" => Some(Algorithm::HS256),
        "ES256" => Some(Algorithm::ES256),
        "RS256" => Some(Algorithm::RS256),
        _ => None,
    }
}

/// The usable keys of a JSON Web Key Set (RFC 7517 §5).
pub(crate) fn read_set(json: &[u8]) -> Result<Vec<VerificationKey>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = serde_json::from_slice(json)?;
    let keys = set.keys.into_iter();
    Ok(keys
        .filter_map(|key| serde_json::from_value::<Jwk>(key).ok())
        .filter_map(|key| VerificationKey::from_jwk(&key))
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{es256, public_jwk, rs256};

    fn algorithms(keys: Value) -> Vec<Algorithm> {
        let set = json!({ "keys": keys }).to_string();
        let keys = read_set(set.as_bytes()).unwrap();
        keys.iter().map(|key| key.algorithm).collect()
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key[name] = value;
        key
    }

    #[test]
    fn the_algorithm_of_a_key_follows_from_its_type() {
        let (ec, rsa) = (public_jwk(&es256(), "ec"), public_jwk(&rs256(), "rsa"));
        let both = vec![Algorithm::ES256, Algorithm::RS256];
        assert_eq!(algorithms(json!([ec, rsa])), both);
        let [ec, rsa] = [ec, rsa].map(|key| with(key, "alg", json!(null)));
        assert_eq!(algorithms(json!([ec, rsa])), both);
    }

    #[test]
    fn keys_for_other_uses_are_ignored() {
        let key = || public_jwk(&es256(), "ec");
        let rsa = public_jwk(&rs256(), "rsa");
        let other = json!([
            with(key(), "use", json!("enc")),
            with(key(), "key_ops", json!(["sign"])),
            with(key(), "alg", json!("ES384")),
            with(key(), "alg", json!("HS256")),
            with(key(), "crv", json!("P-384")),
            with(rsa.clone(), "alg", json!("RSA-OAEP")),
            with(rsa, "alg", json!("HS256")),
            { "kty": "oct", "k": "c2VjcmV0", "alg": "HS256" },
            { "kty": "OKP", "crv": "Ed25519", "x": "AAAA" },
            { "kty": "from the future" },
            { "no": "key" },
            17
        ]);
        assert_eq!(algorithms(other), []);
        assert_eq!(
            algorithms(json!([with(key(), "use", json!("sig"))])).len(),
            1
        );
    }

    #[test]
    fn an_invalid_set_is_an_error() {
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, "<html>"] {
            assert!(read_set(text.as_bytes()).is_err(), "{text}");
        }
    }
}
