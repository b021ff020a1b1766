//! What is told of departments.

use ledger_core::department::DepartmentEvent;
use ledger_core::{DepartmentId, Event, EventId, Seq};
use ledger_projections::roster::departments::{Department, DepartmentsPage};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::DepartmentCursor;
use crate::openapi::schema;
use crate::problem::Problem;
use crate::routes::returned::{ReturnedAnswer, returned};

/// A department that is open.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DepartmentOpenedAnswer)]
pub struct OpenedAnswer {
    /// The department's id.
    #[schema(value_type = Uuid)]
    pub(super) department_id: DepartmentId,
    /// The head of the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The opening's identity in the school.
    #[schema(value_type = Uuid)]
    event_id: EventId,
    /// Whether it was opened before, and this is what came of it then.
    replayed: bool,
    /// Its name.
    name: String,
}

impl OpenedAnswer {
    pub(super) fn of(name: String, receipt: &Receipt) -> Result<Self, Problem> {
        let first = receipt.events.first().map(|recorded| &recorded.event);
        let Some(Event::Department(DepartmentEvent::Opened(opened))) = first else {
            return Err(Problem::unlike("an opening", receipt));
        };
        Ok(Self {
            department_id: opened.department_id,
            seq: receipt.seq,
            event_id: receipt.event_id,
            replayed: receipt.replayed,
            name,
        })
    }
}

/// A department that has ended.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DepartmentClosedAnswer)]
pub struct ClosedAnswer {
    /// The department's id.
    #[schema(value_type = Uuid)]
    department_id: DepartmentId,
    /// The head of the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The identity of the first event of its end.
    #[schema(value_type = Uuid)]
    event_id: EventId,
    /// Whether it was done before, and this is what came of it then.
    replayed: bool,
    /// What returned to the pool.
    returned: Vec<ReturnedAnswer>,
}

impl ClosedAnswer {
    pub(super) fn of(department_id: DepartmentId, receipt: &Receipt) -> Self {
        Self {
            department_id,
            seq: receipt.seq,
            event_id: receipt.event_id,
            replayed: receipt.replayed,
            returned: returned(receipt),
        }
    }
}

/// Departments, in the order of their ids.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DepartmentsAnswer {
    /// The event up to which this counts.
    #[schema(value_type = schema::Seq)]
    pub(super) seq: Seq,
    /// The departments.
    #[schema(value_type = Vec<DepartmentDocument>)]
    departments: Vec<Department>,
    /// The `cursor` of the next page; none when this is the last.
    #[schema(required)]
    pub(super) next: Option<DepartmentCursor>,
}

impl From<DepartmentsPage> for DepartmentsAnswer {
    fn from(page: DepartmentsPage) -> Self {
        Self {
            seq: page.seq,
            departments: page.departments,
            next: page.next_after.map(DepartmentCursor),
        }
    }
}

/// A department.
#[derive(Debug, ToSchema)]
#[schema(as = Department)]
#[allow(
    dead_code,
    reason = "it describes what roster::departments::Department is written as"
)]
pub struct DepartmentDocument {
    /// The department's id.
    #[schema(value_type = Uuid)]
    department_id: DepartmentId,
    /// Its name, when the directory has one.
    #[schema(required)]
    name: Option<String>,
    /// Whether it has ended.
    closed: bool,
    /// How many members are in it.
    #[schema(value_type = schema::Units)]
    members: i64,
    /// When it was opened.
    #[schema(value_type = schema::Instant)]
    opened_at: String,
    /// When it ended.
    #[schema(value_type = Option<schema::Instant>, required)]
    closed_at: Option<String>,
}
