//! What is asked of members.

use ledger_core::department::DepartmentCommand;
use ledger_core::school::{EnrolMember, SchoolCommand};
use ledger_core::{Action, Actor, DepartmentId, MemberId, SchoolId};
use ledger_store::writer::{DirectoryEntry, Envelope, SideWrites};
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AllOf, ObjectBuilder, OneOf, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::command::RequestMeta;
use crate::http::fingerprint;
use crate::limits::EXTERNAL_IDS_MAX;
use crate::problem::Problem;
use crate::values::{Email, MemberRole, Name, NewId, Subject};

/// A person to let in. Names and ids of other systems are kept in the directory, not in the log.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "role": "teacher", "external_ids": ["thandi@riverside.example"], "display_name": "Thandi Nkosi"
}))]
pub struct EnrolBody {
    /// The member's id; without one he is given one.
    #[serde(skip_serializing_if = "Option::is_none")]
    member_id: Option<NewId>,
    /// What he may do.
    role: MemberRole,
    /// The department that he comes into, out of whose allocation he is granted units; none when not
    /// given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub(super) department_id: Option<DepartmentId>,
    /// The ids that other systems know him by, each unique in the school.
    #[serde(
        default,
        deserialize_with = "external_ids",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(required = false, max_items = 16)]
    external_ids: Vec<Subject>,
    /// His name.
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<Name>,
    /// His e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<Email>,
}

fn external_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Subject>, D::Error> {
    let ids = Vec::deserialize(deserializer)?;
    if ids.len() > EXTERNAL_IDS_MAX {
        let most = format!("at most {EXTERNAL_IDS_MAX}");
        return Err(de::Error::invalid_length(ids.len(), &most.as_str()));
    }
    Ok(ids)
}

impl EnrolBody {
    pub(super) fn into_envelope(
        self,
        school_id: SchoolId,
        actor: Actor,
        meta: &RequestMeta,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("enrol-member", &[], &self)?;
        let fallback = || MemberId(meta.key.id_for("member", school_id.0));
        let enrol = EnrolMember {
            member_id: self.member_id.map_or_else(fallback, MemberId::from),
            role: self.role.into(),
            department_id: self.department_id,
            external_ids: self.external_ids.into_iter().map(|id| id.0).collect(),
        };
        let entry = DirectoryEntry {
            display_name: self.display_name.map(|name| name.0),
            email: self.email.map(|email| email.0),
        };
        let action = Action::School(SchoolCommand::EnrolMember(enrol));
        Ok(meta
            .envelope(actor, fingerprint, action)
            .with_side_writes(SideWrites::Member(entry)))
    }
}

/// What changes of a member: what he may do, or the department that he is in. One at a time, since
/// each is a command of its own.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "role": "principal" }))]
pub struct ChangeBody {
    /// What he may do from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<MemberRole>,
    /// The department that he is in from now on, with all that he holds; `null`: in none.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Uuid>)]
    department_id: Option<Option<DepartmentId>>,
}

/// Tells `null` from what is not there.
fn given<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<DepartmentId>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A change of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberChange {
    /// What he may do.
    Role(MemberRole),
    /// The department that he is in.
    Department(Option<DepartmentId>),
}

impl ChangeBody {
    /// The change.
    ///
    /// # Errors
    /// [`crate::problem::Code::InvalidRequest`] unless it is one.
    pub(super) fn change(&self) -> Result<MemberChange, Problem> {
        match (self.role, self.department_id) {
            (Some(role), None) => Ok(MemberChange::Role(role)),
            (None, Some(department_id)) => Ok(MemberChange::Department(department_id)),
            (Some(_), Some(_)) => Err(Problem::invalid(
                "role and department_id cannot be changed in one request",
            )
            .with("at", "department_id")),
            (None, None) => {
                Err(Problem::invalid("role or department_id is required").with("at", "role"))
            }
        }
    }

    pub(super) fn into_envelope(
        self,
        member_id: MemberId,
        actor: Actor,
        meta: &RequestMeta,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("change-member", &[&member_id], &self)?;
        let action = match self.change()? {
            MemberChange::Role(role) => {
                let role = role.into();
                Action::School(SchoolCommand::SetRole { member_id, role })
            }
            MemberChange::Department(to) => {
                Action::Department(DepartmentCommand::Move { member_id, to })
            }
        };
        Ok(meta.envelope(actor, fingerprint, action))
    }
}

/// How the body is documented: with exactly one of its members.
#[derive(Debug)]
pub struct ChangeDocument;

impl PartialSchema for ChangeDocument {
    fn schema() -> RefOr<Schema> {
        let of = |types: &[Type]| {
            ObjectBuilder::new().schema_type(SchemaType::from_iter(types.iter().cloned()))
        };
        let mut one = OneOf::new();
        one.items = [
            ("role", of(&[Type::String])),
            ("department_id", of(&[Type::String, Type::Null])),
        ]
        .into_iter()
        .map(|(name, value)| ObjectBuilder::new().property(name, value).required(name))
        .map(|object| RefOr::T(Schema::Object(object.build())))
        .collect();
        let mut both = AllOf::new();
        both.items = vec![ChangeBody::schema(), RefOr::T(Schema::OneOf(one))];
        RefOr::T(Schema::AllOf(both))
    }
}

impl ToSchema for ChangeDocument {
    fn name() -> std::borrow::Cow<'static, str> {
        ChangeBody::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        ChangeBody::schemas(schemas);
    }
}

/// A member's leaving.
pub(super) fn remove(
    member_id: MemberId,
    actor: Actor,
    meta: &RequestMeta,
) -> Result<Envelope, Problem> {
    let fingerprint = fingerprint("remove-member", &[&member_id], &())?;
    let action = Action::School(SchoolCommand::RemoveMember { member_id });
    Ok(meta.envelope(actor, fingerprint, action))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse_json;

    #[test]
    fn external_ids_are_not_too_many_and_none_is_empty() {
        let read = |ids: &str| {
            parse_json::<EnrolBody>(
                format!(r#"{{"role":"teacher","external_ids":{ids}}}"#).as_bytes(),
            )
        };
        let many = |n: usize| format!("[{}]", vec!["\"x\""; n].join(","));
        assert!(read("[]").is_ok() && read(&many(EXTERNAL_IDS_MAX)).is_ok());
        assert!(read(&many(EXTERNAL_IDS_MAX + 1)).is_err());
        assert!(read("[\"\"]").is_err() && read("null").is_err());
        assert_eq!(EXTERNAL_IDS_MAX, 16, "as documented");
    }

    #[test]
    fn a_member_changes_in_one_way_at_a_time() {
        let read = |body: &str| {
            let body = parse_json::<ChangeBody>(body.as_bytes())?;
            body.change()
        };
        let id = DepartmentId(uuid::Uuid::max());
        assert_eq!(
            read(r#"{"role":"auditor"}"#).unwrap(),
            MemberChange::Role(MemberRole::Auditor)
        );
        assert_eq!(
            read(&format!(r#"{{"department_id":"{id}"}}"#)).unwrap(),
            MemberChange::Department(Some(id))
        );
        assert_eq!(
            read(r#"{"department_id":null}"#).unwrap(),
            MemberChange::Department(None)
        );
        for refused in [
            "{}",
            r#"{"role":null}"#,
            r#"{"role":"auditor","department_id":null}"#,
            r#"{"department_id":"the best"}"#,
        ] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }
}
