//! An authenticated caller.

use std::fmt;

use ledger_core::{Actor, ActorId, Role, SchoolId};
use uuid::Uuid;

use crate::api_key::ApiKeyId;
use crate::error::AuthError;
use crate::tenancy::Tenancy;

/// Namespace of credential ids, a random UUID. The ids are not stored.
const CREDENTIALS: Uuid = Uuid::from_u128(0xc7e2_51d8_0a96_4f1b_b3d4_92fe_6870_1c5d);

/// Maximum length of a subject in characters, that of an external id.
pub(crate) const SUBJECT_CHARS_MAX: usize = 256;

/// The key of a rate limit: one per subject and school, or API key. Not one per token, since a new
/// token would be a new limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CredentialId(Uuid);

/// A caller with a valid token or API key.
///
/// **Invariant:** the role is never [`Role::System`], and only proxies and platform admins have all
/// schools. Only this crate can create one, so that its holder was authenticated.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The actor of commands and events.
    pub actor: Actor,
    /// The schools that the credential is valid for.
    pub tenancy: Tenancy,
    /// The token's `sub`, or an equivalent of an API key. It can be an e-mail address, so it is in
    /// no event and no log line.
    pub subject: String,
    /// The key of the caller's rate limit.
    pub id: CredentialId,
    private: Private,
}

/// Prevents the construction of a [`Credential`] by other crates.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Private;

impl Credential {
    /// The credential of a verified token.
    ///
    /// Platform admins have all schools, even if their token names one. A proxy without a school
    /// has all; any other role needs one.
    pub(crate) fn from_claims(
        role: Role,
        school: Option<SchoolId>,
        subject: &str,
    ) -> Result<Self, AuthError> {
        if !(1..=SUBJECT_CHARS_MAX).contains(&subject.chars().count()) {
            return Err(AuthError::InvalidClaim("sub"));
        }
        if school.is_some_and(|school| school.0.is_nil()) {
            return Err(AuthError::UnknownSchool);
        }
        let tenancy = match (role, school) {
            (Role::System, _) => return Err(AuthError::UnknownRole),
            (Role::PlatformAdmin, _) | (Role::Proxy, None) => Tenancy::AllSchools,
            (
                Role::Teacher
                | Role::Principal
                | Role::PrincipalAdmin
                | Role::Auditor
                | Role::Proxy,
                Some(school),
            ) => Tenancy::School(school),
            (Role::Teacher | Role::Principal | Role::PrincipalAdmin | Role::Auditor, None) => {
                return Err(AuthError::SchoolRequired);
            }
        };
        Ok(Self {
            actor: Actor {
                role,
                id: ActorId::of_subject(subject),
            },
            tenancy,
            subject: subject.to_owned(),
            id: credential_id("token", tenancy, subject),
            private: Private,
        })
    }

    /// The credential of a verified API key.
    pub(crate) fn from_api_key(tenancy: Tenancy, key: ApiKeyId) -> Self {
        // With the school, since key ids are unique within one only.
        let subject = format!("api-key:{}:{key}", tenancy.column().simple());
        Self {
            actor: Actor {
                role: Role::Proxy,
                id: ActorId::of_subject(&subject),
            },
            tenancy,
            id: credential_id("api-key", tenancy, &subject),
            subject,
            private: Private,
        }
    }
}

// Without the subject, which may identify a person.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("actor", &self.actor)
            .field("tenancy", &self.tenancy)
            .finish_non_exhaustive()
    }
}

fn credential_id(kind: &str, tenancy: Tenancy, subject: &str) -> CredentialId {
    let name = format!("{kind}:{}:{subject}", tenancy.column().simple());
    CredentialId(Uuid::new_v5(&CREDENTIALS, name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHOOL: SchoolId = SchoolId(Uuid::from_u128(1));
    const OTHER: SchoolId = SchoolId(Uuid::from_u128(2));

    fn credential(role: Role, school: Option<SchoolId>) -> Result<Credential, AuthError> {
        Credential::from_claims(role, school, "someone")
    }

    #[test]
    fn the_system_role_is_rejected() {
        for school in [None, Some(SCHOOL)] {
            let refused = credential(Role::System, school);
            assert!(matches!(refused, Err(AuthError::UnknownRole)));
        }
    }

    #[test]
    fn people_need_a_school() {
        for role in [
            Role::Teacher,
            Role::Principal,
            Role::PrincipalAdmin,
            Role::Auditor,
        ] {
            let refused = credential(role, None);
            assert!(matches!(refused, Err(AuthError::SchoolRequired)), "{role}");
            let tenancy = credential(role, Some(SCHOOL)).unwrap().tenancy;
            assert_eq!(tenancy, Tenancy::School(SCHOOL), "{role}");
        }
    }

    #[test]
    fn proxies_have_one_school_or_all_and_platform_admins_have_all() {
        let proxy = |school| credential(Role::Proxy, school).unwrap().tenancy;
        assert_eq!(proxy(None), Tenancy::AllSchools);
        assert_eq!(proxy(Some(SCHOOL)), Tenancy::School(SCHOOL));
        for school in [None, Some(SCHOOL)] {
            let admin = credential(Role::PlatformAdmin, school).unwrap();
            assert_eq!(admin.tenancy, Tenancy::AllSchools);
        }
    }

    #[test]
    fn a_token_with_the_nil_school_is_refused() {
        let nil = SchoolId(Uuid::nil());
        for role in [Role::Proxy, Role::Teacher, Role::PlatformAdmin] {
            let refused = credential(role, Some(nil));
            assert!(matches!(refused, Err(AuthError::UnknownSchool)), "{role}");
        }
    }

    #[test]
    fn a_uuid_subject_is_the_actor_id_and_any_other_is_hashed() {
        let actor = |subject: &str| {
            Credential::from_claims(Role::Proxy, None, subject)
                .unwrap()
                .actor
                .id
        };
        let id = Uuid::from_u128(77);
        assert_eq!(actor(&id.to_string()), ActorId(id));
        assert_eq!(
            actor("teacher@school.example").to_string(),
            "a10748b0-6e41-54a3-8715-69b280b2ce47",
            "events contain these ids: they never change"
        );
        assert_ne!(actor(&Uuid::nil().to_string()), Actor::SYSTEM.id);
    }

    #[test]
    fn a_subject_has_a_length_limit() {
        for subject in [String::new(), "x".repeat(SUBJECT_CHARS_MAX + 1)] {
            let refused = Credential::from_claims(Role::Proxy, None, &subject);
            assert!(matches!(refused, Err(AuthError::InvalidClaim("sub"))));
        }
    }

    #[test]
    fn a_rate_limit_is_per_subject_and_school() {
        let id = |school, subject| {
            Credential::from_claims(Role::Teacher, Some(school), subject)
                .unwrap()
                .id
        };
        assert_eq!(id(SCHOOL, "a"), id(SCHOOL, "a"));
        assert_ne!(id(SCHOOL, "a"), id(SCHOOL, "b"));
        assert_ne!(id(SCHOOL, "a"), id(OTHER, "a"));
        let key =
            Credential::from_api_key(Tenancy::School(SCHOOL), "0123456789abcdef".parse().unwrap());
        let token = Credential::from_claims(Role::Proxy, Some(SCHOOL), &key.subject).unwrap();
        assert_ne!(key.id, token.id);
    }

    #[test]
    fn a_subject_is_not_logged() {
        let caller = Credential::from_claims(Role::Proxy, None, "teacher@school.example").unwrap();
        assert!(!format!("{caller:?}").contains("teacher@"));
    }
}
