//! All routes on one page, with their middleware.

use axum::routing::get;
use axum::{Extension, Router, middleware};
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::observe;
use crate::openapi::{complete, described};
use crate::problem::ProblemDocument;
use crate::routes::{
    allocations, api_keys, balances, corrections, debits, departments, docs, events, fallback,
    health, history, holds, members, reports, requests, schools, stream, unattributed, usage,
};
use crate::state::AppState;

/// The description of the API as a whole.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Allocation Ledger",
        description = "Controls how schools spend their AI quota, and records every change. Every \
                       error is a problem (RFC 9457); its type is the URL of an explanation.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(ProblemDocument)),
    security(("bearer" = [])),
    modifiers(&Bearer),
    tags(
        (name = "usage", description = "Debits, holds, reported usage and corrections."),
        (name = "schools", description = "Schools, their subscriptions and settings."),
        (name = "members", description = "Members of a school."),
        (name = "departments", description = "Groups of members that share an allocation."),
        (name = "allocations", description = "Allocations of members and departments."),
        (name = "requests", description = "Requests for units and decisions on them."),
        (name = "reads", description = "Balances, history and usage."),
        (name = "log", description = "The events."),
        (name = "api-keys", description = "Credentials of programs."),
        (name = "operations", description = "Probes and metrics."),
    ),
)]
struct Document;

/// The authentication scheme.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A JWT, or an API key of a proxy."))
            .build();
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// The handlers of a tag, each described by its documentation and its signature.
macro_rules! tagged {
    ($tag:literal: $($($part:ident)::+),+ $(,)?) => {
        OpenApiRouter::new()$(.routes(described($tag, $($part)::+, routes!($($part)::+))))+
    };
}

fn api_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(usage_routes())
        .merge(school_routes())
        .merge(read_routes())
        .merge(operation_routes())
}

fn usage_routes() -> OpenApiRouter<AppState> {
    tagged! { "usage":
        debits::debit,
        debits::debit_batch,
        holds::place_hold,
        holds::settle_hold,
        holds::release_hold,
        reports::report_usage,
        reports::report_usage_to_collector,
        corrections::correct_usage,
        unattributed::assign_usage,
    }
}

fn school_routes() -> OpenApiRouter<AppState> {
    let schools = tagged! { "schools":
        schools::register_school,
        schools::read::read_school,
        schools::set_subscription,
        schools::change_settings,
    };
    let departments = tagged! { "departments":
        departments::read::list_departments,
        departments::open_department,
        departments::read::read_department,
        departments::close_department,
    };
    let members = tagged! { "members":
        members::read::list_members,
        members::enrol_member,
        members::read::read_member,
        members::change_member,
        members::remove_member,
        members::erase_member,
    };
    let allocations = tagged! { "allocations":
        allocations::set_allocation,
        allocations::set_department_allocation,
        allocations::allocate_batch,
        allocations::read::export_allocations,
        allocations::import_allocations,
        members::suspend_member,
        members::reactivate_member,
    };
    let requests = tagged! { "requests":
        requests::read::list_requests,
        requests::file_request,
        requests::read::read_request,
        requests::approve_request,
        requests::reject_request,
        requests::withdraw_request,
    };
    let parts = [departments, members, allocations, requests];
    parts.into_iter().fold(schools, OpenApiRouter::merge)
}

fn read_routes() -> OpenApiRouter<AppState> {
    let log = tagged! { "log": events::read::list_events, stream::follow_events };
    let reads = tagged! { "reads":
        balances::read::read_school_balance,
        balances::read::read_department_balance,
        balances::read::read_member_balance,
        history::list_history,
        usage::read::read_usage,
        unattributed::read::list_unattributed,
    };
    reads.merge(log)
}

fn operation_routes() -> OpenApiRouter<AppState> {
    let api_keys = tagged! { "api-keys":
        api_keys::list_api_keys,
        api_keys::make_api_key,
        api_keys::revoke_api_key,
        api_keys::list_platform_api_keys,
        api_keys::make_platform_api_key,
        api_keys::revoke_platform_api_key,
    };
    let operations = tagged! { "operations":
        health::healthz, health::readyz, health::metrics, docs::openapi_json,
    };
    api_keys.merge(operations)
}

/// The description of every route (OpenAPI 3.1).
#[must_use]
pub fn openapi() -> OpenApi {
    let mut api = api_routes().into_openapi();
    complete(&mut api);
    api
}

/// The HTTP API as a service.
pub fn router(state: AppState) -> Router {
    let (api, _) = api_routes().split_for_parts();
    api.route("/docs", get(docs::front))
        .route("/docs/", get(docs::index))
        .route("/docs/{*name}", get(docs::asset))
        .method_not_allowed_fallback(fallback::method_not_allowed)
        .fallback(fallback::not_found)
        .layer(Extension(docs::Document(openapi)))
        .layer(middleware::from_fn(observe))
        .with_state(state)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use serde_json::Value;

    fn document() -> Value {
        serde_json::to_value(openapi()).unwrap()
    }

    fn operations(document: &Value) -> Vec<(String, &Value)> {
        let paths = document["paths"].as_object().unwrap();
        paths
            .iter()
            .flat_map(|(path, item)| {
                let item = item.as_object().unwrap();
                item.iter()
                    .map(move |(method, operation)| (format!("{method} {path}"), operation))
            })
            .collect()
    }

    #[test]
    fn every_operation_has_a_tag_a_summary_and_an_id_of_its_own() {
        let document = document();
        let known: Vec<_> = document["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| &t["name"])
            .collect();
        let mut ids = BTreeSet::new();
        for (name, operation) in operations(&document) {
            let tags = operation["tags"].as_array().unwrap();
            assert!(
                tags.len() == 1 && known.contains(&&tags[0]),
                "{name}: {tags:?}"
            );
            assert!(
                operation["summary"]
                    .as_str()
                    .is_some_and(|s| s.ends_with('.')),
                "{name}"
            );
            assert!(
                ids.insert(operation["operationId"].as_str().unwrap()),
                "{name}: its id"
            );
        }
    }

    #[test]
    fn every_answer_has_a_schema_and_every_error_is_a_problem() {
        let document = document();
        for (name, operation) in operations(&document) {
            for (status, answer) in operation["responses"].as_object().unwrap() {
                assert!(
                    !answer["description"].as_str().unwrap().is_empty(),
                    "{name} {status}"
                );
                if status == "204" || status.starts_with('3') {
                    continue;
                }
                let content = answer["content"].as_object();
                let content = content.unwrap_or_else(|| panic!("{name} {status}: no content"));
                assert!(
                    content.values().all(|media| media["schema"].is_object()),
                    "{name} {status}"
                );
                if status.starts_with(['4', '5']) {
                    assert!(
                        content.keys().eq(["application/problem+json"]),
                        "{name} {status}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut waiting = vec![&document];
        while let Some(value) = waiting.pop() {
            match value {
                Value::Object(object) => {
                    if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                        let pointer = reference.trim_start_matches('#');
                        assert!(document.pointer(pointer).is_some(), "{reference}");
                    }
                    waiting.extend(object.values());
                }
                Value::Array(array) => waiting.extend(array),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
    }
}
