//! Bodies of requests about departments.

use ledger_core::department::DepartmentCommand;
use ledger_core::{Action, DepartmentId, SchoolId};
use ledger_store::writer::{Envelope, SideWrites};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::command::Origin;
use crate::http::fingerprint;
use crate::problem::Problem;
use crate::values::{Name, NewId};

/// A department to open. Its name is stored in the directory, not in the log.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Languages" }))]
pub struct OpenBody {
    /// The department's id; generated if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    department_id: Option<NewId>,
    pub(super) name: Name,
}

impl OpenBody {
    pub(super) fn into_envelope(
        self,
        school_id: SchoolId,
        origin: &Origin,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("open-department", &[], &self)?;
        let fallback = || DepartmentId(origin.key.id_for("department", school_id.0));
        let department_id = self
            .department_id
            .map_or_else(fallback, |id| DepartmentId(id.0));
        let action = Action::Department(DepartmentCommand::Open { department_id });
        let side_writes = SideWrites::Department { name: self.name.0 };
        Ok(origin
            .envelope(fingerprint, action)
            .with_side_writes(side_writes))
    }
}

/// Closes a department.
pub(super) fn close(department_id: DepartmentId, origin: &Origin) -> Result<Envelope, Problem> {
    let fingerprint = fingerprint("close-department", &[&department_id], &())?;
    let action = Action::Department(DepartmentCommand::Close { department_id });
    Ok(origin.envelope(fingerprint, action))
}
