//! Reads of a school.

use axum::Json as JsonAnswer;
use ledger_core::Refusal;
use ledger_projections::{ProjectionName, roster};

use super::answers::School;
use crate::routes::prelude::*;
use ledger_auth::permission::ReadSchool;

query! {
    /// The freshness of the read.
    SchoolQuery {}
}

/// Reads a school with its subscription and settings.
#[utoipa::path(get, path = "/v1/schools/{school}")]
pub async fn read_school(
    caller: Caller<Allowed<ReadSchool>>,
    Query(query): Query<SchoolQuery>,
) -> Result<Versioned<JsonAnswer<School>>, Problem> {
    let mut read = caller.read(ProjectionName::Roster, query.min_seq).await?;
    let school = roster::read::school(&mut read, caller.now).await?;
    read.finish().await?;
    let school = school.ok_or(Refusal::SchoolNotFound)?;
    Ok(Versioned(school.version, JsonAnswer(school.into())))
}
