//! Reads of departments.

use axum::http::Uri;
use ledger_core::{DepartmentId, Refusal};
use ledger_projections::ProjectionName;
use ledger_projections::roster::departments::{self, DepartmentsFilter};

use super::answers::{Department, DepartmentsAnswer};
use crate::http::DepartmentCursor;
use crate::routes::prelude::*;
use ledger_auth::permission::{ReadDepartment, ReadSchool};

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
#[utoipa::path(get, path = "/v1/schools/{school}/departments")]
pub async fn list_departments(
    caller: Caller<Allowed<ReadSchool>>,
    uri: Uri,
    Query(query): Query<DepartmentsQuery>,
) -> Result<Page<DepartmentsAnswer>, Problem> {
    let filter = DepartmentsFilter {
        after: query.cursor.map(|cursor| cursor.0),
        with_closed: query.with_closed.unwrap_or_default(),
    };
    let limit = query.limit.unwrap_or_default().0;
    let mut read = caller.read(ProjectionName::Roster, query.min_seq).await?;
    let page = departments::page(&mut read, filter, limit).await?;
    finish_known(read, page.seq).await?;
    Ok(Page::new(&uri, page))
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
    responses(DepartmentProblems)
)]
pub async fn read_department(
    caller: Caller<AllowedViewer<ReadDepartment>>,
    Path(path): Path<DepartmentPath>,
    Query(query): Query<DepartmentQuery>,
) -> Result<axum::Json<Department>, Problem> {
    let department_id = DepartmentId(path.department);
    let mut read = caller.read(ProjectionName::Roster, query.min_seq).await?;
    let department = departments::one(&mut read, department_id).await?;
    read.finish().await?;
    let department = department.ok_or(Refusal::DepartmentNotFound { department_id })?;
    Ok(axum::Json(department.into()))
}
