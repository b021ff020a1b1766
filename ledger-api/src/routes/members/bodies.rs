//! What is asked of members.

use ledger_core::school::{EnrolMember, SchoolCommand};
use ledger_core::{Action, Actor, MemberId, SchoolId};
use ledger_store::writer::{Beside, DirectoryEntry};
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;

use crate::convention::{Email, Issue, MemberRole, Name, NewId, Stamp, Subject, fingerprint};
use crate::limits::EXTERNAL_IDS_MAX;
use crate::problem::Problem;

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
    pub(super) fn into_issue(
        self,
        school_id: SchoolId,
        actor: Actor,
        stamp: Stamp,
    ) -> Result<Issue, Problem> {
        let fingerprint = fingerprint("enrol-member", &[], &self)?;
        let fallback = || MemberId(stamp.key.id_for("member", school_id.0));
        let enrol = EnrolMember {
            member_id: self.member_id.map_or_else(fallback, MemberId::from),
            role: self.role.into(),
            claimed: Vec::new(),
        };
        let entry = DirectoryEntry {
            display_name: self.display_name.map(|name| name.0),
            email: self.email.map(|email| email.0),
            external_ids: self.external_ids.into_iter().map(|id| id.0).collect(),
        };
        let action = Action::School(SchoolCommand::EnrolMember(enrol));
        Ok(Issue {
            beside: Beside::Member(entry),
            ..Issue::new(school_id, actor, stamp, fingerprint, action)
        })
    }
}

/// What a member may do from now on.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "role": "principal" }))]
pub struct RoleBody {
    /// His role.
    pub(super) role: MemberRole,
}

impl RoleBody {
    pub(super) fn into_issue(
        self,
        school_id: SchoolId,
        member_id: MemberId,
        actor: Actor,
        stamp: Stamp,
    ) -> Result<Issue, Problem> {
        let fingerprint = fingerprint("change-member", &[&member_id], &self)?;
        let role = self.role.into();
        let action = Action::School(SchoolCommand::SetRole { member_id, role });
        Ok(Issue::new(school_id, actor, stamp, fingerprint, action))
    }
}

/// A member's leaving.
pub(super) fn remove(
    school_id: SchoolId,
    member_id: MemberId,
    actor: Actor,
    stamp: Stamp,
) -> Result<Issue, Problem> {
    let fingerprint = fingerprint("remove-member", &[&member_id], &())?;
    let action = Action::School(SchoolCommand::RemoveMember { member_id });
    Ok(Issue::new(school_id, actor, stamp, fingerprint, action))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convention::parse_json;

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
}
