//! Amounts: units of a service, quotas and money. Whole numbers with checked arithmetic.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A whole, non-negative number of units of a service: `0 ..= 2⁶³ − 1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Units(i64);

/// The number is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("units are whole numbers from 0 to 9223372036854775807")]
pub struct NotUnits;

impl Units {
    /// No units.
    pub const ZERO: Self = Self(0);
    /// One unit.
    pub const ONE: Self = Self(1);
    /// The largest amount that a 64-bit column holds.
    pub const MAX: Self = Self(i64::MAX);

    /// # Errors
    /// [`NotUnits`] if `value` is negative.
    pub const fn new(value: i64) -> Result<Self, NotUnits> {
        if value < 0 {
            Err(NotUnits)
        } else {
            Ok(Self(value))
        }
    }

    /// The amount as a number, never negative.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Whether the amount is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum; `None` if it exceeds 64 bits.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The product; `None` if it exceeds 64 bits.
    #[must_use]
    pub fn checked_mul(self, other: Self) -> Option<Self> {
        self.0.checked_mul(other.0).map(Self)
    }

    /// The difference; `None` if it is negative.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        if self.0 < other.0 {
            None
        } else {
            Some(Self(self.0 - other.0))
        }
    }

    /// The sum, at most [`Units::MAX`].
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, at least zero.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        self.checked_sub(other).unwrap_or(Self::ZERO)
    }
}

impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(i64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl std::fmt::Display for Units {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A limit of units, or no limit. In JSON an integer or `"unlimited"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quota {
    /// A limit. Zero permits nothing.
    Finite(Units),
    /// No limit.
    Unlimited,
}

impl Quota {
    /// A limit of zero.
    pub const ZERO: Self = Self::Finite(Units::ZERO);

    /// A sum of units as a quota: unlimited if it is beyond 64 bits.
    #[must_use]
    pub fn from_sum(sum: i128) -> Self {
        let units = i64::try_from(sum).ok().map(Units::new);
        units
            .and_then(Result::ok)
            .map_or(Self::Unlimited, Self::Finite)
    }

    /// The quota less `taken`, at least zero.
    #[must_use]
    pub fn minus(self, taken: Units) -> Self {
        match self {
            Self::Finite(units) => Self::Finite(units.saturating_sub(taken)),
            Self::Unlimited => Self::Unlimited,
        }
    }

    /// Whether `asked` is within the quota.
    #[must_use]
    pub fn covers(self, asked: Units) -> bool {
        match self {
            Self::Finite(units) => asked <= units,
            Self::Unlimited => true,
        }
    }

    /// Whether this quota is at most `other`.
    #[must_use]
    pub fn fits_in(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::Unlimited) => true,
            (Self::Unlimited, Self::Finite(_)) => false,
            (Self::Finite(mine), Self::Finite(theirs)) => mine <= theirs,
        }
    }

    /// The larger of the two.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        if self.fits_in(other) { other } else { self }
    }

    /// The smaller of the two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        if self.fits_in(other) { self } else { other }
    }

    /// The limit; `None` if there is none.
    #[must_use]
    pub const fn finite(self) -> Option<Units> {
        match self {
            Self::Finite(units) => Some(units),
            Self::Unlimited => None,
        }
    }
}

impl Default for Quota {
    fn default() -> Self {
        Self::ZERO
    }
}

impl From<Units> for Quota {
    fn from(units: Units) -> Self {
        Self::Finite(units)
    }
}

impl std::fmt::Display for Quota {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Finite(units) => units.fmt(f),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

impl Serialize for Quota {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Finite(units) => units.serialize(serializer),
            Self::Unlimited => serializer.serialize_str("unlimited"),
        }
    }
}

impl<'de> Deserialize<'de> for Quota {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(Units),
            Word(String),
        }
        match Form::deserialize(deserializer) {
            Ok(Form::Number(units)) => Ok(Self::Finite(units)),
            Ok(Form::Word(word)) if word == "unlimited" => Ok(Self::Unlimited),
            Ok(Form::Word(_)) | Err(_) => Err(de::Error::custom(
                "expected a whole number from 0 to 9223372036854775807 or \"unlimited\"",
            )),
        }
    }
}

/// Money in whole millionths of a US dollar, never negative.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MicroUsd(pub Units);
