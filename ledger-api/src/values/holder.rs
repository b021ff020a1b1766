//! Bodies that have exactly one of two members.

use utoipa::openapi::schema::{AllOf, ObjectBuilder, OneOf, Schema, SchemaType, Type};
use utoipa::openapi::{Object, RefOr};

/// The schema of a body that has exactly one member of each pair; the other is absent or null.
#[must_use]
pub fn one_of(body: RefOr<Schema>, pairs: &[[&str; 2]]) -> Schema {
    let mut all = AllOf::new();
    all.items.push(body);
    for [one, other] in pairs {
        let mut either = OneOf::new();
        either.items = [(one, other), (other, one)]
            .into_iter()
            .map(|(given, missing)| RefOr::T(Schema::Object(only(given, missing))))
            .collect();
        all.items.push(RefOr::T(Schema::OneOf(either)));
    }
    Schema::AllOf(all)
}

fn only(given: &str, missing: &str) -> Object {
    let of = |kind: Type| ObjectBuilder::new().schema_type(SchemaType::new(kind));
    ObjectBuilder::new()
        .property(given, of(Type::String))
        .property(missing, of(Type::Null))
        .required(given)
        .build()
}
