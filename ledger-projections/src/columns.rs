//! Conversions between columns and the core's types.

use ledger_core::{Quota, ServiceId, Units};
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

use crate::error::ReadError;

/// A value of one of the core's vocabularies.
pub(crate) fn parse<T: DeserializeOwned>(text: &str, column: &'static str) -> Result<T, ReadError> {
    let deserializer: StrDeserializer<'_, Error> = text.into_deserializer();
    T::deserialize(deserializer).map_err(|_| ReadError::Unreadable(column))
}

/// A service's name.
pub(crate) fn service(text: &str) -> Result<ServiceId, ReadError> {
    ServiceId::new(text).map_err(|_| ReadError::Unreadable("service"))
}

/// An amount, which is never negative.
pub(crate) fn units(value: i64, column: &'static str) -> Result<Units, ReadError> {
    Units::new(value).map_err(|_| ReadError::Unreadable(column))
}

/// An amount, or unlimited where the column is NULL.
pub(crate) fn quota(value: Option<i64>, column: &'static str) -> Result<Quota, ReadError> {
    value.map_or(Ok(Quota::Unlimited), |value| {
        units(value, column).map(Quota::Finite)
    })
}

/// The column of a quota: NULL is unlimited.
pub(crate) fn quota_column(quota: Quota) -> Option<i64> {
    quota.finite().map(Units::get)
}

/// A sum as a column, clamped to 64 bits.
pub(crate) fn narrow(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::school::MemberStatus;

    #[test]
    fn a_word_of_the_vocabulary_is_parsed_and_another_is_refused() {
        let status: MemberStatus = parse("suspended", "status").unwrap();
        assert_eq!(status, MemberStatus::Suspended);
        assert!(parse::<MemberStatus>("asleep", "status").is_err());
    }
}
