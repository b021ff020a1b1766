//! Answers about departments.

use ledger_core::department::DepartmentEvent;
use ledger_core::{DepartmentId, Event};
use ledger_projections::roster::departments::{self, DepartmentsPage};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::{DepartmentCursor, rows};
use crate::problem::Problem;
use crate::values::{DepartmentSubject, Instant, ReturnedAnswer, Units, WriteAnswer, decreases};

/// The answer to the opening of a department.
pub type DepartmentOpenedAnswer = WriteAnswer<Opened, Uuid, DepartmentSubject>;

/// An opened department.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DepartmentOpenedAnswer)]
pub struct Opened {
    name: String,
}

pub(super) fn opened(name: String, receipt: &Receipt) -> Result<DepartmentOpenedAnswer, Problem> {
    let first = receipt.events.first().map(|recorded| &recorded.event);
    let Some(Event::Department(DepartmentEvent::Opened(opened))) = first else {
        return Err(Problem::unlike("an opening", receipt));
    };
    let subject = subject(opened.department_id);
    Ok(WriteAnswer::about(subject, receipt, Opened { name }))
}

/// The answer to the closing of a department.
pub type DepartmentClosedAnswer = WriteAnswer<Closed, Uuid, DepartmentSubject>;

/// A closed department.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DepartmentClosedAnswer)]
pub struct Closed {
    /// The units returned to the pool.
    returned: Vec<ReturnedAnswer>,
}

pub(super) fn closed(department_id: DepartmentId, receipt: &Receipt) -> DepartmentClosedAnswer {
    let returned = decreases(receipt).map(ReturnedAnswer::from).collect();
    WriteAnswer::about(subject(department_id), receipt, Closed { returned })
}

const fn subject(department_id: DepartmentId) -> DepartmentSubject {
    DepartmentSubject {
        department_id: department_id.0,
    }
}

rows! {
    /// Departments, in the order of their ids.
    DepartmentsAnswer {
        departments: Vec<Department>,
        next_after: DepartmentCursor,
    } of DepartmentsPage
}

/// A department.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Department {
    department_id: Uuid,
    /// The name in the directory.
    #[schema(required)]
    name: Option<String>,
    closed: bool,
    /// The number of members.
    #[schema(value_type = Units)]
    members: u64,
    opened_at: Instant,
    #[schema(required)]
    closed_at: Option<Instant>,
}

impl From<departments::Department> for Department {
    fn from(department: departments::Department) -> Self {
        Self {
            department_id: department.department_id.0,
            name: department.name,
            closed: department.closed,
            members: department.members,
            opened_at: department.opened_at.into(),
            closed_at: department.closed_at.map(Into::into),
        }
    }
}
