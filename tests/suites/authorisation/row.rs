//! What a row of the table can say.

use ledger_core::Role;
use serde_json::Value;

use super::house::House;

/// An operation: who may do it, and how it is asked for.
#[derive(Clone, Copy)]
pub struct Row {
    /// Its `operationId`.
    pub operation: &'static str,
    /// Who may.
    pub who: Who,
    /// What stands in its path where the house's standing values will not do.
    pub things: &'static [(&'static str, Thing)],
    /// What its query string must have, beside a member where it asks for one.
    pub query: Option<&'static str>,
    /// What is sent.
    pub body: Body,
}

/// Who may do something.
#[derive(Clone, Copy)]
pub enum Who {
    /// Everybody, without a token.
    Anybody,
    /// These roles, and no others.
    These {
        /// Whatever it is about.
        all: &'static [Role],
        /// For themselves only.
        own: &'static [Role],
    },
}

/// Something that is used up by the request that names it, and is made anew for each.
#[derive(Clone, Copy)]
pub enum Thing {
    /// The id of an open hold.
    OpenHold,
    /// A member who is not needed any more.
    NewMember,
    /// A department that is not needed any more.
    NewDepartment,
    /// The id of a pending request of the teacher's, his only one.
    PendingRequest,
    /// No id, and no pending request of the teacher's.
    NoRequest,
    /// The id of a debit of the teacher's.
    Debit,
    /// The id of the event that parked reported usage.
    ParkedUsage,
    /// The id of an API key of the school.
    SchoolApiKey,
    /// The id of an API key for all schools.
    PlatformApiKey,
}

/// The body of a request. The number is another one for each request, for the sake of ids.
#[derive(Clone, Copy)]
pub enum Body {
    /// None.
    None,
    /// JSON.
    Json(fn(&House, usize) -> Value),
    /// Something else, of this content type.
    Text(&'static str, fn(&House, usize) -> String),
}

impl Row {
    /// An operation that anybody may do, without a token.
    pub const fn open(operation: &'static str) -> Self {
        Self {
            operation,
            who: Who::Anybody,
            things: &[],
            query: None,
            body: Body::None,
        }
    }

    /// An operation that these roles may do.
    pub const fn of(operation: &'static str, all: &'static [Role]) -> Self {
        Self::shared(operation, all, &[])
    }

    /// An operation that some may do whatever it is about, and others for themselves only.
    pub const fn shared(
        operation: &'static str,
        all: &'static [Role],
        own: &'static [Role],
    ) -> Self {
        Self {
            who: Who::These { all, own },
            ..Self::open(operation)
        }
    }

    /// With something made for each request in its path.
    pub const fn with(self, things: &'static [(&'static str, Thing)]) -> Self {
        Self { things, ..self }
    }

    /// With a query string.
    pub const fn query(self, query: &'static str) -> Self {
        let query = Some(query);
        Self { query, ..self }
    }

    /// With a body of JSON.
    pub const fn json(self, body: fn(&House, usize) -> Value) -> Self {
        let body = Body::Json(body);
        Self { body, ..self }
    }

    /// With a body of another content type.
    pub const fn text(self, content_type: &'static str, body: fn(&House, usize) -> String) -> Self {
        let body = Body::Text(content_type, body);
        Self { body, ..self }
    }

    /// Whether a role may, be it for itself only.
    pub fn may(&self, role: Role) -> bool {
        match self.who {
            Who::Anybody => true,
            Who::These { all, .. } => all.contains(&role) || self.may_own(role),
        }
    }

    /// Whether a role may for itself only.
    pub fn may_own(&self, role: Role) -> bool {
        match self.who {
            Who::Anybody => false,
            Who::These { own, .. } => own.contains(&role),
        }
    }
}
