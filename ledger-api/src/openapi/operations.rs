//! The problems that operations share: a handler lists only its own ones.

use std::collections::BTreeMap;

use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, ObjectBuilder, OpenApi, PathItem, Ref, RefOr, Response,
    ResponseBuilder,
};

use crate::problem::Code;

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

/// Adds the common problems to every operation, and sorts its parameters.
pub fn complete(api: &mut OpenApi) {
    for (path, item) in &mut api.paths.paths {
        let of_school = path.contains("{school}");
        for (writes, operation) in operations(item) {
            let writes = writes && !is_beside_the_log(operation);
            for code in common_problems(operation, of_school, writes) {
                add_problem(&mut operation.responses.responses, code);
            }
            let parameters = operation.parameters.iter_mut();
            parameters.for_each(|parameters| parameters.sort_by_key(place));
        }
    }
}

/// The rank of a parameter: those of the path come first, headers last.
fn place(parameter: &RefOr<Parameter>) -> u8 {
    match parameter {
        RefOr::T(parameter) => match parameter.parameter_in {
            ParameterIn::Path => 0,
            ParameterIn::Query | ParameterIn::QueryString => 1,
            ParameterIn::Header | ParameterIn::Cookie => 2,
        },
        RefOr::Ref(_) => 0,
    }
}

/// The operations of a path, and whether each writes.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = (bool, &mut Operation)> {
    let reads = [&mut item.get, &mut item.head].map(|operation| (false, operation));
    let (post, put) = (&mut item.post, &mut item.put);
    let writes = [post, put, &mut item.patch, &mut item.delete].map(|operation| (true, operation));
    let all = reads.into_iter().chain(writes);
    all.filter_map(|(writes, operation)| Some((writes, operation.as_mut()?)))
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
