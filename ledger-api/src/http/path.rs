//! Paths.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use uuid::Uuid;

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

/// The path of a school.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct SchoolPath {
    /// The school.
    pub school: Uuid,
}

/// The path of a member.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct MemberPath {
    /// The school.
    pub school: Uuid,
    /// The member.
    pub member: Uuid,
}

/// The path of a member's allocation of a service.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AllocationPath {
    /// The school.
    pub school: Uuid,
    /// The member.
    pub member: Uuid,
    /// The service, by its name or an alias, percent-encoded.
    #[param(inline)]
    pub service: ServiceName,
}

/// The path of a department.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct DepartmentPath {
    /// The school.
    pub school: Uuid,
    /// The department.
    pub department: Uuid,
}

/// The path of a department's allocation of a service.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct DepartmentAllocationPath {
    /// The school.
    pub school: Uuid,
    /// The department.
    pub department: Uuid,
    /// The service, by its name or an alias, percent-encoded.
    #[param(inline)]
    pub service: ServiceName,
}

/// The path of a request for units.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct RequestPath {
    /// The school.
    pub school: Uuid,
    /// The request.
    pub request: Uuid,
}

/// The path of a hold.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct HoldPath {
    /// The school.
    pub school: Uuid,
    /// The id of the hold, percent-encoded.
    #[param(inline)]
    pub id: Key,
}

/// The path of usage.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct UsagePath {
    /// The school.
    pub school: Uuid,
    /// The id of the debit, hold or event, percent-encoded.
    #[param(inline)]
    pub id: Attribute,
}

/// The path of unattributed usage.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct UnattributedPath {
    /// The school.
    pub school: Uuid,
    /// The event that recorded the usage.
    pub event_id: Uuid,
}
