//! Types of the core as fields of bodies and answers: each has its JSON form and its schema once.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

/// A type of the core in a body or an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Value<T>(pub T);

impl<T> From<T> for Value<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

/// Schemas by name, as `utoipa` collects them.
pub type NamedSchemas = Vec<(String, RefOr<Schema>)>;

/// A type of the core with its name and form in `openapi.json`. The core itself does not know
/// `OpenAPI`.
pub trait Described {
    /// The name of the schema.
    const NAME: &'static str;

    /// The schema.
    fn schema() -> RefOr<Schema>;

    /// Adds the schemas that this one refers to.
    fn add_references(_: &mut NamedSchemas) {}

    /// Reads a value that a caller sent.
    ///
    /// # Errors
    /// The deserializer's error for anything else.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>
    where
        Self: Deserialize<'de>,
    {
        Self::deserialize(deserializer)
    }
}

impl<'de, T: Described + Deserialize<'de>> Deserialize<'de> for Value<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer).map(Self)
    }
}

impl<T: Described> PartialSchema for Value<T> {
    fn schema() -> RefOr<Schema> {
        T::schema()
    }
}

impl<T: Described> ToSchema for Value<T> {
    fn name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn schemas(schemas: &mut NamedSchemas) {
        T::add_references(schemas);
    }
}

/// Adds a schema that another one refers to, with those that it refers to itself.
pub fn add_reference<T: ToSchema>(schemas: &mut NamedSchemas) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

/// Describes types of the core by a doc comment, which is the schema's description, and a schema:
/// `described! { /// Doc. Name(core::Type) = schema; }` declares the alias `Name` of
/// `Value<core::Type>`.
macro_rules! described {
    ($($(#[doc = $doc:literal])* $name:ident($core:ty) = $schema:expr
        $(, references $reference:ty)? $(, read $read:expr)?;)*) => {$(
        $(#[doc = $doc])*
        pub type $name = $crate::values::Value<$core>;

        impl $crate::values::Described for $core {
            const NAME: &'static str = stringify!($name);

            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let builder: utoipa::openapi::schema::ObjectBuilder = $schema;
                builder.description(Some(concat!($($doc,)*).trim())).into()
            }

            $(fn add_references(schemas: &mut $crate::values::NamedSchemas) {
                $crate::values::add_reference::<$reference>(schemas);
            })?

            $(fn read<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>
            where
                Self: serde::Deserialize<'de>,
            {
                $read(deserializer)
            })?
        }
    )*};
}
pub(crate) use described;
