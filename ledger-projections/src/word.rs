//! From columns to the core's types.

use ledger_core::{Quota, ServiceId, Units};
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

use crate::error::ReadError;

/// The value that a word of the core stands for.
pub(crate) fn word<T: DeserializeOwned>(text: &str, column: &'static str) -> Result<T, ReadError> {
    let deserializer: StrDeserializer<'_, Error> = text.into_deserializer();
    T::deserialize(deserializer).map_err(|_| ReadError::Unreadable(column))
}

/// A service's name.
pub(crate) fn service(text: &str) -> Result<ServiceId, ReadError> {
    ServiceId::new(text).map_err(|_| ReadError::Unreadable("service"))
}

/// An amount that a column holds, never below zero.
pub(crate) fn units(value: i64, column: &'static str) -> Result<Units, ReadError> {
    Units::new(value).map_err(|_| ReadError::Unreadable(column))
}

/// An amount, or no limit where the column is null.
pub(crate) fn quota(value: Option<i64>, column: &'static str) -> Result<Quota, ReadError> {
    value.map_or(Ok(Quota::Unlimited), |value| {
        units(value, column).map(Quota::Finite)
    })
}

/// The column of a quota: null is unlimited.
pub(crate) fn quota_column(quota: Quota) -> Option<i64> {
    quota.finite().map(Units::get)
}

/// A sum as a column takes it, held at the ends of 64 bits.
pub(crate) fn narrow(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::school::Standing;

    #[test]
    fn a_word_of_the_core_is_read_and_another_is_not() {
        let standing: Standing = word("suspended", "standing").unwrap();
        assert_eq!(standing, Standing::Suspended);
        assert!(word::<Standing>("asleep", "standing").is_err());
    }
}
