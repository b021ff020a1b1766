//! A problem (RFC 9457): its members and headers.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use ledger_store::writer::Receipt;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::code::Code;
use crate::values::{Instant, Quota, Seq, Units};

/// The base URL of the problem types.
pub const TYPE_BASE: &str = "https://allocation-ledger.example/problems/";

/// The head of the stream, on the answer to a command.
pub const LEDGER_SEQ: HeaderName = HeaderName::from_static("ledger-seq");

/// A problem, ready to be sent.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The kind of problem.
    pub code: Code,
    document: Box<ProblemDocument>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Declares the members that some kinds of problems have: the document, its schema, and a setter
/// for each.
macro_rules! members {
    ($($(#[doc = $doc:literal])* $(#[schema($($schema:tt)*)])? $name:ident: $type:ty;)*) => {
        /// A problem (RFC 9457). `type` identifies the kind and is the URL of its explanation. The
        /// members after the first four depend on the kind.
        #[derive(Clone, Debug, Serialize, ToSchema)]
        #[schema(as = Problem)]
        pub struct ProblemDocument {
            /// The kind of problem: a URL whose last part is the code.
            #[schema(format = "uri")]
            r#type: String,
            /// The title of the kind.
            #[schema(value_type = String)]
            title: &'static str,
            /// The HTTP status.
            #[schema(minimum = 400, maximum = 599)]
            status: i32,
            /// What happened, and what the caller can do.
            detail: String,
            $(
                $(#[doc = $doc])*
                #[serde(skip_serializing_if = "Option::is_none")]
                $(#[schema($($schema)*)])?
                $name: Option<$type>,
            )*
        }

        impl ProblemDocument {
            fn new(code: Code, detail: String) -> Self {
                Self {
                    r#type: format!("{TYPE_BASE}{}", code.as_str()),
                    title: code.title(),
                    status: code.status().as_u16().into(),
                    detail,
                    $($name: None,)*
                }
            }
        }

        impl Problem {
            $(
                $(#[doc = $doc])*
                #[must_use]
                pub fn $name(mut self, $name: impl Into<$type>) -> Self {
                    self.document.$name = Some($name.into());
                    self
                }
            )*
        }
    };
}

members! {
    /// The place in the body, or the parameter.
    at: String;
    /// The broken rule.
    rule: String;
    /// The level of the account: `member`, `department` or `pool`.
    level: String;
    /// The service.
    service: String;
    /// The maximum, or the minimum, of the rule.
    limit: Quota;
    /// The department.
    department_id: String;
    /// The number of members of the department.
    #[schema(minimum = 1)]
    members: i64;
    /// The units used in the period.
    used: Units;
    /// The units held for calls in flight.
    held: Units;
    /// The requested units.
    asked: Quota;
    /// The available units.
    available: Quota;
    /// The allocated units.
    allocated: Quota;
    /// The time when usage starts from zero.
    resets_at: Instant;
    /// The index of the item of a batch, from 0.
    #[schema(minimum = 0)]
    index: i64;
    /// The usage, by the id of the event that recorded it.
    usage_id: String;
    /// The units of the usage.
    units: Units;
    /// The refunded units of the usage.
    refunded: Units;
    /// The hold.
    hold_id: String;
    /// The request for units.
    request_id: String;
    /// The status of the request for units.
    request_status: String;
    /// The units to grant.
    granted: Units;
    /// The current version.
    version: Seq;
    /// The position of the read model.
    at_seq: Seq;
    /// The requested position.
    asked_seq: Seq;
    /// The external id.
    external_id: String;
    /// The management that the plan includes.
    has: String;
    /// The management that the command needs.
    needs: String;
    /// The lowest tier that includes it; null if there is none.
    #[schema(value_type = Option<String>)]
    tier: Option<String>;
    /// The line of a table, from 1.
    #[schema(minimum = 1)]
    line: i64;
    /// The column of a table.
    column: String;
    /// The refused rows of a batch, each a problem with its `index`; the rows of a table also have
    /// `line` and `column`.
    #[schema(value_type = Option<Vec<Object>>)]
    errors: Vec<Value>;
}

impl Problem {
    /// A problem whose `detail` tells the caller what to do.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            document: Box::new(ProblemDocument::new(code, detail.into())),
            headers: Vec::new(),
        }
    }

    /// The request does not match the documented form.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }

    /// The ledger failed; the caller of this function logs the cause.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            Code::Internal,
            "internal error; the operator finds the cause in the log",
        )
    }

    /// The writer answered with events of another command, which is a bug.
    #[must_use]
    pub fn unlike(command: &str, receipt: &Receipt) -> Self {
        tracing::error!(
            event.id = %receipt.event_id,
            "the writer's answer is not that of {command}"
        );
        Self::internal()
    }

    /// What happened, and what the caller can do.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.document.detail
    }

    /// Adds a header; one that HTTP cannot carry is omitted.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.headers.push((name, value));
        }
        self
    }

    /// Adds the head of the stream that the command was refused on.
    #[must_use]
    pub fn refused_at(self, seq: ledger_core::Seq) -> Self {
        self.with_header(LEDGER_SEQ, seq.0)
    }

    /// The problem as JSON, as in an answer or in the results of a batch.
    #[must_use]
    pub fn to_json(&self) -> Value {
        // A struct of texts and numbers always serializes.
        serde_json::to_value(&*self.document).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.code.status(), axum::Json(&*self.document)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        response
    }
}
