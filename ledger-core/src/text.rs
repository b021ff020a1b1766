//! Free texts, such as reasons. They are stored beside the log, which has a commitment.
//!
//! An event contains SHA-256(salt ‖ text). Text and salt prove what was written. The erasure of a
//! person deletes both and leaves the log unchanged (SPEC §6).

use std::fmt::Write as _;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// The length limit of a free text, in characters.
pub const TEXT_CHARS_MAX: usize = 2_000;

/// A free text with the salt of its commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeText {
    text: String,
    salt: [u8; 16],
}

/// The text is no [`FreeText`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a text has 1 to {TEXT_CHARS_MAX} characters, is not blank and has no NUL")]
pub struct NotAText;

impl FreeText {
    /// Trims surrounding white space. `salt` is 16 random bytes, drawn at the edge.
    ///
    /// # Errors
    /// [`NotAText`] if the text is blank, too long or has a NUL, which Postgres cannot store.
    pub fn new(text: &str, salt: [u8; 16]) -> Result<Self, NotAText> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX || text.contains('\0') {
            return Err(NotAText);
        }
        Ok(Self {
            text: text.to_owned(),
            salt,
        })
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The salt of the commitment.
    #[must_use]
    pub const fn salt(&self) -> &[u8; 16] {
        &self.salt
    }

    /// The commitment, which the event contains.
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        let mut hasher = Sha256::new();
        hasher.update(self.salt);
        hasher.update(self.text.as_bytes());
        Commitment(hasher.finalize().into())
    }
}

/// SHA-256 of a salt and a text; 64 hexadecimal digits in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commitment(pub [u8; 32]);

impl Commitment {
    fn from_hex(hex: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if hex.len() != 64 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl std::fmt::Display for Commitment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Commitment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut hex = String::with_capacity(64);
        write!(hex, "{self}")?;
        f.debug_tuple("Commitment").field(&hex).finish()
    }
}

impl Serialize for Commitment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Commitment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::from_hex(&hex).ok_or_else(|| de::Error::custom("expected 64 hexadecimal digits"))
    }
}
