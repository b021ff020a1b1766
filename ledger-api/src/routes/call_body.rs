//! What debits and settlements say of a call, and of whose it is.

use std::borrow::Cow;
use std::marker::PhantomData;

use ledger_core::{MemberId, Owner};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::problem::Problem;
use crate::values::{Subject, one_of};

/// A body that describes a call beside its own fields. Written out by a macro because serde can
/// refuse unknown members only of a struct that is not flattened from parts.
macro_rules! call_body {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        #[derive(Debug, serde::Deserialize, serde::Serialize, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$meta])*
        pub struct $name {
            $($(#[$field_meta])* $field: $type,)*
            /// How many units the call is; the service's meter decides when not given.
            #[serde(skip_serializing_if = "Option::is_none")]
            units: Option<crate::values::WholeUnits>,
            /// Which model answered.
            #[serde(skip_serializing_if = "Option::is_none")]
            model: Option<crate::values::ModelName>,
            /// Tokens that went in.
            #[serde(skip_serializing_if = "Option::is_none")]
            input_tokens: Option<crate::values::CallFact>,
            /// Tokens that came out.
            #[serde(skip_serializing_if = "Option::is_none")]
            output_tokens: Option<crate::values::CallFact>,
            /// The part of the input that a cache served.
            #[serde(skip_serializing_if = "Option::is_none")]
            cached_tokens: Option<crate::values::CallFact>,
            /// What the provider charged, in millionths of a US dollar.
            #[serde(skip_serializing_if = "Option::is_none")]
            cost_micros: Option<crate::values::CallFact>,
            /// How long it took, in milliseconds.
            #[serde(skip_serializing_if = "Option::is_none")]
            latency_ms: Option<crate::values::CallFact>,
            /// How it ended.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schema(value_type = Option<crate::openapi::schema::Outcome>)]
            outcome: Option<ledger_core::usage::Outcome>,
            /// When it was made, at most 5 minutes ahead; now when not given.
            #[serde(skip_serializing_if = "Option::is_none")]
            occurred_at: Option<crate::values::Instant>,
            /// The caller's id of the request.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schema(value_type = Option<crate::openapi::schema::Key>)]
            request_id: Option<ledger_core::Key>,
            /// The caller's id of the session.
            #[serde(skip_serializing_if = "Option::is_none")]
            #[schema(value_type = Option<crate::openapi::schema::Key>)]
            session_id: Option<ledger_core::Key>,
        }

        impl $name {
            /// What is known of the call.
            fn take_call(&mut self) -> ledger_core::usage::CallFacts {
                ledger_core::usage::CallFacts {
                    model: self.model.take().map(|model| model.0.into()),
                    input_tokens: self.input_tokens.map(|fact| fact.0),
                    output_tokens: self.output_tokens.map(|fact| fact.0),
                    cached_tokens: self.cached_tokens.map(|fact| fact.0),
                    cost_micros: self.cost_micros.map(|fact| ledger_core::MicroUsd(fact.0)),
                    latency_ms: self.latency_ms.map(|fact| fact.0),
                    outcome: self.outcome,
                    request_id: self.request_id.take(),
                    session_id: self.session_id.take(),
                }
            }
        }
    };
}
pub(super) use call_body;

/// The member whose usage it is, by member id or by external id.
pub(super) fn whose(
    member_id: Option<MemberId>,
    subject: Option<Subject>,
) -> Result<Owner, Problem> {
    match (member_id, subject) {
        (Some(member_id), None) => Ok(member_id.into()),
        (None, Some(Subject(subject))) => Ok(subject.into()),
        (None, None) => Err(Problem::invalid("member_id or subject is required").at("member_id")),
        (Some(_), Some(_)) => {
            Err(Problem::invalid("member_id and subject exclude each other").at("subject"))
        }
    }
}

/// How a body `T` is documented that says by one of `member_id` and `subject` whose usage it is.
#[derive(Debug)]
pub struct OneOwner<T>(PhantomData<T>);

impl<T: ToSchema> PartialSchema for OneOwner<T> {
    fn schema() -> RefOr<Schema> {
        RefOr::T(one_of(T::schema(), &[["member_id", "subject"]]))
    }
}

impl<T: ToSchema> ToSchema for OneOwner<T> {
    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}
