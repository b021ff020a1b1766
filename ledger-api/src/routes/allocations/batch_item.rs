//! One change of a batch of allocations.

use std::borrow::Cow;

use ledger_core::allocation::{AllocationRow, Change, Priority};
use ledger_core::{MemberId, Units};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::convention::{QuotaValue, ServiceName, SomeUnits, schema, words};

/// One change.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = AllocationItem)]
pub enum Item {
    /// Make it so much.
    Set {
        /// Whose allocation.
        #[schema(value_type = Uuid)]
        member_id: MemberId,
        /// Of which service.
        service: ServiceName,
        /// How many units.
        #[schema(value_type = schema::Quota)]
        units: QuotaValue,
        /// How the member ranks; stays when not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<words::Priority>)]
        priority: Option<Priority>,
        /// Whether it is granted again in the next period; stays when not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        auto_renew: Option<bool>,
    },
    /// Give so much more.
    Add {
        /// Whose allocation.
        #[schema(value_type = Uuid)]
        member_id: MemberId,
        /// Of which service.
        service: ServiceName,
        /// How many units.
        units: SomeUnits,
        /// How the member ranks; stays when not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<words::Priority>)]
        priority: Option<Priority>,
        /// Whether it is granted again in the next period; stays when not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        auto_renew: Option<bool>,
    },
    /// Take so much back, or all that is not used or held.
    Revoke {
        /// Whose allocation.
        #[schema(value_type = Uuid)]
        member_id: MemberId,
        /// Of which service.
        service: ServiceName,
        /// How many units; all that are not used or held when not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        units: Option<SomeUnits>,
        /// How the member ranks; stays when not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<words::Priority>)]
        priority: Option<Priority>,
        /// Whether it is granted again in the next period; stays when not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        auto_renew: Option<bool>,
    },
    /// Move units that are not used or held to another member.
    Transfer {
        /// From whom.
        #[schema(value_type = Uuid)]
        member_id: MemberId,
        /// To whom.
        #[schema(value_type = Uuid)]
        to_member_id: MemberId,
        /// Of which service.
        service: ServiceName,
        /// How many units.
        units: SomeUnits,
    },
}

impl From<Item> for AllocationRow {
    fn from(item: Item) -> Self {
        let (member_id, service, change, priority, auto_renew) = match item {
            Item::Set {
                member_id,
                service,
                units,
                priority,
                auto_renew,
            } => (
                member_id,
                service,
                Change::Set(units.0),
                priority,
                auto_renew,
            ),
            Item::Add {
                member_id,
                service,
                units,
                priority,
                auto_renew,
            } => (
                member_id,
                service,
                Change::Add(units.0),
                priority,
                auto_renew,
            ),
            Item::Revoke {
                member_id,
                service,
                units,
                priority,
                auto_renew,
            } => {
                let units: Option<Units> = units.map(|units| units.0);
                (
                    member_id,
                    service,
                    Change::Revoke(units),
                    priority,
                    auto_renew,
                )
            }
            Item::Transfer {
                member_id,
                to_member_id,
                service,
                units,
            } => {
                let change = Change::Transfer {
                    units: units.0,
                    to: to_member_id,
                };
                (member_id, service, change, None, None)
            }
        };
        Self {
            member_id,
            service: service.0,
            change,
            priority,
            auto_renew,
        }
    }
}

/// How a change is documented: nothing else may stand in it, which utoipa does not say of variants.
#[derive(Debug)]
pub struct ItemDocument;

impl PartialSchema for ItemDocument {
    fn schema() -> RefOr<Schema> {
        let mut schema = Item::schema();
        if let RefOr::T(Schema::OneOf(variants)) = &mut schema {
            for variant in &mut variants.items {
                if let RefOr::T(Schema::Object(variant)) = variant {
                    let closed = AdditionalProperties::FreeForm(false);
                    variant.additional_properties = Some(Box::new(closed));
                }
            }
        }
        schema
    }
}

impl ToSchema for ItemDocument {
    fn name() -> Cow<'static, str> {
        Item::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Item::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convention::parse_json;

    const WHO: &str = r#""member_id":"0198c0de-0000-7000-8000-000000000001""#;
    const TO: &str = r#""to_member_id":"0198c0de-0000-7000-8000-000000000002""#;

    fn row(item: &str) -> Option<Change> {
        let item = format!(r#"{{{WHO},"service":"s",{item}}}"#);
        let item = parse_json::<Item>(item.as_bytes()).ok()?;
        Some(AllocationRow::from(item).change)
    }

    #[test]
    fn each_kind_of_change_takes_the_units_that_make_sense() {
        let seven = Units::new(7).unwrap();
        assert_eq!(
            row(r#""op":"set","units":7"#),
            Some(Change::Set(seven.into()))
        );
        let unlimited = Some(Change::Set(ledger_core::Quota::Unlimited));
        assert_eq!(row(r#""op":"set","units":"unlimited""#), unlimited);
        assert_eq!(row(r#""op":"add","units":7.0"#), Some(Change::Add(seven)));
        assert_eq!(row(r#""op":"revoke""#), Some(Change::Revoke(None)));
        assert_eq!(
            row(r#""op":"revoke","units":7"#),
            Some(Change::Revoke(Some(seven)))
        );
        assert!(row(&format!(r#""op":"transfer","units":7,{TO}"#)).is_some());
        for refused in [
            r#""op":"set""#,
            r#""op":"add","units":0"#,
            r#""op":"add","units":"unlimited""#,
            r#""op":"revoke","units":"unlimited""#,
            r#""op":"transfer","units":7"#,
            r#""op":"give","units":7"#,
            r#""units":7"#,
            r#""op":"set","units":7,"to":"x""#,
        ] {
            assert_eq!(row(refused), None, "{refused}");
        }
    }

    #[test]
    fn a_transfer_has_no_terms_and_says_so() {
        for (name, value) in [("priority", r#""high""#), ("auto_renew", "true")] {
            let item = format!(
                r#"{{"op":"transfer","units":7,{WHO},{TO},"service":"s","{name}":{value}}}"#
            );
            let refused = parse_json::<Item>(item.as_bytes()).unwrap_err().to_json();
            let detail = refused["detail"].as_str().unwrap();
            assert!(
                detail.contains(&format!("unknown field `{name}`")),
                "{detail}"
            );
        }
    }
}
