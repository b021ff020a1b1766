//! Rows of the access table.

use ledger_core::Role;
use serde_json::Value;

use super::fixture::Fixture;

/// An operation with the callers that it allows and a valid request.
#[derive(Clone, Copy)]
pub struct Row {
    /// The `operationId`.
    pub operation: &'static str,
    /// The allowed callers.
    pub access: Access,
    /// Path parameters for which each request needs a new resource.
    pub resources: &'static [(&'static str, Resource)],
    /// The query string, without the member.
    pub query: Option<&'static str>,
    /// The request body.
    pub body: Body,
}

/// The callers that an operation allows.
#[derive(Clone, Copy)]
pub enum Access {
    /// All callers, without a token.
    Public,
    /// Only these roles.
    Roles {
        /// Roles allowed for every member.
        all: &'static [Role],
        /// Roles allowed for themselves only.
        own: &'static [Role],
    },
}

/// A resource that a request consumes: each request gets a new one.
#[derive(Clone, Copy)]
pub enum Resource {
    /// The id of an open hold.
    OpenHold,
    /// A member for one request.
    NewMember,
    /// A department for one request.
    NewDepartment,
    /// The id of the teacher's only pending request.
    PendingRequest,
    /// No id: the teacher has no pending request.
    NoRequest,
    /// The id of a debit of the teacher.
    Debit,
    /// The event id of unattributed usage.
    UnattributedUsage,
    /// The id of an API key of the school.
    SchoolApiKey,
    /// The id of an API key for all schools.
    PlatformApiKey,
}

/// The body of a request. The functions get a number that is unique to the request, for ids.
#[derive(Clone, Copy)]
pub enum Body {
    /// No body.
    None,
    /// JSON.
    Json(fn(&Fixture, usize) -> Value),
    /// A body of this content type.
    Text(&'static str, fn(&Fixture, usize) -> String),
}

impl Row {
    /// An operation that is open without a token.
    pub const fn open(operation: &'static str) -> Self {
        Self {
            operation,
            access: Access::Public,
            resources: &[],
            query: None,
            body: Body::None,
        }
    }

    /// An operation that these roles may perform.
    pub const fn of(operation: &'static str, all: &'static [Role]) -> Self {
        Self::shared(operation, all, &[])
    }

    /// An operation that some roles may perform for every member, others for themselves only.
    pub const fn shared(
        operation: &'static str,
        all: &'static [Role],
        own: &'static [Role],
    ) -> Self {
        Self {
            access: Access::Roles { all, own },
            ..Self::open(operation)
        }
    }

    /// Adds resources for path parameters.
    pub const fn with(self, resources: &'static [(&'static str, Resource)]) -> Self {
        Self { resources, ..self }
    }

    /// Adds a query string.
    pub const fn query(self, query: &'static str) -> Self {
        let query = Some(query);
        Self { query, ..self }
    }

    /// Adds a JSON body.
    pub const fn json(self, body: fn(&Fixture, usize) -> Value) -> Self {
        let body = Body::Json(body);
        Self { body, ..self }
    }

    /// Adds a body of another content type.
    pub const fn text(
        self,
        content_type: &'static str,
        body: fn(&Fixture, usize) -> String,
    ) -> Self {
        let body = Body::Text(content_type, body);
        Self { body, ..self }
    }

    /// Whether the operation allows the role, if only for itself.
    pub fn allows(&self, role: Role) -> bool {
        match self.access {
            Access::Public => true,
            Access::Roles { all, .. } => all.contains(&role) || self.allows_own(role),
        }
    }

    /// Whether the operation allows the role for itself only.
    pub fn allows_own(&self, role: Role) -> bool {
        match self.access {
            Access::Public => false,
            Access::Roles { own, .. } => own.contains(&role),
        }
    }
}
