//! How the domain's values look in `openapi.json`; `ledger-core` itself knows no OpenAPI. A field
//! of such a value says `#[schema(value_type = schema::Units)]`, or `Option<schema::Units>`.

use ledger_core::ids::{ATTRIBUTE_CHARS_MAX, KEY_CHARS_MAX};
use ledger_core::service::SERVICE_CHARS_MAX;
use ledger_core::text::TEXT_CHARS_MAX;
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, OneOf, Schema, SchemaFormat};
use utoipa::openapi::{Ref, RefOr, Type};
use utoipa::{PartialSchema, ToSchema};

/// What a text without control characters matches (Unicode's category Cc, as Rust has it).
pub const NO_CONTROLS: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

macro_rules! documented {
    ($($(#[doc = $doc:literal])* $name:ident = $schema:expr;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug)]
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let says = concat!($($doc,)*).trim();
                let object: ObjectBuilder = $schema;
                RefOr::T(Schema::Object(object.description(Some(says)).build()))
            }
        }

        impl ToSchema for $name {}
    )*};
}

documented! {
    /// A whole number of units, not negative.
    Units = whole(0, i64::MAX);
    /// A position in a school's stream: 1, 2, 3 … without gaps; 0 is before the first event.
    Seq = whole(0, i64::MAX);
    /// An id that the caller chose: 1 to 128 characters, none of them a control character.
    Key = text(1, KEY_CHARS_MAX).pattern(Some(NO_CONTROLS));
    /// A text that a CloudEvent identifies itself by: 1 to 1,024 characters, none of them a control
    /// character.
    Attribute = text(1, ATTRIBUTE_CHARS_MAX).pattern(Some(NO_CONTROLS));
    /// The version of CloudEvents.
    SpecVersion = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["1.0"]));
    /// A service's canonical name.
    ServiceId = text(1, SERVICE_CHARS_MAX)
        .pattern(Some("^[a-z0-9_.-]*$"))
        .examples(["claude_messages"]);
    /// An instant (RFC 3339).
    Instant = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    /// How a call ended.
    Outcome = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["success", "error", "timeout", "cancelled"]));
    /// Why, in people's words; not blank.
    Reason = text(1, TEXT_CHARS_MAX).pattern(Some(r"^[^\u0000]*[^\u0000\s][^\u0000]*$"));
}

/// A number of units, or that there is no limit.
#[derive(Debug)]
pub struct Quota;

impl PartialSchema for Quota {
    fn schema() -> RefOr<Schema> {
        let unlimited = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(["unlimited"]))
            .build();
        let mut either = OneOf::new();
        either.description = Some("A number of units, or that there is no limit.".to_owned());
        either.items = vec![
            RefOr::Ref(Ref::from_schema_name(Units::name())),
            RefOr::T(Schema::Object(unlimited)),
        ];
        RefOr::T(Schema::OneOf(either))
    }
}

impl ToSchema for Quota {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Units::name().into_owned(), Units::schema()));
    }
}

/// A whole number from `least` to `most`.
#[must_use]
pub fn whole(least: i64, most: i64) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(least))
        .maximum(Some(most))
}

/// A text of `least` to `most` characters.
#[must_use]
pub fn text(least: usize, most: usize) -> ObjectBuilder {
    Object::builder()
        .schema_type(Type::String)
        .min_length(Some(least))
        .max_length(Some(most))
}
