//! The parts of `openapi.json` that operations share: common problems, and the headers of writes.
//! A handler lists only its own problems.

use std::collections::BTreeMap;

use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, ObjectBuilder, OpenApi, PathItem, Ref, RefOr, Response,
    ResponseBuilder,
};

use crate::problem::Code;
use crate::values::schema::{one_of_words, whole};

/// Declares a type that lists the problems of an operation in addition to those of [`complete`]:
/// `problems!(DebitProblems: MemberSuspended, QuotaExceeded);`, and in the handler's documentation
/// `responses(…, DebitProblems)`.
macro_rules! problems {
    ($name:ident: $($code:ident),+ $(,)?) => {
        #[doc = "The problems of the operation."]
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

/// The documented answers of these codes, one per status.
#[must_use]
pub fn problem_responses(codes: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let mut responses = BTreeMap::new();
    for code in codes {
        add_problem(&mut responses, *code);
    }
    responses
}

/// Adds the common problems and headers to every operation.
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

/// API keys are credentials: writes of them are not commands of the ledger.
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
    // An operation without authentication has an empty list.
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
    let header = |kind: Type, description: &str| {
        HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(kind).build()))
            .description(Some(description))
            .build()
    };
    let retry = || {
        header(
            Type::Integer,
            "The seconds after which a retry makes sense.",
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
                header(
                    Type::String,
                    "The remaining units or requests, and the seconds until the reset.",
                ),
            )
            .header("RateLimit-Policy", header(Type::String, "The quota.")),
        503 => answer.header("Retry-After", retry()),
        _ => answer,
    }
    .build()
}

fn add_write_headers(operation: &mut Operation) {
    let seq = HeaderBuilder::new()
        .schema(Some(whole(0, i64::MAX).build()))
        .description(Some(
            "The head of the log after the write, for `min_seq` of a read.",
        ))
        .build();
    let replayed = HeaderBuilder::new()
        .schema(Some(one_of_words(["true"]).build()))
        .description(Some(
            "Present if the command had been accepted before: the answer is its first outcome.",
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
