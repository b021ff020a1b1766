//! Reads of a school.

use axum::Json as JsonAnswer;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use ledger_core::Refusal;
use ledger_projections::{ProjectionName, roster};

use super::answers::School;
use crate::auth::Allowed;
use crate::http::{Now, Query, SchoolPath, etag, query};
use crate::problem::Problem;
use crate::reads::begin_read;
use crate::state::AppState;
use ledger_auth::ReadSchool;

query! {
    /// The freshness of the read.
    SchoolQuery {}
}

/// Reads a school with its subscription and settings.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}",
    tag = "schools",
    params(SchoolPath, SchoolQuery),
    responses((status = 200, description = "The school.", body = School,
        headers(("ETag" = String, description = "The version of subscription and settings.")))),
)]
pub async fn read_school(
    allowed: Allowed<ReadSchool>,
    State(state): State<AppState>,
    Now(now): Now,
    Query(query): Query<SchoolQuery>,
) -> Result<impl IntoResponse, Problem> {
    let (caller, viewer) = (&allowed.credential, allowed.viewer());
    let roster = ProjectionName::Roster;
    let mut read = begin_read(&state, caller, viewer, roster, query.min_seq).await?;
    let school = roster::read::school(&mut read, now).await?;
    read.finish().await?;
    let school = school.ok_or(Refusal::SchoolNotFound)?;
    let version = [(header::ETAG, etag(school.version))];
    Ok((version, JsonAnswer(School::from(school))))
}
