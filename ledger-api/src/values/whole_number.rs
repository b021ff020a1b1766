//! Whole numbers as JSON Schema defines them: `3`, `3.0` and `3e0` are equal. Some languages write
//! every number as a fraction.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Unexpected, Visitor};

/// Up to this number a float represents every whole number exactly.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0; // 2⁵³

/// Reads a whole number from `min` to `max` from JSON.
///
/// # Errors
/// The deserializer's error for anything else.
pub fn whole_number<'de, D: Deserializer<'de>>(
    deserializer: D,
    min: i64,
    max: i64,
) -> Result<i64, D::Error> {
    // With deserialize_i64 serde refuses fractions in tagged enums.
    deserializer.deserialize_any(WholeNumber { min, max })
}

/// Reads a whole number from `min` to `max` from a query string.
///
/// # Errors
/// The deserializer's error for anything else.
pub fn whole_number_in_text<'de, D: Deserializer<'de>>(
    deserializer: D,
    min: i64,
    max: i64,
) -> Result<i64, D::Error> {
    deserializer.deserialize_i64(WholeNumber { min, max })
}

/// The visitor of whole numbers from `min` to `max`.
#[derive(Clone, Copy, Debug)]
pub struct WholeNumber {
    /// The smallest number that is accepted.
    pub min: i64,
    /// The largest number that is accepted.
    pub max: i64,
}

impl Visitor<'_> for WholeNumber {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {} to {}", self.min, self.max)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i64, E> {
        if (self.min..=self.max).contains(&number) {
            Ok(number)
        } else {
            Err(E::invalid_value(Unexpected::Signed(number), &self))
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i64, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2⁵³")]
    fn visit_f64<E: Error>(self, number: f64) -> Result<i64, E> {
        if number.fract() == 0.0 && number.abs() <= EXACT_MAX {
            self.visit_i64(number as i64)
        } else {
            Err(E::invalid_value(Unexpected::Float(number), &self))
        }
    }
}
