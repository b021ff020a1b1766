//! What `openapi.json` says of every operation, said once: the problems that any of them may
//! answer, and the headers of writes. A handler names only the problems of its own.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, ObjectBuilder, OpenApi, PathItem, Ref, RefOr, Response,
    ResponseBuilder,
};

use super::schema;
use crate::problem::Code;

/// Names a type that lists the problems of an operation, beside those that [`complete`] adds:
/// `problems!(DebitProblems: MemberSuspended, QuotaExceeded);`, and in the handler's documentation
/// `responses(…, DebitProblems)`.
macro_rules! problems {
    ($name:ident: $($code:ident),+ $(,)?) => {
        #[doc = "The problems that are the operation's own."]
        #[derive(Debug)]
        pub struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::Response>,
            > {
                $crate::openapi::problem_responses(&[$($crate::problem::Code::$code),+])
            }
        }
    };
}
pub(crate) use problems;

/// What went wrong (RFC 9457). `type` says what kind of problem it is and where it is explained;
/// members beyond the first four are there when the kind has them.
#[derive(Debug, ToSchema)]
#[schema(as = Problem)]
#[allow(dead_code, reason = "it describes what Problem::to_json writes")]
pub struct ProblemDocument {
    /// The kind of problem: a URL whose last part is its code.
    #[schema(format = "uri")]
    r#type: String,
    /// The same for every problem of the kind.
    title: String,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: i32,
    /// What happened here, and what to do.
    detail: String,
    /// Where in the body.
    at: Option<String>,
    /// Which rule was broken.
    rule: Option<String>,
    /// On whose account: `member`, `department` or `pool`.
    level: Option<String>,
    /// Of which service.
    service: Option<String>,
    /// The most, or the least, that the rule allows.
    #[schema(value_type = Option<schema::Quota>)]
    limit: Option<Value>,
    /// Which department.
    department_id: Option<String>,
    /// How many members are in it.
    #[schema(minimum = 1)]
    members: Option<i64>,
    /// Units used in the period.
    #[schema(value_type = Option<schema::Units>)]
    used: Option<Value>,
    /// Units held for calls in flight.
    #[schema(value_type = Option<schema::Units>)]
    held: Option<Value>,
    /// What was asked for.
    #[schema(value_type = Option<schema::Quota>)]
    asked: Option<Value>,
    /// What could have been had.
    #[schema(value_type = Option<schema::Quota>)]
    available: Option<Value>,
    /// What is allocated.
    #[schema(value_type = Option<schema::Quota>)]
    allocated: Option<Value>,
    /// When what was used starts again from zero.
    #[schema(value_type = Option<schema::Instant>)]
    resets_at: Option<Value>,
    /// Which event of a batch, from 0.
    #[schema(minimum = 0)]
    index: Option<i64>,
    /// Which usage, by the id of the event that recorded it.
    usage_id: Option<String>,
    /// Units of the usage.
    #[schema(value_type = Option<schema::Units>)]
    units: Option<Value>,
    /// Units of the usage that are refunded already.
    #[schema(value_type = Option<schema::Units>)]
    refunded: Option<Value>,
    /// Which hold.
    hold_id: Option<String>,
    /// Which request.
    request_id: Option<String>,
    /// How the request ended.
    request_status: Option<String>,
    /// What would be granted.
    #[schema(value_type = Option<schema::Units>)]
    granted: Option<Value>,
    /// The present version.
    #[schema(value_type = Option<schema::Seq>)]
    version: Option<Value>,
    /// How far the read model is.
    #[schema(value_type = Option<schema::Seq>)]
    at_seq: Option<Value>,
    /// How far it was asked to be.
    #[schema(value_type = Option<schema::Seq>)]
    asked_seq: Option<Value>,
    /// Which external id.
    external_id: Option<String>,
    /// What the plan includes.
    has: Option<String>,
    /// What the command needs.
    needs: Option<String>,
    /// The least tier that includes it.
    tier: Option<String>,
    /// On which line of a table, from 1.
    #[schema(minimum = 1)]
    line: Option<i64>,
    /// In which column of a table.
    column: Option<String>,
    /// The rows of a batch that are refused, each a problem with its `index`, and of a table its
    /// `line` and `column`.
    #[schema(value_type = Option<Vec<Object>>)]
    errors: Option<Value>,
}

/// The documented answers of these codes, one for each status.
#[must_use]
pub fn problem_responses(codes: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let mut responses = BTreeMap::new();
    for code in codes {
        add_problem(&mut responses, *code);
    }
    responses
}

/// Says of every operation what is true of all of its kind.
pub fn complete(api: &mut OpenApi) {
    for (path, item) in &mut api.paths.paths {
        let of_school = path.contains("{school}");
        for (method, operation) in operations(item) {
            let writes = method.writes() && !is_beside_the_log(operation);
            for code in common_problems(operation, of_school, writes) {
                add_problem(&mut operation.responses.responses, code);
            }
            if writes {
                add_write_headers(operation);
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Method {
    Reads,
    Writes,
}

impl Method {
    const fn writes(self) -> bool {
        matches!(self, Self::Writes)
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let reads = [&mut item.get, &mut item.head].map(|operation| (Method::Reads, operation));
    let writes = [
        &mut item.post,
        &mut item.put,
        &mut item.patch,
        &mut item.delete,
    ]
    .map(|operation| (Method::Writes, operation));
    reads
        .into_iter()
        .chain(writes)
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// API keys are credentials: making and revoking them is no command of the ledger.
fn is_beside_the_log(operation: &Operation) -> bool {
    let mut tags = operation.tags.iter().flatten();
    tags.any(|tag| tag == "api-keys")
}

fn common_problems(operation: &Operation, of_school: bool, writes: bool) -> Vec<Code> {
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let has = |name: &str| {
        parameters
            .iter()
            .any(|p| matches!(p, RefOr::T(p) if p.name == name))
    };
    let has_body = operation.request_body.is_some();
    // An operation that is open to all says so with an empty list of its own.
    let is_open = operation.security.is_some();
    let mut codes = vec![Code::Timeout, Code::Internal];
    let mut when = |applies: bool, more: &[Code]| {
        if applies {
            codes.extend_from_slice(more);
        }
    };
    when(!parameters.is_empty() || has_body, &[Code::InvalidRequest]);
    when(
        !is_open,
        &[
            Code::Unauthenticated,
            Code::Forbidden,
            Code::RateLimited,
            Code::Unavailable,
        ],
    );
    when(of_school, &[Code::SchoolNotFound]);
    when(has_body, &[Code::BodyTooLarge, Code::UnsupportedMediaType]);
    when(writes, &[Code::Overloaded, Code::IdempotencyKeyReused]);
    when(has("min_seq"), &[Code::ProjectionBehind]);
    codes
}

fn add_problem(responses: &mut BTreeMap<String, RefOr<Response>>, code: Code) {
    let line = format!("`{}`: {}.", code.as_str(), code.title());
    let status = code.status().as_u16();
    let answer = responses
        .entry(status.to_string())
        .or_insert_with(|| RefOr::T(problem(status)));
    let RefOr::T(answer) = answer else { return };
    if answer.description.contains(&line) {
        return;
    }
    if !answer.description.is_empty() {
        answer.description.push('\n');
    }
    answer.description.push_str(&line);
}

fn problem(status: u16) -> Response {
    let schema = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let answer = ResponseBuilder::new().content("application/problem+json", content);
    let header = |kind: Type, says: &str| {
        HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(kind).build()))
            .description(Some(says))
            .build()
    };
    let retry = || {
        header(
            Type::Integer,
            "The seconds after which trying again makes sense.",
        )
    };
    match status {
        401 => answer.header(
            "WWW-Authenticate",
            header(Type::String, "How to authenticate."),
        ),
        429 => answer
            .header("Retry-After", retry())
            .header(
                "RateLimit",
                header(Type::String, "What is left, and for how long."),
            )
            .header(
                "RateLimit-Policy",
                header(Type::String, "What there is in all."),
            ),
        503 => answer.header("Retry-After", retry()),
        _ => answer,
    }
    .build()
}

fn add_write_headers(operation: &mut Operation) {
    let seq = HeaderBuilder::new()
        .schema(Some(schema::whole(0, i64::MAX).build()))
        .description(Some(
            "The position that the write left; a read takes it as `min_seq`.",
        ))
        .build();
    let word = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["true"]))
        .build();
    let replayed = HeaderBuilder::new()
        .schema(Some(word))
        .description(Some(
            "There when the command was done before: this is its first outcome.",
        ))
        .build();
    for (status, answer) in &mut operation.responses.responses {
        let RefOr::T(answer) = answer else { continue };
        if status.starts_with('2') {
            answer
                .headers
                .insert("Ledger-Seq".to_owned(), seq.clone().into());
        }
        if status == "200" {
            answer
                .headers
                .insert("Idempotent-Replayed".to_owned(), replayed.clone().into());
        }
    }
}
