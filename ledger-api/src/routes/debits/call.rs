//! The facts of a call and its member, as the bodies of debits, settlements and reports have them.

use ledger_core::{MemberId, Owner};
use uuid::Uuid;

use crate::problem::Problem;
use crate::values::Subject;

/// Declares a body that has the facts of a call beside its own members. It is a macro, since serde
/// neither refuses unknown members of flattened structs nor names the place of a fault in them.
macro_rules! call_body {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        #[derive(Debug, serde::Deserialize, serde::Serialize, utoipa::ToSchema)]
        $(#[$meta])*
        pub struct $name {
            $($(#[$field_meta])* $field: $type,)*
            /// The number of units; by default the service's meter decides.
            #[serde(skip_serializing_if = "Option::is_none")]
            units: Option<crate::values::WholeUnits>,
            /// The model that answered.
            #[serde(skip_serializing_if = "Option::is_none")]
            model: Option<crate::values::ModelName>,
            /// The input tokens.
            #[serde(skip_serializing_if = "Option::is_none")]
            input_tokens: Option<crate::values::CallFact>,
            /// The output tokens.
            #[serde(skip_serializing_if = "Option::is_none")]
            output_tokens: Option<crate::values::CallFact>,
            /// The input tokens read from a cache.
            #[serde(skip_serializing_if = "Option::is_none")]
            cached_tokens: Option<crate::values::CallFact>,
            /// The cost in millionths of a US dollar.
            #[serde(skip_serializing_if = "Option::is_none")]
            cost_micros: Option<crate::values::CallFact>,
            /// The latency in milliseconds.
            #[serde(skip_serializing_if = "Option::is_none")]
            latency_ms: Option<crate::values::CallFact>,
            /// The outcome.
            #[serde(skip_serializing_if = "Option::is_none")]
            outcome: Option<crate::values::Outcome>,
            /// The caller's id of the request.
            #[serde(skip_serializing_if = "Option::is_none")]
            request_id: Option<crate::values::Key>,
            /// The caller's id of the session.
            #[serde(skip_serializing_if = "Option::is_none")]
            session_id: Option<crate::values::Key>,
        }

        impl $name {
            fn take_call(&mut self) -> ledger_core::usage::CallFacts {
                ledger_core::usage::CallFacts {
                    model: self.model.take().map(|model| model.0.into()),
                    input_tokens: self.input_tokens.map(|fact| fact.0),
                    output_tokens: self.output_tokens.map(|fact| fact.0),
                    cached_tokens: self.cached_tokens.map(|fact| fact.0),
                    cost_micros: self.cost_micros.map(|fact| ledger_core::MicroUsd(fact.0)),
                    latency_ms: self.latency_ms.map(|fact| fact.0),
                    outcome: self.outcome.map(|outcome| outcome.0),
                    request_id: self.request_id.take().map(|key| key.0),
                    session_id: self.session_id.take().map(|key| key.0),
                }
            }
        }
    };
}
pub(in crate::routes) use call_body;

/// The member of a call, by member id or external id.
///
/// # Errors
/// [`crate::problem::Code::InvalidRequest`] unless exactly one is given.
pub(in crate::routes) fn owner(
    member_id: Option<Uuid>,
    subject: Option<Subject>,
) -> Result<Owner, Problem> {
    match (member_id, subject) {
        (Some(member_id), None) => Ok(MemberId(member_id).into()),
        (None, Some(Subject(subject))) => Ok(subject.into()),
        (None, None) => Err(Problem::invalid("member_id or subject is required").at("member_id")),
        (Some(_), Some(_)) => {
            Err(Problem::invalid("member_id and subject exclude each other").at("subject"))
        }
    }
}
