//! Long-lived keys for proxies, as they are written down: `lk_<id>_<secret>`.
//!
//! The id is 48 hexadecimal digits: the school (nil for all schools) and the key's own id, so that
//! a key is found by its primary key, which begins with `school_id` like every other. The secret is
//! 32 random bytes in base64url, 43 characters.

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

/// What every API key begins with. No JWT does: those begin with the base64url of `{`.
const PREFIX: &str = "lk_";

const SCHOOL_DIGITS: usize = 32;
const KEY_DIGITS: usize = 16;
const SECRET_BYTES: usize = 32;

/// A key's id, unique in its school: 64 random bits. It is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ApiKeyId(u64);

/// The text is no id of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of an api key has {KEY_DIGITS} hexadecimal digits in lower case")]
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

/// One spelling for each number: the parsers of integers and UUIDs also take signs and capitals.
fn is_hexadecimal(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A whole key, secret included.
#[derive(Debug)]
pub struct ApiKey {
    tenancy: Tenancy,
    id: ApiKeyId,
    secret: SecretBox<[u8; SECRET_BYTES]>,
}

impl ApiKey {
    /// A new key for a proxy of `tenancy`.
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

    /// Whether `credential` claims to be an API key, as against a JWT.
    #[must_use]
    pub fn is_meant_by(credential: &str) -> bool {
        credential.starts_with(PREFIX)
    }

    /// The key that a caller sent. Whether there is such a key is another question.
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

    /// The key as its proxy sends it. Shown once, when it is made: we do not keep it.
    #[must_use]
    pub fn reveal(&self) -> SecretString {
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(self.secret.expose_secret()));
        let school = self.tenancy.column().simple();
        SecretString::from(format!("{PREFIX}{school}{}_{}", self.id, *secret))
    }

    /// Whose proxy it is for.
    #[must_use]
    pub const fn tenancy(&self) -> Tenancy {
        self.tenancy
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> ApiKeyId {
        self.id
    }

    /// What is stored of the secret: its SHA-256. A slow, salted hash protects secrets that people
    /// think up, by making each guess dear. This one is 256 random bits, which nobody guesses at
    /// any price, so that a slow hash would only make each call slower.
    pub(super) fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret.expose_secret()).into()
    }
}

/// Whether two hashes are the same, in a time that does not depend on where they differ.
pub(super) fn same_hash(stored: &[u8], presented: &[u8; 32]) -> bool {
    let Ok(stored) = <&[u8; 32]>::try_from(stored) else {
        return false;
    };
    let difference = stored.iter().zip(presented).fold(0, |all, (one, other)| {
        std::hint::black_box(all | (one ^ other))
    });
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::SCHOOL;

    fn generate(tenancy: Tenancy) -> ApiKey {
        ApiKey::generate(tenancy, &mut rand::rng())
    }

    #[test]
    fn a_key_reads_back_as_it_was_revealed() {
        for tenancy in [Tenancy::School(SCHOOL), Tenancy::AllSchools] {
            let key = generate(tenancy);
            let text = key.reveal();
            assert_eq!(text.expose_secret().len(), 3 + 48 + 1 + 43);
            assert!(ApiKey::is_meant_by(text.expose_secret()));
            let parsed = ApiKey::parse(text.expose_secret()).unwrap();
            assert_eq!(parsed.tenancy(), tenancy);
            assert_eq!(parsed.id(), key.id());
            assert!(same_hash(&parsed.secret_hash(), &key.secret_hash()));
        }
    }

    #[test]
    fn two_keys_are_never_the_same() {
        let [one, other] = [(); 2].map(|()| generate(Tenancy::AllSchools));
        assert_ne!(one.id(), other.id());
        assert!(!same_hash(&one.secret_hash(), &other.secret_hash()));
    }

    #[test]
    fn a_key_is_not_printed() {
        let key = generate(Tenancy::AllSchools);
        let text = key.reveal();
        let secret = text.expose_secret().rsplit_once('_').unwrap().1;
        assert!(!format!("{key:?} {text:?}").contains(secret));
        assert!(format!("{key:?}").contains("REDACTED"));
    }

    #[test]
    fn every_other_spelling_is_no_key() {
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
    fn an_id_has_one_spelling() {
        let id = ApiKeyId(0xab);
        assert_eq!(id.to_string(), "00000000000000ab");
        assert_eq!("00000000000000ab".parse(), Ok(id));
        for text in ["ab", "00000000000000AB", "+0000000000000ab", ""] {
            assert_eq!(text.parse::<ApiKeyId>(), Err(NotAnApiKeyId), "{text}");
        }
    }

    #[test]
    fn hashes_differ_wherever_they_differ() {
        let hash = [7; 32];
        assert!(same_hash(&hash, &hash));
        for index in 0..32 {
            let mut other = hash;
            other[index] ^= 1;
            assert!(!same_hash(&other, &hash));
        }
        assert!(!same_hash(&hash[..31], &hash));
        assert!(!same_hash(&[], &hash));
    }
}
