//! Parts that schemas are built of.

use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, Type};

/// The pattern of a text without control characters (Unicode's category Cc, as Rust has it).
pub const NO_CONTROLS: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

/// A whole number from `min` to `max`.
#[must_use]
pub fn whole(min: i64, max: i64) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(min))
        .maximum(Some(max))
}

/// A text of `min` to `max` characters.
#[must_use]
pub fn text(min: usize, max: usize) -> ObjectBuilder {
    Object::builder()
        .schema_type(Type::String)
        .min_length(Some(min))
        .max_length(Some(max))
}

/// A text of a standard format.
#[must_use]
pub fn formatted(format: KnownFormat) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(format)))
}

/// One of several words.
#[must_use]
pub fn one_of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words))
}

/// Gives a type a schema of the same or another name: `has_schema!(Day = formatted(…));`,
/// `has_schema!(Batch as "Events" = …, references Event);`.
macro_rules! has_schema {
    ($type:ident $(as $name:literal)? = $schema:expr $(, references $reference:ty)?) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                $schema.into()
            }
        }

        impl utoipa::ToSchema for $type {
            $(fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            })?

            $(fn schemas(schemas: &mut $crate::values::NamedSchemas) {
                $crate::values::add_reference::<$reference>(schemas);
            })?
        }
    };
}
pub(crate) use has_schema;
