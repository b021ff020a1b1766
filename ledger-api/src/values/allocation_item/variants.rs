//! The schema of an item: one variant for each operation, derived from the one struct.

use std::borrow::Cow;

use utoipa::openapi::schema::{AllOf, Object, ObjectBuilder, OneOf, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::{AllocationItem, Operation};
use crate::values::{NamedSchemas, Quota, SomeUnits, add_reference, either};

/// The schema of [`AllocationItem`]: `op` determines the other members.
#[derive(Debug)]
pub struct AllocationItemSchema;

impl PartialSchema for AllocationItemSchema {
    fn schema() -> RefOr<Schema> {
        let RefOr::T(Schema::Object(item)) = AllocationItem::schema() else {
            return AllocationItem::schema();
        };
        let variants = Operation::ALL.map(|operation| RefOr::T(variant(item.clone(), operation)));
        let mut schema = OneOf::new();
        schema.items = variants.to_vec();
        schema.description = Some("One change.".to_owned());
        RefOr::T(Schema::OneOf(schema))
    }
}

impl ToSchema for AllocationItemSchema {
    fn name() -> Cow<'static, str> {
        AllocationItem::name()
    }

    fn schemas(schemas: &mut NamedSchemas) {
        add_reference::<SomeUnits>(schemas);
        AllocationItem::schemas(schemas);
    }
}

fn variant(mut item: Object, operation: Operation) -> Schema {
    for name in operation.refused_members() {
        item.properties.remove(name);
    }
    let op = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some([operation.as_str()]));
    item.properties.insert("op".to_owned(), op.into());
    item.properties.insert("units".to_owned(), units(operation));
    let (description, required): (_, &[&str]) = match operation {
        Operation::Set => ("Sets the units.", &["service", "units", "op"]),
        Operation::Add => ("Adds units.", &["service", "units", "op"]),
        Operation::Revoke => (
            "Takes units back: at most those that are not used, held or, of a department, held by \
             its members.",
            &["service", "op"],
        ),
        Operation::Transfer => (
            "Moves unused units to another holder, but not between a department and its members.",
            &["service", "units", "op"],
        ),
    };
    item.description = Some(description.to_owned());
    item.required = required.iter().map(|&name| name.to_owned()).collect();
    let mut all = AllOf::new();
    all.items = vec![item.into(), either("member_id", "department_id").into()];
    if operation == Operation::Transfer {
        all.items
            .push(either("to_member_id", "to_department_id").into());
    }
    Schema::AllOf(all)
}

fn units(operation: Operation) -> RefOr<Schema> {
    let reference = |name: Cow<'static, str>, description: &str| {
        let mut reference = Ref::from_schema_name(name);
        description.clone_into(&mut reference.description);
        RefOr::<Schema>::Ref(reference)
    };
    match operation {
        Operation::Set => reference(Quota::name(), "The number of units."),
        Operation::Add | Operation::Transfer => {
            reference(SomeUnits::name(), "The number of units.")
        }
        Operation::Revoke => OneOfBuilder::new()
            .item(reference(
                SomeUnits::name(),
                "The number of units; by default all that can be taken back.",
            ))
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .into(),
    }
}
