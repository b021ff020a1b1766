//! How the domain's fixed words, and objects of them, look in `openapi.json`; see [`crate::openapi::schema`].

use ledger_core::allocation::Priority as CorePriority;
use ledger_core::catalog::Kind;
use ledger_core::request::{RequestStatus as CoreRequestStatus, Urgency as CoreUrgency};
use ledger_core::school::MemberStatus as CoreStanding;
use ledger_core::{
    Level as CoreLevel, Management as CoreManagement, OrgType as CoreOrgType, Role as CoreRole,
    Tier as CoreTier,
};
use ledger_projections::history::HISTORY;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat};
use utoipa::openapi::{Ref, RefOr, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::openapi::schema;

fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words))
}

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
    /// What kind of tenant a school is.
    OrgType = words(
        CoreOrgType::ALL.map(CoreOrgType::as_str)
    );
    /// What a school pays for.
    Tier = words(CoreTier::ALL.map(CoreTier::as_str));
    /// How much of allocation management a plan switches on; with `none` members draw on the pool.
    Management = words(
        CoreManagement::ALL.map(CoreManagement::as_str)
    );
    /// On whose account it is: the member's own, his department's or the school's.
    Level = words(CoreLevel::ALL.map(CoreLevel::as_str));
    /// How a holder ranks when units are short.
    Priority = words(
        CorePriority::ALL.map(CorePriority::as_str)
    );
    /// How soon units are needed.
    Urgency = words(CoreUrgency::ALL.map(CoreUrgency::as_str));
    /// How it stands with a request; all but `pending` are final.
    RequestStatus = words(CoreRequestStatus::ALL.map(CoreRequestStatus::as_str));
    /// Whether a member may use what he holds, or left.
    Standing = words(
        CoreStanding::ALL.map(CoreStanding::as_str)
    );
    /// In which role somebody acted; `system` is the ledger itself.
    Role = words(CoreRole::ALL.map(CoreRole::as_str));
    /// An event's type.
    EventType = words(Kind::ALL.iter().map(|kind| kind.as_str()));
    /// The type of an event that is a change, not usage.
    ChangeType = words(HISTORY.kinds.unwrap_or_default().iter().map(|kind| kind.as_str()));
    /// SHA-256 of a salt and a text that is kept beside the log.
    Commitment = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[0-9a-f]{64}$"));
    /// A day of the calendar.
    Date = ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)));
    /// Money in millionths of a US dollar.
    MicroUsd = schema::whole(0, i64::MAX);
    /// Any value: what it is depends on the event's type.
    AnyValue = ObjectBuilder::new().schema_type(utoipa::openapi::schema::SchemaType::AnyValue);
}

/// Units of some services, each more than none.
#[derive(Debug)]
pub struct UnitsOfServices;

impl PartialSchema for UnitsOfServices {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("Units by service."))
            .additional_properties(Some(Ref::from_schema_name(schema::Units::name())))
            .into()
    }
}

impl ToSchema for UnitsOfServices {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((schema::Units::name().into_owned(), schema::Units::schema()));
    }
}

/// Units by service.
#[derive(Debug)]
pub struct Quotas;

impl PartialSchema for Quotas {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("Units by service."))
            .additional_properties(Some(Ref::from_schema_name(schema::Quota::name())))
            .into()
    }
}

impl ToSchema for Quotas {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((schema::Quota::name().into_owned(), schema::Quota::schema()));
        schema::Quota::schemas(schemas);
    }
}
