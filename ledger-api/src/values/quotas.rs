//! Quotas and units by service.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use ledger_core::{Catalogue, Quota as CoreQuota, ServiceId, Units as CoreUnits};
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, OneOf, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::scalars::{SomeUnits, Units};
use super::schema::one_of_words;
use super::texts::ServiceName;
use super::value::{Described, NamedSchemas, Value, add_reference, described};
use super::whole_number::WholeNumber;
use crate::limits::SERVICES_MAX;

/// A number of units, or no limit.
pub type Quota = Value<CoreQuota>;

impl Described for CoreQuota {
    const NAME: &'static str = "Quota";

    fn schema() -> RefOr<Schema> {
        let mut either = OneOf::new();
        either.description = Some("A number of units, or no limit.".to_owned());
        either.items = vec![
            RefOr::Ref(Ref::from_schema_name(Units::name())),
            one_of_words(["unlimited"]).into(),
        ];
        RefOr::T(Schema::OneOf(either))
    }

    fn add_references(schemas: &mut NamedSchemas) {
        add_reference::<Units>(schemas);
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(QuotaVisitor)
    }
}

struct QuotaVisitor;

const UNITS: WholeNumber = WholeNumber {
    min: 0,
    max: i64::MAX,
};

fn finite<E: Error>(units: i64) -> Result<CoreQuota, E> {
    CoreUnits::new(units)
        .map(CoreQuota::Finite)
        .map_err(E::custom)
}

impl Visitor<'_> for QuotaVisitor {
    type Value = CoreQuota;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from 0 to {} or \"unlimited\"", i64::MAX)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<CoreQuota, E> {
        finite(UNITS.visit_i64(number)?)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<CoreQuota, E> {
        finite(UNITS.visit_u64(number)?)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<CoreQuota, E> {
        finite(UNITS.visit_f64(number)?)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<CoreQuota, E> {
        if text == "unlimited" {
            Ok(CoreQuota::Unlimited)
        } else {
            Err(E::invalid_value(Unexpected::Str(text), &self))
        }
    }
}

/// An object that has a value of the named schema for each service.
pub(super) fn by_service_id(value: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(Ref::from_schema_name(value)))
}

described! {
    /// Quotas by service.
    Quotas(BTreeMap<ServiceId, CoreQuota>) = by_service_id(&Quota::name()), references Quota;
    /// Units by service.
    UnitsOfServices(BTreeMap<ServiceId, CoreUnits>) = by_service_id(&Units::name()),
        references Units;
}

/// A value that a body gives for a service.
pub trait OfService: Copy {
    /// The type in commands.
    type Core;
    /// The name of the schema of the object by service.
    const NAME: &'static str;
    /// The values, as the schema's description names them.
    const PLURAL: &'static str;
    /// The least number of services.
    const MIN_SERVICES: Option<usize> = None;

    /// The value in commands.
    fn into_core(self) -> Self::Core;

    /// The schema of a value.
    fn schema() -> RefOr<Schema>;

    /// Adds the schemas that the value's schema refers to.
    fn add_references(schemas: &mut NamedSchemas);
}

impl OfService for Quota {
    type Core = CoreQuota;
    const NAME: &'static str = "QuotasByService";
    const PLURAL: &'static str = "Quotas";

    fn into_core(self) -> CoreQuota {
        self.0
    }

    fn schema() -> RefOr<Schema> {
        RefOr::Ref(Ref::from_schema_name(Self::name()))
    }

    fn add_references(schemas: &mut NamedSchemas) {
        add_reference::<Self>(schemas);
    }
}

impl OfService for SomeUnits {
    type Core = CoreUnits;
    const NAME: &'static str = "UnitsByService";
    const PLURAL: &'static str = "Units";
    const MIN_SERVICES: Option<usize> = Some(1);

    fn into_core(self) -> CoreUnits {
        self.0
    }

    fn schema() -> RefOr<Schema> {
        <Self as PartialSchema>::schema()
    }

    fn add_references(_: &mut NamedSchemas) {}
}

/// Quotas by service name or alias, each service once.
pub type QuotasByService = ByService<Quota>;

/// Units by service name or alias, each service once, at least one unit each.
pub type UnitsByService = ByService<SomeUnits>;

/// A value for each of some services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByService<V>(Vec<(ServiceName, V)>);

/// A body names a service twice, by its name and by an alias.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is named twice")]
pub struct NamedTwice(ServiceId);

impl<V> Default for ByService<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V: OfService> ByService<V> {
    /// The services as commands take them.
    ///
    /// # Errors
    /// [`NamedTwice`] when a service appears under its name and under an alias.
    pub fn into_named(self, catalogue: &Catalogue) -> Result<Vec<(String, V::Core)>, NamedTwice> {
        let mut seen: BTreeSet<&ServiceId> = BTreeSet::new();
        for (name, _) in &self.0 {
            // The decider refuses unknown services.
            if let Some(service) = catalogue.resolve(&name.0)
                && !seen.insert(service)
            {
                return Err(NamedTwice(service.clone()));
            }
        }
        let named = self.0.into_iter();
        let named = named.map(|(name, value)| (name.0, value.into_core()));
        Ok(named.collect())
    }
}

impl<V: Serialize> Serialize for ByService<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Sorted, since it is a part of the fingerprint.
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
            if values.iter().any(|(listed, _)| *listed == name) {
                return Err(A::Error::custom(format_args!("{} is named twice", name.0)));
            }
            values.push((name, value));
        }
        Ok(ByService(values))
    }
}

impl<V: OfService> PartialSchema for ByService<V> {
    fn schema() -> RefOr<Schema> {
        let description = format!(
            "{} by service, by its name or an alias, each service once.",
            V::PLURAL
        );
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(description))
            .property_names(Some(ServiceName::schema()))
            .additional_properties(Some(V::schema()))
            .min_properties(V::MIN_SERVICES)
            .max_properties(Some(SERVICES_MAX))
            .into()
    }
}

impl<V: OfService> ToSchema for ByService<V> {
    fn name() -> Cow<'static, str> {
        V::NAME.into()
    }

    fn schemas(schemas: &mut NamedSchemas) {
        V::add_references(schemas);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<QuotasByService> {
        serde_json::from_str(json).ok()
    }

    #[test]
    fn a_quota_is_a_whole_number_in_any_notation_or_unlimited() {
        let quota = |json: &str| serde_json::from_str::<Quota>(json).ok().map(|q| q.0);
        let seven = Some(CoreQuota::Finite(CoreUnits::new(7).unwrap()));
        assert_eq!(
            (quota("7"), quota("7.0"), quota("0.7e1")),
            (seven, seven, seven)
        );
        assert_eq!(quota("\"unlimited\""), Some(CoreQuota::Unlimited));
        for other in [
            "-1",
            "1.5",
            "9223372036854775808",
            "\"7\"",
            "\"none\"",
            "null",
            "[]",
        ] {
            assert_eq!(quota(other), None, "{other}");
        }
    }

    #[test]
    fn a_service_is_named_once_by_name_or_alias() {
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
    fn the_order_of_services_does_not_change_the_json() {
        let json = |text| serde_json::to_string(&read(text).unwrap()).unwrap();
        assert_eq!(json(r#"{"b": 1, "a": 2}"#), json(r#"{"a": 2.0, "b": 1}"#));
    }
}
