//! Services: their names, and the units of a call.

use compact_str::CompactString;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::quantity::Units;

/// The length limit of a service name, in characters: enough for a vendor and a model family, small
/// in an index. Names of up to 24 characters, as all built-in ones, need no allocation.
pub const SERVICE_CHARS_MAX: usize = 40;

/// A service's canonical name, such as `claude_messages`: lower-case letters, digits, `_`, `-` and
/// `.`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ServiceId(CompactString);

/// The text is no [`ServiceId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a service has 1 to {SERVICE_CHARS_MAX} of the characters a-z, 0-9, '_', '-', '.'")]
pub struct NotAService;

impl ServiceId {
    /// # Errors
    /// [`NotAService`] if the text is empty, too long or has other characters.
    pub fn new(text: &str) -> Result<Self, NotAService> {
        let plain = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-' | '.');
        if (1..=SERVICE_CHARS_MAX).contains(&text.len()) && text.chars().all(plain) {
            Ok(Self(CompactString::new(text)))
        } else {
            Err(NotAService)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ServiceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ServiceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::new(&text).map_err(de::Error::custom)
    }
}

/// The facts that a meter uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// The model, if known.
    pub model: Option<&'a str>,
    /// Input and output tokens together.
    pub tokens: Units,
}

/// The rule that gives the units of a call, if the caller does not state them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "per", rename_all = "snake_case", deny_unknown_fields)]
pub enum Meter {
    /// One unit per call, times the weight of the first pattern that matches the model.
    Request {
        /// Patterns in order; the weight of other models is 1.
        #[serde(default)]
        weights: Vec<ModelWeight>,
    },
    /// Units per 1,000 tokens begun, input and output together; at least 1,000 count.
    ThousandTokens {
        /// Units for 1,000 tokens.
        units: Units,
    },
}

/// The weight of the models that match a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelWeight {
    /// A pattern, in which `*` matches any run of characters.
    pub model: String,
    /// Units of one call.
    pub units: Units,
}

impl Default for Meter {
    fn default() -> Self {
        Self::Request {
            weights: Vec::new(),
        }
    }
}

impl Meter {
    /// The units of a call; `None` if they exceed 64 bits.
    #[must_use]
    pub fn units(&self, call: Call<'_>) -> Option<Units> {
        match self {
            Self::Request { weights } => Some(
                call.model
                    .and_then(|model| weights.iter().find(|w| matches(&w.model, model)))
                    .map_or(Units::ONE, |weight| weight.units),
            ),
            Self::ThousandTokens { units } => {
                let begun = (call.tokens.get() / 1_000)
                    .saturating_add(i64::from(call.tokens.get() % 1_000 != 0))
                    .max(1);
                units.checked_mul(Units::new(begun).ok()?)
            }
        }
    }
}

/// Whether `text` matches `pattern`, in which each `*` matches any run of characters.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            match rest.find(middle) {
                Some(at) => rest = &rest[at + middle.len()..],
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(n: i64) -> Units {
        Units::new(n).unwrap()
    }

    #[test]
    fn a_star_matches_any_run_of_characters() {
        for (pattern, text, expected) in [
            ("claude-opus-*", "claude-opus-4", true),
            ("*opus*", "claude-opus-4", true),
            ("claude-*-4", "claude-sonnet-4", true),
            ("claude-*-4", "claude-4", false),
            ("a*a", "a", false),
            ("*", "", true),
            ("gpt", "gpt", true),
            ("gpt", "gpt-5", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_call_is_one_unit_times_the_weight_of_its_model() {
        let heavy = ModelWeight {
            model: "*opus*".to_owned(),
            units: units(5),
        };
        let meter = Meter::Request {
            weights: vec![heavy],
        };
        let call = |model| Call {
            model,
            tokens: Units::ZERO,
        };
        assert_eq!(meter.units(call(Some("claude-opus-4"))), Some(units(5)));
        assert_eq!(meter.units(call(Some("claude-haiku"))), Some(units(1)));
        assert_eq!(meter.units(call(None)), Some(units(1)));
    }

    #[test]
    fn every_thousand_tokens_begun_count() {
        let meter = Meter::ThousandTokens { units: units(2) };
        let call = |tokens| Call {
            model: None,
            tokens,
        };
        assert_eq!(meter.units(call(units(0))), Some(units(2)));
        assert_eq!(meter.units(call(units(1_000))), Some(units(2)));
        assert_eq!(meter.units(call(units(1_001))), Some(units(4)));
        assert_eq!(
            meter.units(call(Units::MAX)),
            Some(units(18_446_744_073_709_552))
        );
    }
}
