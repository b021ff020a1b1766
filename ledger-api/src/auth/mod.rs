//! Extractors that *are* the permission: a handler that has one in its arguments is not reached
//! without it.
//!
//! In this order, so that each answer gives away no more than the caller may know: who is it (401),
//! does he send too much (429), is the school his (404), may he (403), is the member his (404).

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, RawPathParams};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use chrono::Utc;
use ledger_core::{Actor, MemberId, Role, SchoolId, Timestamp};
use uuid::Uuid;

use crate::problem::Problem;
use ledger_auth::permission::{InSchool, InSchoolOrOwn, OnPlatform, Permission};
use ledger_auth::{AuthError, Authenticator, Credential, Tenancy};

#[cfg(test)]
mod tests;

/// Which school a caller acts in who is for all of them, where no path names it.
pub const LEDGER_SCHOOL: HeaderName = HeaderName::from_static("ledger-school");

/// The caller may do `P` in the school that the path's `{school}` names.
#[derive(Debug)]
pub struct Allowed<P: InSchool> {
    /// Who he is.
    pub credential: Arc<Credential>,
    /// The school, which he may enter. It need not exist when he is for all schools.
    pub school: SchoolId,
    permission: PhantomData<fn() -> P>,
}

/// The caller may do `P` in the school of his credential, which no path names. Who is for all
/// schools names one by the header `Ledger-School`.
#[derive(Debug)]
pub struct AllowedAtHome<P: InSchool> {
    /// Who he is.
    pub credential: Arc<Credential>,
    /// The school. It need not exist when he is for all schools.
    pub school: SchoolId,
    permission: PhantomData<fn() -> P>,
}

/// The caller may do `P` in the path's `{school}`: for all of it, or for himself only.
#[derive(Debug)]
pub struct AllowedViewer<P: InSchoolOrOwn> {
    /// Who he is.
    pub credential: Arc<Credential>,
    /// The school, which he may enter.
    pub school: SchoolId,
    /// How much of it he sees.
    pub viewer: Viewer,
    permission: PhantomData<fn() -> P>,
}

/// The caller may do `P` to the path's `{member}` of the path's `{school}`.
#[derive(Debug)]
pub struct AllowedMember<P: InSchoolOrOwn> {
    /// Who he is.
    pub credential: Arc<Credential>,
    /// The school, which he may enter.
    pub school: SchoolId,
    /// The member: the caller himself, when he sees no other. He need not exist.
    pub member: MemberId,
    /// How much of the school he sees.
    pub viewer: Viewer,
    permission: PhantomData<fn() -> P>,
}

/// The caller may do `P` on the installation, of no school.
#[derive(Debug)]
pub struct AllowedOnPlatform<P: OnPlatform> {
    /// Who he is.
    pub credential: Arc<Credential>,
    permission: PhantomData<fn() -> P>,
}

/// Through whose eyes a read looks: what its transaction sets for the row-level policies as
/// `app.school_id`, `app.role` and `app.member_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The tenant.
    pub school: SchoolId,
    /// The reader's role.
    pub role: Role,
    /// The only member whose rows he sees; none when he sees what his role sees.
    pub member: Option<MemberId>,
}

impl<P: InSchool> Allowed<P> {
    /// Who acts, for the command.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.credential.actor
    }

    /// Through whose eyes this caller reads.
    #[must_use]
    pub fn viewer(&self) -> Viewer {
        Viewer {
            school: self.school,
            role: self.credential.role,
            member: None,
        }
    }
}

impl<S, P> FromRequestParts<S> for Allowed<P>
where
    S: Send + Sync,
    P: InSchool,
    Authenticator: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::enter(parts, &Authenticator::from_ref(state)).await?;
        let school = caller.school(parts).await?;
        caller.require_any::<P>()?;
        Ok(Self {
            credential: caller.credential,
            school,
            permission: PhantomData,
        })
    }
}

impl<S, P> FromRequestParts<S> for AllowedAtHome<P>
where
    S: Send + Sync,
    P: InSchool,
    Authenticator: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::enter(parts, &Authenticator::from_ref(state)).await?;
        caller.require_any::<P>()?;
        let school = caller.home(parts)?;
        Ok(Self {
            credential: caller.credential,
            school,
            permission: PhantomData,
        })
    }
}

impl<S, P> FromRequestParts<S> for AllowedViewer<P>
where
    S: Send + Sync,
    P: InSchoolOrOwn,
    Authenticator: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let authenticator = Authenticator::from_ref(state);
        let caller = Caller::enter(parts, &authenticator).await?;
        let school = caller.school(parts).await?;
        let viewer = caller.viewer::<P>(&authenticator, school).await?;
        Ok(Self {
            credential: caller.credential,
            school,
            viewer,
            permission: PhantomData,
        })
    }
}

impl<S, P> FromRequestParts<S> for AllowedMember<P>
where
    S: Send + Sync,
    P: InSchoolOrOwn,
    Authenticator: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let allowed = AllowedViewer::<P>::from_request_parts(parts, state).await?;
        let member = path_uuid(parts, "member").await.map(MemberId);
        let member = member.ok_or(AuthError::MemberNotFound)?;
        if allowed.viewer.member.is_some_and(|own| own != member) {
            return Err(AuthError::MemberNotFound.into());
        }
        Ok(Self {
            credential: allowed.credential,
            school: allowed.school,
            member,
            viewer: allowed.viewer,
            permission: PhantomData,
        })
    }
}

impl<S, P> FromRequestParts<S> for AllowedOnPlatform<P>
where
    S: Send + Sync,
    P: OnPlatform,
    Authenticator: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::enter(parts, &Authenticator::from_ref(state)).await?;
        caller.require_any::<P>()?;
        Ok(Self {
            credential: caller.credential,
            permission: PhantomData,
        })
    }
}

/// Somebody whose credential is good, and who is not too fast.
struct Caller {
    credential: Arc<Credential>,
    now: Timestamp,
}

impl Caller {
    async fn enter(parts: &Parts, authenticator: &Authenticator) -> Result<Self, AuthError> {
        let now = Timestamp::new(Utc::now());
        let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
        let header = headers.next();
        if headers.next().is_some() {
            // Two credentials: a proxy before us and we might each believe another one.
            return Err(AuthError::NotBearer);
        }
        let credential = authenticator
            .authenticate(header.map(HeaderValue::as_bytes), now)
            .await?;
        authenticator.limits().check(&credential)?;
        Ok(Self { credential, now })
    }

    /// The path's school, when the caller may know that it exists.
    async fn school(&self, parts: &mut Parts) -> Result<SchoolId, AuthError> {
        path_uuid(parts, "school")
            .await
            .map(SchoolId)
            .filter(|school| self.credential.tenancy.includes(*school))
            .ok_or(AuthError::SchoolNotFound)
    }

    /// The caller's own school, or the one that he names by a header and may enter.
    fn home(&self, parts: &Parts) -> Result<SchoolId, Problem> {
        let Some(named) = parts.headers.get(LEDGER_SCHOOL) else {
            return match self.credential.tenancy {
                Tenancy::School(school) => Ok(school),
                Tenancy::AllSchools => Err(Problem::invalid(
                    "the credential is for all schools; name one in the header Ledger-School",
                )
                .with("at", "Ledger-School")),
            };
        };
        let named = named
            .to_str()
            .ok()
            .and_then(|text| Uuid::try_parse(text).ok());
        named
            .map(SchoolId)
            .filter(|school| self.credential.tenancy.includes(*school))
            .ok_or_else(|| AuthError::SchoolNotFound.into())
    }

    fn may_any<P: Permission>(&self) -> bool {
        P::ROLES.contains(&self.credential.role)
    }

    fn require_any<P: Permission>(&self) -> Result<(), AuthError> {
        if self.may_any::<P>() {
            Ok(())
        } else {
            Err(self.forbidden::<P>())
        }
    }

    async fn viewer<P: InSchoolOrOwn>(
        &self,
        authenticator: &Authenticator,
        school: SchoolId,
    ) -> Result<Viewer, AuthError> {
        let role = self.credential.role;
        let member = if self.may_any::<P>() {
            None
        } else if P::OWN.contains(&role) {
            let members = authenticator.members();
            Some(members.member(&self.credential, school, self.now).await?)
        } else {
            return Err(self.forbidden::<P>());
        };
        Ok(Viewer {
            school,
            role,
            member,
        })
    }

    fn forbidden<P: Permission>(&self) -> AuthError {
        AuthError::Forbidden {
            permission: P::NAME,
            role: self.credential.role,
        }
    }
}

/// A parameter of the path. A route without it lets nobody in.
async fn path_uuid(parts: &mut Parts, name: &str) -> Option<Uuid> {
    let params = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    let (_, text) = params.iter().find(|(key, _)| *key == name)?;
    Uuid::try_parse(text).ok()
}
