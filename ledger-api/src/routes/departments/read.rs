//! Reads of departments.

use axum::extract::State;
use axum::http::Uri;
use ledger_core::{DepartmentId, Refusal};
use ledger_projections::ProjectionName;
use ledger_projections::roster::departments::{self, DepartmentsFilter};

use super::answers::{Department, DepartmentsAnswer};
use crate::auth::{Allowed, AllowedViewer};
use crate::http::{
    DepartmentCursor, DepartmentPath, Page, PageLimit, Path, Query, SchoolPath, query,
};
use crate::limits::PAGE_DEFAULT;
use crate::openapi::problems;
use crate::problem::Problem;
use crate::reads::{begin_read, require_known};
use crate::state::AppState;
use ledger_auth::{ReadDepartment, ReadSchool};

query! {
    /// The departments to list.
    DepartmentsQuery {
        /// The `next` of the previous page.
        cursor: DepartmentCursor,
        /// The maximum number of departments; 100 if not given.
        limit: PageLimit,
        /// Whether to include closed departments.
        with_closed: bool,
    }
}

/// Lists the school's departments.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/departments",
    tag = "departments",
    params(SchoolPath, DepartmentsQuery),
    responses((status = 200, description = "Departments.", body = DepartmentsAnswer,
        headers(("Link" = String, description = "The next page, if any (RFC 8288).")))),
)]
pub async fn list_departments(
    allowed: Allowed<ReadSchool>,
    State(state): State<AppState>,
    uri: Uri,
    Query(query): Query<DepartmentsQuery>,
) -> Result<Page<DepartmentsAnswer>, Problem> {
    let (caller, viewer) = (&allowed.credential, allowed.viewer());
    let filter = DepartmentsFilter {
        after: query.cursor.map(|cursor| cursor.0),
        with_closed: query.with_closed.unwrap_or_default(),
    };
    let limit = query.limit.map_or(PAGE_DEFAULT, |limit| limit.0);
    let roster = ProjectionName::Roster;
    let mut read = begin_read(&state, caller, viewer, roster, query.min_seq).await?;
    let page = departments::page(&mut read, filter, limit).await?;
    require_known(&mut read, page.seq).await?;
    read.finish().await?;
    let answer = DepartmentsAnswer::from(page);
    Ok(Page::new(&uri, answer.next, answer))
}

query! {
    /// The freshness of the read.
    DepartmentQuery {}
}

problems!(DepartmentProblems: DepartmentNotFound);

/// Reads a department, open or closed. A teacher reads only their own.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/departments/{department}",
    tag = "departments",
    params(DepartmentPath, DepartmentQuery),
    responses(
        (status = 200, description = "The department.", body = Department),
        DepartmentProblems,
    ),
)]
pub async fn read_department(
    allowed: AllowedViewer<ReadDepartment>,
    State(state): State<AppState>,
    Path(path): Path<DepartmentPath>,
    Query(query): Query<DepartmentQuery>,
) -> Result<axum::Json<Department>, Problem> {
    let (caller, viewer) = (&allowed.credential, allowed.viewer);
    let department_id = DepartmentId(path.department);
    let roster = ProjectionName::Roster;
    let mut read = begin_read(&state, caller, viewer, roster, query.min_seq).await?;
    let department = departments::one(&mut read, department_id).await?;
    read.finish().await?;
    let department = department.ok_or(Refusal::DepartmentNotFound { department_id })?;
    Ok(axum::Json(department.into()))
}
