//! How reported usage looks in `openapi.json`.

use std::borrow::Cow;

use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOf, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::limits::REPORT_BATCH_MAX;
use crate::openapi::schema;
use crate::values::{CallFact, Instant, ModelName, WholeUnits};

/// A CloudEvent 1.0 that reports usage. Further attributes, and further members of `data`, are
/// ignored.
#[derive(Debug, ToSchema)]
#[schema(as = UsageReport, example = json!({
    "specversion": "1.0", "id": "01J9ZQ", "source": "https://gateway.example",
    "type": "claude_messages", "subject": "ada@example.org", "time": "2026-11-24T08:00:00Z",
    "data": { "model": "claude-sonnet-4", "input_tokens": 812, "output_tokens": 344 }
}))]
#[allow(dead_code, reason = "it describes what is read member by member")]
pub struct EventDocument {
    /// The version of CloudEvents: "1.0".
    #[schema(value_type = schema::SpecVersion)]
    specversion: String,
    /// The event's id: with its `source` unique in the school for ever. The first event of an id
    /// counts, whatever later ones say.
    #[schema(value_type = schema::Attribute)]
    id: String,
    /// Who produced it.
    #[schema(value_type = schema::Attribute)]
    source: String,
    /// The service, where `data` names none.
    #[schema(value_type = schema::Attribute)]
    r#type: String,
    /// Whose usage: an external id, or a member's id. Usage without one, and of one whom nobody
    /// knows, is kept as unattributed.
    #[schema(value_type = Option<schema::Attribute>)]
    subject: Option<String>,
    /// When it occurred; now when not given, or more than 5 minutes ahead.
    time: Option<Instant>,
    /// What is known of the call.
    data: Option<DataDocument>,
}

/// What is known of a call.
#[derive(Debug, ToSchema)]
#[schema(as = UsageReportData)]
#[allow(dead_code, reason = "it describes what is read member by member")]
pub struct DataDocument {
    /// The service, by name or alias. Usage of one that is unknown is kept as unattributed.
    #[schema(value_type = Option<schema::Attribute>)]
    service: Option<String>,
    /// How many units the call is; the service's meter decides when not given.
    units: Option<WholeUnits>,
    /// Which model answered.
    model: Option<ModelName>,
    /// Tokens that went in.
    input_tokens: Option<CallFact>,
    /// Tokens that came out.
    output_tokens: Option<CallFact>,
    /// The part of the input that a cache served.
    cached_tokens: Option<CallFact>,
    /// What the provider charged, in millionths of a US dollar.
    cost_micros: Option<CallFact>,
    /// How long it took, in milliseconds.
    latency_ms: Option<CallFact>,
    /// How it ended.
    #[schema(value_type = Option<schema::Outcome>)]
    outcome: Option<String>,
    /// The caller's id of the request.
    #[schema(value_type = Option<schema::Key>)]
    request_id: Option<String>,
    /// The caller's id of the session.
    #[schema(value_type = Option<schema::Key>)]
    session_id: Option<String>,
}

fn event() -> RefOr<Schema> {
    Ref::from_schema_name(EventDocument::name()).into()
}

/// A batch of events.
#[derive(Debug)]
pub struct BatchDocument;

impl PartialSchema for BatchDocument {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new()
            .items(event())
            .max_items(Some(REPORT_BATCH_MAX))
            .into()
    }
}

impl ToSchema for BatchDocument {
    fn name() -> Cow<'static, str> {
        "UsageReports".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((EventDocument::name().into_owned(), EventDocument::schema()));
        EventDocument::schemas(schemas);
    }
}

/// An event or a batch of them, as plain JSON. (In binary mode the body is `data`, and the
/// attributes are headers `ce-…`.)
#[derive(Debug)]
pub struct EitherDocument;

impl PartialSchema for EitherDocument {
    fn schema() -> RefOr<Schema> {
        let mut either = OneOf::new();
        either.items = vec![event(), BatchDocument::schema()];
        either.description = Some(
            "An event or a batch of them. With attributes in headers `ce-…` (binary mode) the body \
             is the event's `data`."
                .to_owned(),
        );
        RefOr::T(Schema::OneOf(either))
    }
}

impl ToSchema for EitherDocument {
    fn name() -> Cow<'static, str> {
        "UsageReportOrReports".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        BatchDocument::schemas(schemas);
    }
}

/// The header that names the school.
#[derive(Debug)]
pub struct SchoolHeader;

impl utoipa::IntoParams for SchoolHeader {
    fn into_params(
        _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
    ) -> Vec<utoipa::openapi::path::Parameter> {
        use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
        use utoipa::openapi::schema::{KnownFormat, SchemaFormat};
        use utoipa::openapi::{Required, Type};
        let uuid = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
        let parameter = ParameterBuilder::new()
            .name("Ledger-School")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "The school; needed where the credential is for all schools. The school is never \
                 taken from an event.",
            ))
            .schema(Some(uuid));
        vec![parameter.build()]
    }
}
