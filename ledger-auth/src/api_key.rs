//! Long-lived API keys of proxies, as text: `lk_<id>_<secret>`.
//!
//! The id is 48 hexadecimal digits: the school (nil for all schools) and the key's id, together the
//! primary key of its row. The secret is 32 random bytes in base64url, 43 characters.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::CryptoRng;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::tenancy::Tenancy;

/// Prefix of every API key. A JWT begins with the base64url of `{`.
const PREFIX: &str = "lk_";

const SCHOOL_DIGITS: usize = 32;
const KEY_DIGITS: usize = 16;
const SECRET_BYTES: usize = 32;

/// Id of a key, unique within its school: 64 random bits. Not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ApiKeyId(u64);

/// The text is not the id of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of an API key has {KEY_DIGITS} lower-case hexadecimal digits")]
pub struct NotAnApiKeyId;

impl FromStr for ApiKeyId {
    type Err = NotAnApiKeyId;

    fn from_str(text: &str) -> Result<Self, NotAnApiKeyId> {
        if text.len() != KEY_DIGITS || !is_hexadecimal(text) {
            return Err(NotAnApiKeyId);
        }
        u64::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| NotAnApiKeyId)
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Stricter than the parsers of integers and UUIDs, which accept signs and capitals.
fn is_hexadecimal(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A key with its secret.
#[derive(Debug)]
pub struct ApiKey {
    tenancy: Tenancy,
    id: ApiKeyId,
    secret: SecretBox<[u8; SECRET_BYTES]>,
}

impl ApiKey {
    /// Generates a key.
    #[must_use]
    pub fn generate(tenancy: Tenancy, rng: &mut impl CryptoRng) -> Self {
        let id = ApiKeyId(rng.next_u64());
        let secret = SecretBox::init_with_mut(|secret: &mut [u8; SECRET_BYTES]| {
            rng.fill_bytes(secret);
        });
        Self {
            tenancy,
            id,
            secret,
        }
    }

    /// Whether a credential has the prefix of an API key.
    #[must_use]
    pub fn has_prefix(credential: &str) -> bool {
        credential.starts_with(PREFIX)
    }

    /// Parses a key. It need not exist.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let (school, id) = id.split_at_checked(SCHOOL_DIGITS)?;
        let id: ApiKeyId = id.parse().ok()?;
        let school = Some(school).filter(|school| is_hexadecimal(school))?;
        let school = Uuid::try_parse(school).ok()?;
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.decode(secret).ok()?);
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        if secret.len() != SECRET_BYTES {
            return None;
        }
        bytes.copy_from_slice(&secret);
        Some(Self {
            tenancy: Tenancy::from_column(school),
            id,
            secret: SecretBox::new(Box::new(*bytes)),
        })
    }

    /// The key as text. Shown once, when it is created: the secret is not stored.
    #[must_use]
    pub fn reveal(&self) -> SecretString {
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(self.secret.expose_secret()));
        let school = self.tenancy.column().simple();
        SecretString::from(format!("{PREFIX}{school}{}_{}", self.id, *secret))
    }

    /// The schools that the key is valid for.
    #[must_use]
    pub const fn tenancy(&self) -> Tenancy {
        self.tenancy
    }

    /// The id.
    #[must_use]
    pub const fn id(&self) -> ApiKeyId {
        self.id
    }

    /// The stored SHA-256 of the secret. A slow, salted hash protects passwords, which can be
    /// guessed; 256 random bits cannot.
    pub(crate) fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret.expose_secret()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::SCHOOL;

    fn generate(tenancy: Tenancy) -> ApiKey {
        ApiKey::generate(tenancy, &mut rand::rng())
    }

    #[test]
    fn a_key_is_parsed_from_its_text() {
        for tenancy in [Tenancy::School(SCHOOL), Tenancy::AllSchools] {
            let key = generate(tenancy);
            let text = key.reveal();
            assert_eq!(text.expose_secret().len(), 3 + 48 + 1 + 43);
            assert!(ApiKey::has_prefix(text.expose_secret()));
            let parsed = ApiKey::parse(text.expose_secret()).unwrap();
            assert_eq!(parsed.tenancy(), tenancy);
            assert_eq!(parsed.id(), key.id());
            assert_eq!(parsed.secret_hash(), key.secret_hash());
        }
    }

    #[test]
    fn two_keys_differ() {
        let [one, other] = [(); 2].map(|()| generate(Tenancy::AllSchools));
        assert_ne!(one.id(), other.id());
        assert_ne!(one.secret_hash(), other.secret_hash());
    }

    #[test]
    fn a_secret_is_not_printed() {
        let key = generate(Tenancy::AllSchools);
        let text = key.reveal();
        let secret = text.expose_secret().rsplit_once('_').unwrap().1;
        assert!(!format!("{key:?} {text:?}").contains(secret));
        assert!(format!("{key:?}").contains("REDACTED"));
    }

    #[test]
    fn any_other_text_is_not_a_key() {
        let key = generate(Tenancy::School(SCHOOL)).reveal();
        let key = key.expose_secret();
        let cut = &key[..key.len() - 1];
        let capitals = key[3..51].to_uppercase();
        for text in [
            String::new(),
            "lk_".to_owned(),
            "lk__".to_owned(),
            cut.to_owned(),
            format!("{key}A"),
            format!("{key}="),
            format!(" {key}"),
            key.replacen("lk_", "LK_", 1),
            key.replacen("lk_", "", 1),
            format!("lk_{capitals}{}", &key[51..]),
            key.replacen("lk_0", "lk_g", 1),
            format!("lk_{}_{}", &key[3..50], &key[52..]),
            format!("lk_ü{}", &key[5..]),
        ] {
            assert!(ApiKey::parse(&text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_id_has_one_text() {
        let id = ApiKeyId(0xab);
        assert_eq!(id.to_string(), "00000000000000ab");
        assert_eq!("00000000000000ab".parse(), Ok(id));
        for text in ["ab", "00000000000000AB", "+0000000000000ab", ""] {
            assert_eq!(text.parse::<ApiKeyId>(), Err(NotAnApiKeyId), "{text}");
        }
    }
}
