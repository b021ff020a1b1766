//! Reads the departments of a school.

use chrono::{DateTime, Utc};
use ledger_core::{DepartmentId, Seq, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::error::ReadError;
use crate::tenant::TenantRead;

/// The maximum number of departments per page.
pub const DEPARTMENTS_PAGE_MAX: u32 = 1_000;

/// A department.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Department {
    /// The department.
    pub department_id: DepartmentId,
    /// The name in the directory.
    pub name: Option<String>,
    /// Whether it is closed.
    pub closed: bool,
    /// The number of members, without removed ones.
    pub members: u64,
    /// The time at which it was opened.
    pub opened_at: Timestamp,
    /// The time at which it was closed.
    pub closed_at: Option<Timestamp>,
}

/// Some departments, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DepartmentsPage {
    /// The last event that the read model has applied.
    pub seq: Seq,
    /// The departments.
    pub departments: Vec<Department>,
    /// The position after which the next page begins; `None` on the last page.
    pub next_after: Option<DepartmentId>,
}

/// Which departments to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct DepartmentsFilter {
    /// Departments after this one.
    pub after: Option<DepartmentId>,
    /// Includes closed departments.
    pub with_closed: bool,
}

/// The departments of the viewer's school that the viewer may see, at most `limit` and at most
/// [`DEPARTMENTS_PAGE_MAX`].
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn page(
    read: &mut TenantRead,
    filter: DepartmentsFilter,
    limit: u32,
) -> Result<DepartmentsPage, ReadError> {
    let limit = limit.clamp(1, DEPARTMENTS_PAGE_MAX);
    let seq = read.seq_of(crate::ProjectionName::Roster).await?;
    let rows = sqlx::query_file_as!(
        Row,
        "src/roster/queries/departments.sql",
        read.school_id().0,
        filter.after.map_or(Uuid::nil(), |after| after.0),
        filter.with_closed,
        i64::from(limit) + 1,
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading departments"))?;
    let mut departments = rows
        .into_iter()
        .map(Row::department)
        .collect::<Result<Vec<_>, _>>()?;
    let limit = limit as usize;
    let next_after = (departments.len() > limit).then(|| departments[limit - 1].department_id);
    departments.truncate(limit);
    Ok(DepartmentsPage {
        seq,
        departments,
        next_after,
    })
}

/// A department of the viewer's school, closed ones included; `None` when no department has this id
/// or the viewer may not see it.
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn one(
    read: &mut TenantRead,
    department_id: DepartmentId,
) -> Result<Option<Department>, ReadError> {
    sqlx::query_file_as!(
        Row,
        "src/roster/queries/department.sql",
        read.school_id().0,
        department_id.0,
    )
    .fetch_optional(read.connection())
    .await
    .map_err(ReadError::at("reading a department"))?
    .map(Row::department)
    .transpose()
}

struct Row {
    department_id: Uuid,
    name: Option<String>,
    opened_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    members: i64,
}

impl Row {
    fn department(self) -> Result<Department, ReadError> {
        Ok(Department {
            department_id: DepartmentId(self.department_id),
            name: self.name,
            closed: self.closed_at.is_some(),
            members: u64::try_from(self.members).map_err(|_| ReadError::Unreadable("members"))?,
            opened_at: Timestamp::new(self.opened_at),
            closed_at: self.closed_at.map(Timestamp::new),
        })
    }
}
