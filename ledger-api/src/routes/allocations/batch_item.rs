//! One change of a batch of allocations.

use std::borrow::Cow;

use ledger_core::allocation::{AllocationRow, Change, Holder, Priority};
use ledger_core::{DepartmentId, MemberId};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, OneOf, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::openapi::schema;
use crate::values::{Quota, ServiceName, SomeUnits, one_holder, one_of, words};

/// One change, and how it was asked for: that is what tells it from another.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Form")]
pub struct Item {
    /// What to do.
    pub(super) row: AllocationRow,
    form: Form,
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.form.serialize(serializer)
    }
}

/// One change.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = AllocationItem)]
enum Form {
    /// Make it so much.
    Set {
        /// Whose allocation, if a member's.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Uuid>)]
        member_id: Option<MemberId>,
        /// Whose allocation, if a department's.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Uuid>)]
        department_id: Option<DepartmentId>,
        /// Of which service.
        service: ServiceName,
        /// How many units.
        #[schema(value_type = schema::Quota)]
        units: Quota,
        /// How the holder ranks; stays when not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<words::Priority>)]
        priority: Option<Priority>,
        /// Whether it is granted again in the next period; stays when not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        auto_renew: Option<bool>,
    },
    /// Give so much more.
    Add {
        /// Whose allocation, if a member's.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Uuid>)]
        member_id: Option<MemberId>,
        /// Whose allocation, if a department's.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Uuid>)]
        department_id: Option<DepartmentId>,
        /// Of which service.
        service: ServiceName,
        /// How many units.
        units: SomeUnits,
        /// How the holder ranks; stays when not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<words::Priority>)]
        priority: Option<Priority>,
        /// Whether it is granted again in the next period; stays when not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        auto_renew: Option<bool>,
    },
    /// Take so much back, or all that is not used or held; of a department, that its members do
    /// not hold either.
    Revoke {
        /// Whose allocation, if a member's.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Uuid>)]
        member_id: Option<MemberId>,
        /// Whose allocation, if a department's.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Uuid>)]
        department_id: Option<DepartmentId>,
        /// Of which service.
        service: ServiceName,
        /// How many units; all that can be taken when not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        units: Option<SomeUnits>,
        /// How the holder ranks; stays when not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<words::Priority>)]
        priority: Option<Priority>,
        /// Whether it is granted again in the next period; stays when not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        auto_renew: Option<bool>,
    },
    /// Move units that can be taken to another holder; between a department and its own members
    /// nothing is transferred.
    Transfer {
        /// From whom, if a member.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Uuid>)]
        member_id: Option<MemberId>,
        /// From whom, if a department.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Uuid>)]
        department_id: Option<DepartmentId>,
        /// To whom, if a member.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Uuid>)]
        to_member_id: Option<MemberId>,
        /// To whom, if a department.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Uuid>)]
        to_department_id: Option<DepartmentId>,
        /// Of which service.
        service: ServiceName,
        /// How many units.
        units: SomeUnits,
    },
}

/// What a transfer is told whose taker is not one.
const ONE_TAKER: &str = "one of to_member_id and to_department_id is needed, and only one";

impl Form {
    fn holder(&self) -> Result<Holder, &'static str> {
        let (Self::Set {
            member_id,
            department_id,
            ..
        }
        | Self::Add {
            member_id,
            department_id,
            ..
        }
        | Self::Revoke {
            member_id,
            department_id,
            ..
        }
        | Self::Transfer {
            member_id,
            department_id,
            ..
        }) = self;
        one_holder(*member_id, *department_id)
    }

    fn change(&self) -> Result<Change, &'static str> {
        Ok(match self {
            Self::Set { units, .. } => Change::Set(units.0),
            Self::Add { units, .. } => Change::Add(units.0),
            Self::Revoke { units, .. } => Change::Revoke(units.map(|units| units.0)),
            Self::Transfer {
                to_member_id,
                to_department_id,
                units,
                ..
            } => Change::Transfer {
                units: units.0,
                to: one_holder(*to_member_id, *to_department_id).map_err(|_| ONE_TAKER)?,
            },
        })
    }

    const fn service(&self) -> &ServiceName {
        let (Self::Set { service, .. }
        | Self::Add { service, .. }
        | Self::Revoke { service, .. }
        | Self::Transfer { service, .. }) = self;
        service
    }

    const fn terms(&self) -> (Option<Priority>, Option<bool>) {
        match self {
            Self::Set {
                priority,
                auto_renew,
                ..
            }
            | Self::Add {
                priority,
                auto_renew,
                ..
            }
            | Self::Revoke {
                priority,
                auto_renew,
                ..
            } => (*priority, *auto_renew),
            Self::Transfer { .. } => (None, None),
        }
    }
}

impl TryFrom<Form> for Item {
    type Error = &'static str;

    fn try_from(form: Form) -> Result<Self, &'static str> {
        let (priority, auto_renew) = form.terms();
        let row = AllocationRow {
            holder: form.holder()?.into(),
            service: form.service().0.clone(),
            change: form.change()?,
            priority,
            auto_renew,
        };
        Ok(Self { row, form })
    }
}

impl PartialSchema for Item {
    /// Nothing else may stand in a change, and each holder is named once, which utoipa does not say
    /// of variants.
    fn schema() -> RefOr<Schema> {
        let RefOr::T(Schema::OneOf(variants)) = Form::schema() else {
            return Form::schema();
        };
        let items = variants.items.into_iter().map(closed).collect();
        RefOr::T(Schema::OneOf(OneOf { items, ..variants }))
    }
}

fn closed(variant: RefOr<Schema>) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut variant)) = variant else {
        return variant;
    };
    let nothing_else = AdditionalProperties::FreeForm(false);
    variant.additional_properties = Some(Box::new(nothing_else));
    let mut pairs = vec![["member_id", "department_id"]];
    if variant.properties.contains_key("to_member_id") {
        pairs.push(["to_member_id", "to_department_id"]);
    }
    RefOr::T(one_of(RefOr::T(Schema::Object(variant)), &pairs))
}

impl ToSchema for Item {
    fn name() -> Cow<'static, str> {
        Form::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Form::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse_json;
    use crate::values::EXACTLY_ONE;
    use ledger_core::Units;

    const WHO: &str = r#""member_id":"0198c0de-0000-7000-8000-000000000001""#;
    const TO: &str = r#""to_member_id":"0198c0de-0000-7000-8000-000000000002""#;
    const GROUP: &str = r#""department_id":"0198c0de-0000-7000-8000-000000000003""#;
    const TO_GROUP: &str = r#""to_department_id":"0198c0de-0000-7000-8000-000000000004""#;

    fn read(item: &str) -> Option<AllocationRow> {
        let item = parse_json::<Item>(format!(r#"{{"service":"s",{item}}}"#).as_bytes());
        item.ok().map(|item| item.row)
    }

    fn row(item: &str) -> Option<Change> {
        read(&format!("{WHO},{item}")).map(|row| row.change)
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

    #[test]
    fn a_holder_is_named_once_as_a_member_or_a_department() {
        let set = r#""op":"set","units":7"#;
        let transfer = r#""op":"transfer","units":7"#;
        let department = |row: AllocationRow| row.holder.department_id().is_some();
        assert!(department(read(&format!("{set},{GROUP}")).unwrap()));
        assert!(!department(
            read(&format!("{set},{WHO},\"department_id\":null")).unwrap()
        ));
        for taker in [TO, TO_GROUP] {
            for giver in [WHO, GROUP] {
                assert!(read(&format!("{transfer},{giver},{taker}")).is_some());
            }
        }
        for refused in [
            set.to_owned(),
            format!("{set},{WHO},{GROUP}"),
            format!("{set},{WHO},{TO_GROUP}"),
            format!("{transfer},{WHO},{TO},{TO_GROUP}"),
            format!("{transfer},{GROUP}"),
        ] {
            assert_eq!(read(&refused), None, "{refused}");
        }
        let neither = format!("{{\"service\":\"s\",{set}}}");
        let refused = parse_json::<Item>(neither.as_bytes()).unwrap_err();
        assert!(
            refused.detail().starts_with(EXACTLY_ONE),
            "{}",
            refused.detail()
        );
    }

    #[test]
    fn a_member_s_change_has_the_fingerprint_that_it_always_had() {
        let written = format!(r#"{{"op":"add",{WHO},"service":"s","units":7}}"#);
        let item = parse_json::<Item>(written.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&item).unwrap(), written);
    }
}
