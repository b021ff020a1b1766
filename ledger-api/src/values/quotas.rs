//! Quotas as callers write them: a number of units or `"unlimited"`, alone or by service; and
//! units by service.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use ledger_core::{Catalogue, Quota, ServiceId, Units};
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::scalar::{ServiceName, SomeUnits};
use super::whole_number::WholeNumber;
use crate::limits::SERVICES_MAX;
use crate::openapi::schema;
use crate::problem::Problem;

/// A number of units, or that there is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct QuotaValue(pub Quota);

impl<'de> Deserialize<'de> for QuotaValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(QuotaVisitor)
    }
}

struct QuotaVisitor;

const UNITS: WholeNumber = WholeNumber {
    min: 0,
    max: i64::MAX,
};

fn finite<E: Error>(units: i64) -> Result<QuotaValue, E> {
    let units = Units::new(units).map_err(E::custom)?;
    Ok(QuotaValue(Quota::Finite(units)))
}

impl Visitor<'_> for QuotaVisitor {
    type Value = QuotaValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from 0 to {} or \"unlimited\"", i64::MAX)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<QuotaValue, E> {
        finite(UNITS.visit_i64(number)?)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<QuotaValue, E> {
        finite(UNITS.visit_u64(number)?)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<QuotaValue, E> {
        finite(UNITS.visit_f64(number)?)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<QuotaValue, E> {
        if text == "unlimited" {
            Ok(QuotaValue(Quota::Unlimited))
        } else {
            Err(E::invalid_value(Unexpected::Str(text), &self))
        }
    }
}

impl PartialSchema for QuotaValue {
    fn schema() -> RefOr<Schema> {
        schema::Quota::schema()
    }
}

impl ToSchema for QuotaValue {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schema::Quota::schemas(schemas);
    }
}

/// What can stand beside a service's name.
pub trait OfService: Copy {
    /// As a command takes it.
    type Core;

    /// As a command takes it.
    fn core(self) -> Self::Core;
}

impl OfService for QuotaValue {
    type Core = Quota;

    fn core(self) -> Quota {
        self.0
    }
}

impl OfService for SomeUnits {
    type Core = Units;

    fn core(self) -> Units {
        self.0
    }
}

/// Quotas by service, each service once, by name or alias.
pub type QuotasByService = ByService<QuotaValue>;

/// Units by service, each more than none, each service once, by name or alias.
pub type UnitsByService = ByService<SomeUnits>;

/// Something for each of some services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByService<V>(Vec<(ServiceName, V)>);

impl<V> Default for ByService<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V: OfService> ByService<V> {
    /// The services as a command takes them.
    ///
    /// # Errors
    /// [`crate::problem::Code::InvalidRequest`] when a service stands there by its name and by an
    /// alias: nobody could say which of the two is meant.
    pub fn into_named(self, catalogue: &Catalogue) -> Result<Vec<(String, V::Core)>, Problem> {
        let mut seen: BTreeSet<&ServiceId> = BTreeSet::new();
        for (name, _) in &self.0 {
            // A service that is not known is for the command to refuse.
            if let Some(service) = catalogue.resolve(&name.0)
                && !seen.insert(service)
            {
                return Err(Problem::invalid(format!("{service} is named twice")));
            }
        }
        let named = self.0.into_iter();
        let named = named.map(|(name, value)| (name.0, value.core()));
        Ok(named.collect())
    }
}

impl<V: Serialize> Serialize for ByService<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // In one order, whatever order they were sent in: it is a part of the fingerprint.
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_by(|(one, _), (other, _)| one.0.cmp(&other.0));
        serializer.collect_map(sorted.into_iter().map(|(name, value)| (name, value)))
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for ByService<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByServiceVisitor(PhantomData))
    }
}

struct ByServiceVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for ByServiceVisitor<V> {
    type Value = ByService<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object by service")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ByService<V>, A::Error> {
        let mut values: Vec<(ServiceName, V)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<ServiceName, V>()? {
            if values.len() == SERVICES_MAX {
                return Err(A::Error::invalid_length(
                    SERVICES_MAX + 1,
                    &"fewer services",
                ));
            }
            if values.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom(format_args!("{} is named twice", name.0)));
            }
            values.push((name, value));
        }
        Ok(ByService(values))
    }
}

/// How an object by service looks in `openapi.json`, whose values have the schema of this name.
pub fn by_service(description: &str, value: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(description))
        .property_names(Some(ServiceName::schema()))
        .additional_properties(Some(utoipa::openapi::Ref::from_schema_name(value)))
        .max_properties(Some(SERVICES_MAX))
        .into()
}

impl PartialSchema for QuotasByService {
    fn schema() -> RefOr<Schema> {
        by_service(
            "Quotas by service, by its name or an alias, each service once.",
            &schema::Quota::name(),
        )
    }
}

impl ToSchema for QuotasByService {
    fn name() -> Cow<'static, str> {
        "QuotasByService".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((schema::Quota::name().into_owned(), schema::Quota::schema()));
        schema::Quota::schemas(schemas);
    }
}

impl PartialSchema for UnitsByService {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "Units by service, by its name or an alias, each service once.",
            ))
            .property_names(Some(ServiceName::schema()))
            .additional_properties(Some(SomeUnits::schema()))
            .min_properties(Some(1))
            .max_properties(Some(SERVICES_MAX))
            .into()
    }
}

impl ToSchema for UnitsByService {
    fn name() -> Cow<'static, str> {
        "UnitsByService".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse_json;

    fn read(json: &str) -> Option<QuotasByService> {
        parse_json(json.as_bytes()).ok()
    }

    #[test]
    fn a_quota_is_a_whole_number_however_it_is_written_or_unlimited() {
        let quotas = |json: &str| serde_json::from_str::<QuotaValue>(json).ok().map(|q| q.0);
        let seven = Some(Quota::Finite(Units::new(7).unwrap()));
        assert_eq!(
            (quotas("7"), quotas("7.0"), quotas("0.7e1")),
            (seven, seven, seven)
        );
        assert_eq!(quotas("\"unlimited\""), Some(Quota::Unlimited));
        for other in [
            "-1",
            "1.5",
            "9223372036854775808",
            "\"7\"",
            "\"none\"",
            "null",
            "[]",
        ] {
            assert_eq!(quotas(other), None, "{other}");
        }
    }

    #[test]
    fn a_service_is_named_once_also_by_an_alias() {
        let catalogue = Catalogue::built_in();
        let named = |json: &str| read(json)?.into_named(&catalogue).ok();
        assert_eq!(
            named(r#"{"claude_messages": 1, "video": "unlimited"}"#)
                .unwrap()
                .len(),
            2
        );
        assert!(read(r#"{"claude_messages": 1, "claude_messages": 1}"#).is_none());
        assert!(named(r#"{"claude_messages": 1, "lesson_generation": 1}"#).is_none());
        assert!(read(r#"{"": 1}"#).is_none() && read("[]").is_none());
    }

    #[test]
    fn the_order_of_services_makes_no_other_request() {
        let json = |text| serde_json::to_string(&read(text).unwrap()).unwrap();
        assert_eq!(json(r#"{"b": 1, "a": 2}"#), json(r#"{"a": 2.0, "b": 1}"#));
    }
}
