//! Bodies of requests about members.

use ledger_core::allocation::AllocationCommand;
use ledger_core::department::DepartmentCommand;
use ledger_core::school::{EnrolMember, MemberStatus, SchoolCommand};
use ledger_core::{Action, DepartmentId, MemberId, SchoolId};
use ledger_store::writer::{DirectoryEntry, Envelope, SideWrites};
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Schema, Type};

use crate::command::{Origin, free_text};
use crate::http::fingerprint;
use crate::limits::EXTERNAL_IDS_MAX;
use crate::problem::Problem;
use crate::values::{
    Constrained, Constraint, Email, MemberRole, Name, NewId, Reason, Subject, exactly_one, present,
    with_member,
};

/// A person to enrol. Names and external ids are stored in the directory, not in the log.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "role": "teacher", "external_ids": ["thandi@riverside.example"], "display_name": "Thandi Nkosi"
}))]
pub struct EnrolBody {
    /// The member's id; generated if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    member_id: Option<NewId>,
    role: MemberRole,
    /// The department, whose allocation funds the member's grant; none if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub(super) department_id: Option<DepartmentId>,
    /// The member's ids in other systems, each unique in the school.
    #[serde(
        default,
        deserialize_with = "external_ids",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(required = false, max_items = 16)]
    external_ids: Vec<Subject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<Name>,
    /// The e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<Email>,
}

fn external_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Subject>, D::Error> {
    let ids = Vec::deserialize(deserializer)?;
    if ids.len() > EXTERNAL_IDS_MAX {
        let max = format!("at most {EXTERNAL_IDS_MAX}");
        return Err(de::Error::invalid_length(ids.len(), &max.as_str()));
    }
    Ok(ids)
}

impl EnrolBody {
    pub(super) fn into_envelope(
        self,
        school_id: SchoolId,
        origin: &Origin,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("enrol-member", &[], &self)?;
        let fallback = || MemberId(origin.key.id_for("member", school_id.0));
        let enrol = EnrolMember {
            member_id: self.member_id.map_or_else(fallback, |id| MemberId(id.0)),
            role: self.role.0,
            department_id: self.department_id,
            external_ids: self.external_ids.into_iter().map(|id| id.0).collect(),
        };
        let entry = DirectoryEntry {
            display_name: self.display_name.map(|name| name.0),
            email: self.email.map(|email| email.0),
        };
        let action = Action::School(SchoolCommand::EnrolMember(enrol));
        Ok(origin
            .envelope(fingerprint, action)
            .with_side_writes(SideWrites::Member(entry)))
    }
}

/// A member's new role or department. One at a time, since each is a separate command.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "role": "principal" }))]
pub struct ChangeBody {
    /// The new role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<MemberRole>,
    /// The new department; null for none. The member keeps all allocations.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Uuid>)]
    department_id: Option<Option<DepartmentId>>,
}

/// A change of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberChange {
    /// The role.
    Role(MemberRole),
    /// The department.
    Department(Option<DepartmentId>),
}

impl ChangeBody {
    /// The change.
    ///
    /// # Errors
    /// [`crate::problem::Code::InvalidRequest`] unless there is exactly one.
    pub(super) fn change(&self) -> Result<MemberChange, Problem> {
        match (self.role, self.department_id) {
            (Some(role), None) => Ok(MemberChange::Role(role)),
            (None, Some(department_id)) => Ok(MemberChange::Department(department_id)),
            (Some(_), Some(_)) => Err(Problem::invalid(
                "role and department_id cannot be changed in one request",
            )
            .at("department_id")),
            (None, None) => Err(Problem::invalid("role or department_id is required").at("role")),
        }
    }

    pub(super) fn into_envelope(
        self,
        member_id: MemberId,
        origin: &Origin,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("change-member", &[&member_id], &self)?;
        let action = match self.change()? {
            MemberChange::Role(MemberRole(role)) => {
                Action::School(SchoolCommand::SetRole { member_id, role })
            }
            MemberChange::Department(to) => {
                Action::Department(DepartmentCommand::Move { member_id, to })
            }
        };
        Ok(origin.envelope(fingerprint, action))
    }
}

/// The schema of [`ChangeBody`].
pub type ChangeSchema = Constrained<ChangeBody>;

impl Constraint for ChangeBody {
    fn constraints() -> Vec<Schema> {
        let role = with_member("role", &[Type::String]);
        let department_id = with_member("department_id", &[Type::String, Type::Null]);
        vec![exactly_one([role, department_id])]
    }
}

/// The reason for an erasure.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "request 17 of the data protection officer" }))]
pub struct EraseBody {
    /// The reason. It is not erased, so it must not name the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
}

impl EraseBody {
    pub(super) fn into_envelope(
        self,
        member_id: MemberId,
        origin: &Origin,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("erase-member", &[&member_id], &self)?;
        let reason = self.reason.map(|reason| free_text("reason", &reason.0));
        let reason = reason.transpose()?;
        let action = Action::School(SchoolCommand::EraseMember { member_id, reason });
        Ok(origin.envelope(fingerprint, action))
    }
}

/// The reason for a suspension or reactivation.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StandingBody, example = json!({ "reason": "on leave until the next term" }))]
pub struct StatusBody {
    reason: Reason,
}

impl StatusBody {
    pub(super) fn into_envelope(
        self,
        member_id: MemberId,
        status: MemberStatus,
        origin: &Origin,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint(status.as_str(), &[&member_id], &self)?;
        let reason = free_text("reason", &self.reason.0)?;
        let action = Action::Allocation(match status {
            MemberStatus::Suspended => AllocationCommand::Suspend { member_id, reason },
            MemberStatus::Active | MemberStatus::Removed => {
                AllocationCommand::Reactivate { member_id, reason }
            }
        });
        Ok(origin.envelope(fingerprint, action))
    }
}

/// Removes a member.
pub(super) fn remove(member_id: MemberId, origin: &Origin) -> Result<Envelope, Problem> {
    let fingerprint = fingerprint("remove-member", &[&member_id], &())?;
    let action = Action::School(SchoolCommand::RemoveMember { member_id });
    Ok(origin.envelope(fingerprint, action))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse_json;
    use ledger_core::Role;

    #[test]
    fn external_ids_are_limited_in_number_and_not_empty() {
        let parse = |ids: &str| {
            parse_json::<EnrolBody>(
                format!(r#"{{"role":"teacher","external_ids":{ids}}}"#).as_bytes(),
            )
        };
        let many = |n: usize| format!("[{}]", vec!["\"x\""; n].join(","));
        assert!(parse("[]").is_ok() && parse(&many(EXTERNAL_IDS_MAX)).is_ok());
        assert!(parse(&many(EXTERNAL_IDS_MAX + 1)).is_err());
        assert!(parse("[\"\"]").is_err() && parse("null").is_err());
        assert_eq!(EXTERNAL_IDS_MAX, 16, "as documented");
    }

    #[test]
    fn a_request_changes_role_or_department() {
        let parse = |body: &str| {
            let body = parse_json::<ChangeBody>(body.as_bytes())?;
            body.change()
        };
        let id = DepartmentId(uuid::Uuid::max());
        assert_eq!(
            parse(r#"{"role":"auditor"}"#).unwrap(),
            MemberChange::Role(MemberRole(Role::Auditor))
        );
        assert_eq!(
            parse(&format!(r#"{{"department_id":"{id}"}}"#)).unwrap(),
            MemberChange::Department(Some(id))
        );
        assert_eq!(
            parse(r#"{"department_id":null}"#).unwrap(),
            MemberChange::Department(None)
        );
        for refused in [
            "{}",
            r#"{"role":null}"#,
            r#"{"role":"proxy"}"#,
            r#"{"role":"system"}"#,
            r#"{"role":"auditor","department_id":null}"#,
            r#"{"department_id":"the best"}"#,
        ] {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }
}
