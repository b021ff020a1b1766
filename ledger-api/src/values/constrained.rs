//! Schemas of bodies with rules beyond their members' types.

use std::borrow::Cow;

use serde::Deserialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AllOf, ObjectBuilder, OneOf, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::value::NamedSchemas;

/// A body with rules beyond its members' types.
pub trait Constraint: ToSchema {
    /// The schemas that the body matches as well.
    fn constraints() -> Vec<Schema>;
}

/// A body, in whose schema its rules are.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Constrained<T>(pub T);

impl<T: Constraint> PartialSchema for Constrained<T> {
    fn schema() -> RefOr<Schema> {
        let mut all = AllOf::new();
        all.items = vec![T::schema()];
        all.items.extend(T::constraints().into_iter().map(RefOr::T));
        RefOr::T(Schema::AllOf(all))
    }
}

impl<T: Constraint> ToSchema for Constrained<T> {
    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schemas(schemas: &mut NamedSchemas) {
        T::schemas(schemas);
    }
}

/// An object that has the member, of one of the types.
#[must_use]
pub fn with_member(name: &str, types: &[Type]) -> RefOr<Schema> {
    let member = ObjectBuilder::new().schema_type(SchemaType::from_iter(types.iter().cloned()));
    ObjectBuilder::new()
        .property(name, member)
        .required(name)
        .into()
}

/// Exactly one of several schemas.
#[must_use]
pub fn exactly_one(items: impl IntoIterator<Item = RefOr<Schema>>) -> Schema {
    let mut one = OneOf::new();
    one.items = items.into_iter().collect();
    Schema::OneOf(one)
}

/// Exactly one of two texts; the other one is absent or null.
#[must_use]
pub fn either(one: &str, other: &str) -> Schema {
    let of = |kind: Type| ObjectBuilder::new().schema_type(kind);
    exactly_one([(one, other), (other, one)].map(|(given, missing)| {
        ObjectBuilder::new()
            .property(given, of(Type::String))
            .property(missing, of(Type::Null))
            .required(given)
            .into()
    }))
}
