//! Overage policies: how far usage may exceed an allocation.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::quantity::{Quota, Units};

/// Whether new usage may exceed an allocation, or the pool that members draw on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "snake_case")]
pub enum OveragePolicy {
    /// No overage.
    #[default]
    Hard,
    /// Limited overage, which is marked.
    Soft {
        /// The limit, in percent of the allocation.
        percent: Percent,
    },
}

impl OveragePolicy {
    /// The limit of used and held units of an account with this allocation, in whole units, rounded
    /// down.
    #[must_use]
    pub fn limit(self, allocated: Quota) -> Quota {
        match (self, allocated) {
            (Self::Hard, _) | (Self::Soft { .. }, Quota::Unlimited) => allocated,
            (Self::Soft { percent }, Quota::Finite(units)) => {
                Quota::Finite(units.saturating_add(percent.of(units)))
            }
        }
    }
}

/// A percentage, 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Percent(u8);

/// The number is no [`Percent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a percentage is a whole number from 1 to 100")]
pub struct NotAPercent;

impl Percent {
    /// # Errors
    /// [`NotAPercent`] if `percent` is not in 1 ..= 100.
    pub const fn new(percent: u8) -> Result<Self, NotAPercent> {
        if percent >= 1 && percent <= 100 {
            Ok(Self(percent))
        } else {
            Err(NotAPercent)
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The percentage of `units`, rounded down. Hundreds and the rest are computed separately, so
    /// that no product exceeds 64 bits.
    fn of(self, units: Units) -> Units {
        let percent = i64::from(self.0);
        let (hundreds, rest) = (units.get() / 100, units.get() % 100);
        Units::new(hundreds * percent + rest * percent / 100).unwrap_or(Units::ZERO)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u8::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_rounded_down_to_whole_units() {
        for (allocated, percent, limit) in [
            (50, 10, 55),
            (9, 10, 9),
            (19, 10, 20),
            (199, 33, 264),
            (7, 100, 14),
            (0, 100, 0),
            (i64::MAX, 100, i64::MAX),
        ] {
            let soft = OveragePolicy::Soft {
                percent: Percent::new(percent).unwrap(),
            };
            let quota = |n| Quota::Finite(Units::new(n).unwrap());
            assert_eq!(soft.limit(quota(allocated)), quota(limit));
            assert_eq!(
                OveragePolicy::Hard.limit(quota(allocated)),
                quota(allocated)
            );
        }
    }
}
