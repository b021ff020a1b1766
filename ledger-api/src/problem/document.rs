//! A problem as it is answered: an object of JSON, and headers.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use ledger_core::Seq;
use ledger_store::writer::Receipt;
use serde_json::{Map, Value};

use super::code::Code;

/// Where the problem types are documented.
pub const TYPE_BASE: &str = "https://allocation-ledger.example/problems/";

/// A problem, ready to be answered.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this kind; `detail` tells the caller what to do.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            members: Map::new(),
            headers: Vec::new(),
        }
    }

    /// The request is not of the documented form.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }

    /// The writer's answer is not that of the command: a bug, which is logged.
    #[must_use]
    pub fn unlike(command: &str, receipt: &Receipt) -> Self {
        tracing::error!(event.id = %receipt.event_id, "the writer's answer is not that of {command}");
        Self::new(
            Code::Internal,
            "internal error; the operator finds the cause in the log",
        )
    }

    /// What happened, and what to do.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Adds a typed member to the problem's object.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header to the answer; one that HTTP cannot carry is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.headers.push((name, value));
        }
        self
    }

    /// The seconds after which trying again makes sense.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.with_header(header::RETRY_AFTER, seconds.max(1))
    }

    /// The head of the stream that a command was refused on.
    #[must_use]
    pub fn at_seq(self, seq: Seq) -> Self {
        self.with_header(crate::http::LEDGER_SEQ, seq.0)
    }

    /// The problem as JSON, as it stands in an answer or inside a batch's result.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert(
            "type".to_owned(),
            format!("{TYPE_BASE}{}", self.code.as_str()).into(),
        );
        object.insert("title".to_owned(), self.code.title().into());
        object.insert("status".to_owned(), self.code.status().as_u16().into());
        object.insert("detail".to_owned(), self.detail.clone().into());
        object.extend(self.members.clone());
        Value::Object(object)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.to_json().to_string();
        let mut response = (self.code.status(), body).into_response();
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
