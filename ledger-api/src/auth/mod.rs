//! Extractors that are permissions: a handler with one in its arguments cannot run without it.
//!
//! **Ordering.** Each response reveals no more than the caller may know: authentication (401), rate
//! limit (429), school (404), permission (403), member (404).

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, RawPathParams};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use chrono::Utc;
use ledger_core::{MemberId, SchoolId, Timestamp};
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::schema::KnownFormat;
use uuid::Uuid;

use ledger_auth::permission::{InSchool, InSchoolOrOwn, OnPlatform, Permission};
use ledger_auth::{AuthError, Authenticator, Credential, Tenancy};
use ledger_projections::Viewer;

use crate::http::{MemberPath, SchoolPath};
use crate::openapi::{Description, Input};
use crate::problem::Problem;
use crate::values::schema::formatted;

#[cfg(test)]
mod tests;

/// Header with the school of a caller with access to all schools, where the path has none.
pub const LEDGER_SCHOOL: HeaderName = HeaderName::from_static("ledger-school");

/// The caller has the permission `P` in the path's `{school}`.
#[derive(Debug)]
pub struct Allowed<P: InSchool> {
    /// The caller.
    pub credential: Arc<Credential>,
    /// The school. For a caller with all schools it need not exist.
    pub school: SchoolId,
    permission: PhantomData<fn() -> P>,
}

/// As [`Allowed`] in the caller's own school, on a path without `{school}`. A caller with all
/// schools sends the header `Ledger-School`.
#[derive(Debug)]
pub struct AllowedAtHome<P: InSchool>(pub Allowed<P>);

/// The caller has the permission `P` in the path's `{school}`, for all of it or own data only.
#[derive(Debug)]
pub struct AllowedViewer<P: InSchoolOrOwn> {
    /// The caller.
    pub credential: Arc<Credential>,
    /// The rows that the caller may see.
    pub viewer: Viewer,
    permission: PhantomData<fn() -> P>,
}

/// The caller has the permission `P` for the path's `{member}` of the path's `{school}`.
#[derive(Debug)]
pub struct AllowedMember<P: InSchoolOrOwn> {
    /// The caller.
    pub credential: Arc<Credential>,
    /// The member, who need not exist; the caller, if they have the permission for own data only.
    pub member: MemberId,
    /// The rows that the caller may see.
    pub viewer: Viewer,
    permission: PhantomData<fn() -> P>,
}

/// The caller has the permission `P` on the installation.
#[derive(Debug)]
pub struct AllowedOnPlatform<P: OnPlatform> {
    /// The caller.
    pub credential: Arc<Credential>,
    permission: PhantomData<fn() -> P>,
}

/// An extractor that is a permission.
pub trait Permit {
    /// The caller.
    fn credential(&self) -> &Credential;
}

/// A [`Permit`] in the path's `{school}`.
pub trait SchoolPermit: Permit {
    /// The rows that the caller may see.
    fn viewer(&self) -> Viewer;
}

/// Declares extractors as permits: the parameters that each reads from the path, and its viewer.
macro_rules! permits {
    ($($name:ident<$kind:ident> $(($($path:ty),+) = $viewer:expr)?;)*) => {$(
        impl<P: $kind> Permit for $name<P> {
            fn credential(&self) -> &Credential {
                &self.credential
            }
        }

        impl<P: $kind> Input for $name<P> {
            $(fn describe(description: &mut Description<'_>) {
                $(description.parameters::<$path>(&ParameterIn::Path);)+
            })?
        }

        $(impl<P: $kind> SchoolPermit for $name<P> {
            fn viewer(&self) -> Viewer {
                let viewer: fn(&Self) -> Viewer = $viewer;
                viewer(self)
            }
        })?
    )*};
}

permits! {
    Allowed<InSchool>(SchoolPath) = |allowed| Viewer {
        school_id: allowed.school,
        role: allowed.credential.actor.role,
        member_id: None,
    };
    AllowedViewer<InSchoolOrOwn>(SchoolPath) = |allowed| allowed.viewer;
    AllowedMember<InSchoolOrOwn>(SchoolPath, MemberPath) = |allowed| allowed.viewer;
    AllowedOnPlatform<OnPlatform>;
}

impl<P: InSchool> Input for AllowedAtHome<P> {
    fn describe(description: &mut Description<'_>) {
        description.request_header(
            "Ledger-School",
            "The school; required if the credential is for all schools. An event never names it.",
            formatted(KnownFormat::Uuid),
        );
    }
}

/// A router's state with an authenticator.
pub trait HasAuthenticator: Send + Sync {
    /// Returns the authenticator.
    fn authenticator(&self) -> Authenticator;
}

impl<S: Send + Sync> HasAuthenticator for S
where
    Authenticator: FromRef<S>,
{
    fn authenticator(&self) -> Authenticator {
        Authenticator::from_ref(self)
    }
}

impl<S: HasAuthenticator, P: InSchool> FromRequestParts<S> for Allowed<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Authenticated::authenticate(parts, &state.authenticator()).await?;
        let school = caller.school(parts).await?;
        caller.require::<P>()?;
        Ok(Self {
            credential: caller.credential,
            school,
            permission: PhantomData,
        })
    }
}

impl<S: HasAuthenticator, P: InSchool> FromRequestParts<S> for AllowedAtHome<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Authenticated::authenticate(parts, &state.authenticator()).await?;
        caller.require::<P>()?;
        let school = caller.home(parts)?;
        Ok(Self(Allowed {
            credential: caller.credential,
            school,
            permission: PhantomData,
        }))
    }
}

impl<S: HasAuthenticator, P: InSchoolOrOwn> FromRequestParts<S> for AllowedViewer<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let authenticator = state.authenticator();
        let caller = Authenticated::authenticate(parts, &authenticator).await?;
        let school = caller.school(parts).await?;
        let viewer = caller.viewer::<P>(&authenticator, school).await?;
        Ok(Self {
            credential: caller.credential,
            viewer,
            permission: PhantomData,
        })
    }
}

impl<S: HasAuthenticator, P: InSchoolOrOwn> FromRequestParts<S> for AllowedMember<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let allowed = AllowedViewer::<P>::from_request_parts(parts, state).await?;
        let member = path_uuid(parts, "member").await.map(MemberId);
        let member = member.ok_or(AuthError::MemberNotFound)?;
        if allowed.viewer.member_id.is_some_and(|own| own != member) {
            return Err(AuthError::MemberNotFound.into());
        }
        Ok(Self {
            credential: allowed.credential,
            member,
            viewer: allowed.viewer,
            permission: PhantomData,
        })
    }
}

impl<S: HasAuthenticator, P: OnPlatform> FromRequestParts<S> for AllowedOnPlatform<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Authenticated::authenticate(parts, &state.authenticator()).await?;
        caller.require::<P>()?;
        Ok(Self {
            credential: caller.credential,
            permission: PhantomData,
        })
    }
}

/// An authenticated caller within the rate limit.
struct Authenticated {
    credential: Arc<Credential>,
    now: Timestamp,
}

impl Authenticated {
    async fn authenticate(parts: &Parts, authenticator: &Authenticator) -> Result<Self, AuthError> {
        let now = Timestamp::new(Utc::now());
        let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
        let header = headers.next();
        if headers.next().is_some() {
            // A proxy in front could use another one of two credentials.
            return Err(AuthError::NotBearer);
        }
        let credential = authenticator
            .authenticate(header.map(HeaderValue::as_bytes), now)
            .await?;
        authenticator.limits().check(&credential)?;
        Ok(Self { credential, now })
    }

    /// The path's school, if the credential is valid for it.
    async fn school(&self, parts: &mut Parts) -> Result<SchoolId, AuthError> {
        path_uuid(parts, "school")
            .await
            .map(SchoolId)
            .filter(|school| self.credential.tenancy.includes(*school))
            .ok_or(AuthError::SchoolNotFound)
    }

    /// The caller's school, or the one in the header `Ledger-School`.
    fn home(&self, parts: &Parts) -> Result<SchoolId, Problem> {
        let tenancy = self.credential.tenancy;
        match (parts.headers.get(LEDGER_SCHOOL), tenancy) {
            (None, Tenancy::School(school)) => Ok(school),
            (None, Tenancy::AllSchools) => Err(Problem::invalid(
                "the credential is for all schools; name one in the header Ledger-School",
            )
            .at("Ledger-School")),
            (Some(header), _) => header
                .to_str()
                .ok()
                .and_then(|text| Uuid::try_parse(text).ok())
                .map(SchoolId)
                .filter(|school| tenancy.includes(*school))
                .ok_or_else(|| AuthError::SchoolNotFound.into()),
        }
    }

    fn has<P: Permission>(&self) -> bool {
        P::ROLES.contains(&self.credential.actor.role)
    }

    fn require<P: Permission>(&self) -> Result<(), AuthError> {
        if self.has::<P>() {
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
        let role = self.credential.actor.role;
        let member_id = if self.has::<P>() {
            None
        } else if P::OWN_ROLES.contains(&role) {
            let members = authenticator.members();
            Some(members.member(&self.credential, school, self.now).await?)
        } else {
            return Err(self.forbidden::<P>());
        };
        Ok(Viewer {
            school_id: school,
            role,
            member_id,
        })
    }

    fn forbidden<P: Permission>(&self) -> AuthError {
        AuthError::Forbidden {
            permission: P::NAME,
            role: self.credential.actor.role,
        }
    }
}

/// A parameter of the path. A route without it rejects every caller.
async fn path_uuid(parts: &mut Parts, name: &str) -> Option<Uuid> {
    let params = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    let (_, text) = params.iter().find(|(key, _)| *key == name)?;
    Uuid::try_parse(text).ok()
}
