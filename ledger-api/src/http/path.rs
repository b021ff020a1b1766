//! Paths.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa::openapi::path::ParameterIn;
use uuid::Uuid;

use crate::openapi::{Description, Input};
use crate::problem::Problem;
use crate::values::{Attribute, Key, ServiceName};

/// A path with parameters of the form `T`; a refusal names the wrong parameter.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(path)| Self(path))
            .map_err(|rejection| Problem::invalid(rejection.body_text()))
    }
}

impl<T: IntoParams> Input for Path<T> {
    fn describe(description: &mut Description<'_>) {
        description.parameters::<T>(&ParameterIn::Path);
    }
}

/// The path of a school, which a permission reads; those below are what follows it.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
pub struct SchoolPath {
    /// The school.
    pub school: Uuid,
}

/// The path of a member.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
pub struct MemberPath {
    /// The member.
    pub member: Uuid,
}

/// The path of a member's allocation of a service.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct AllocationPath {
    /// The member.
    pub member: Uuid,
    /// The service, by its name or an alias, percent-encoded.
    #[param(inline)]
    pub service: ServiceName,
}

/// The path of a department.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
pub struct DepartmentPath {
    /// The department.
    pub department: Uuid,
}

/// The path of a department's allocation of a service.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct DepartmentAllocationPath {
    /// The department.
    pub department: Uuid,
    /// The service, by its name or an alias, percent-encoded.
    #[param(inline)]
    pub service: ServiceName,
}

/// The path of a request for units.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
pub struct RequestPath {
    /// The request.
    pub request: Uuid,
}

/// The path of a hold.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct HoldPath {
    /// The id of the hold, percent-encoded.
    #[param(inline)]
    pub id: Key,
}

/// The path of usage.
#[derive(Clone, Debug, Deserialize, IntoParams)]
pub struct UsagePath {
    /// The id of the debit, hold or event, percent-encoded.
    #[param(inline)]
    pub id: Attribute,
}

/// The path of unattributed usage.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
pub struct UnattributedPath {
    /// The event that recorded the usage.
    pub event_id: Uuid,
}
