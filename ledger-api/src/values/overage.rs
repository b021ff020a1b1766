//! Overage policies by service: `{"policy": "soft", "percent": 10}`.

use std::collections::BTreeMap;

use ledger_core::ServiceId;
use ledger_core::school::{OveragePolicy, Percent};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOf, Schema};
use utoipa::openapi::{Ref, RefOr, Type};
use utoipa::{PartialSchema, ToSchema};

use super::quotas::{ByService, OfService, by_service_id};
use super::schema::{one_of_words, whole};
use super::value::{NamedSchemas, add_reference, described};
use super::whole_number::whole_number;

/// Overage policies by service.
pub type OverageByService = ByService<OverageValue>;

/// How far usage of a service may exceed the allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Form", into = "OveragePolicy")]
pub struct OverageValue(OveragePolicy);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    policy: Policy,
    percent: Option<PercentNumber>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Policy {
    Hard,
    Soft,
}

struct PercentNumber(Percent);

impl<'de> Deserialize<'de> for PercentNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = whole_number(deserializer, 1, 100)?;
        u8::try_from(number)
            .map_err(serde::de::Error::custom)
            .and_then(|number| Percent::new(number).map_err(serde::de::Error::custom))
            .map(Self)
    }
}

impl TryFrom<Form> for OverageValue {
    type Error = &'static str;

    fn try_from(form: Form) -> Result<Self, Self::Error> {
        match (form.policy, form.percent) {
            (Policy::Hard, None) => Ok(Self(OveragePolicy::Hard)),
            (Policy::Soft, Some(PercentNumber(percent))) => {
                Ok(Self(OveragePolicy::Soft { percent }))
            }
            (Policy::Hard, Some(_)) => Err("a hard policy has no percent"),
            (Policy::Soft, None) => Err("a soft policy needs its percent, 1 to 100"),
        }
    }
}

impl From<OverageValue> for OveragePolicy {
    fn from(value: OverageValue) -> Self {
        value.0
    }
}

impl OfService for OverageValue {
    type Core = OveragePolicy;
    const NAME: &'static str = "OverageByService";
    const PLURAL: &'static str = "Overage policies";

    fn into_core(self) -> OveragePolicy {
        self.0
    }

    fn schema() -> RefOr<Schema> {
        RefOr::Ref(Ref::from_schema_name(Self::name()))
    }

    fn add_references(schemas: &mut NamedSchemas) {
        add_reference::<Self>(schemas);
    }
}

/// The schema of a policy, without further members.
fn policy(name: &str) -> ObjectBuilder {
    let nothing_else = AdditionalProperties::<Schema>::FreeForm(false);
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("policy", one_of_words([name]))
        .required("policy")
        .additional_properties(Some(nothing_else))
}

impl PartialSchema for OverageValue {
    fn schema() -> RefOr<Schema> {
        let soft = policy("soft")
            .property("percent", whole(1, 100))
            .required("percent");
        let mut either = OneOf::new();
        either.items = vec![policy("hard").into(), soft.into()];
        either.description = Some(
            "How far usage may exceed the allocation: not at all (`hard`, the default), or by a \
             percentage of it (`soft`, whole units, rounded down), recorded as overage."
                .to_owned(),
        );
        RefOr::T(Schema::OneOf(either))
    }
}

impl ToSchema for OverageValue {
    fn name() -> std::borrow::Cow<'static, str> {
        "OveragePolicy".into()
    }
}

described! {
    /// Overage policies by service; a service that is not listed has a hard limit.
    OveragePolicies(BTreeMap<ServiceId, OveragePolicy>) = by_service_id(&OverageValue::name()),
        references OverageValue;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_soft_policy_has_a_percent() {
        let read = |json: &str| serde_json::from_str::<OverageValue>(json).is_ok();
        assert!(read(r#"{"policy": "hard"}"#));
        assert!(read(r#"{"policy": "soft", "percent": 10}"#));
        for other in [
            r#"{"policy": "soft"}"#,
            r#"{"policy": "soft", "percent": 0}"#,
            r#"{"policy": "soft", "percent": 101}"#,
            r#"{"policy": "soft", "percent": 1.5}"#,
            r#"{"policy": "hard", "percent": 10}"#,
            r#"{"policy": "none"}"#,
            r#"{"percent": 10}"#,
            r#"{"policy": "hard", "from": "today"}"#,
        ] {
            assert!(!read(other), "{other}");
        }
    }
}
