//! Answers to writes: status and headers, which [`Output`] describes.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ledger_core::Seq;
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::{PartialSchema as _, ToSchema};

use super::version::etag;
use crate::openapi::{Description, Output};
use crate::problem::LEDGER_SEQ;
use crate::values::schema::{one_of_words, whole};

/// `true` on the answer to a command that was accepted before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The answer to a write: 200.
#[derive(Debug)]
pub struct Written<T> {
    seq: Seq,
    replayed: bool,
    body: T,
}

impl<T> Written<T> {
    /// The answer to the command of this receipt.
    pub fn new(receipt: &Receipt, body: T) -> Self {
        Self {
            replayed: receipt.replayed,
            ..Self::at(receipt.seq, body)
        }
    }

    /// The answer to several commands that left the stream at `seq`.
    pub const fn at(seq: Seq, body: T) -> Self {
        Self {
            seq,
            replayed: false,
            body,
        }
    }
}

impl<T: Serialize> IntoResponse for Written<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.body).into_response();
        let headers = response.headers_mut();
        headers.insert(LEDGER_SEQ, HeaderValue::from(self.seq.0));
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

impl<T: ToSchema> Output for Written<T> {
    fn describe(description: &mut Description<'_>) {
        description.answer::<T>(StatusCode::OK);
        describe_write(description);
    }
}

/// The answer to a write that creates something: 201, or 200 if it was created before.
#[derive(Debug)]
pub struct Created<T> {
    written: Written<T>,
    is_new: bool,
}

impl<T> Created<T> {
    /// The answer to the command of this receipt.
    pub fn new(receipt: &Receipt, body: T) -> Self {
        Self {
            written: Written::new(receipt, body),
            is_new: !receipt.replayed,
        }
    }

    /// As [`Created::new`], for a command that may find nothing to create.
    pub fn if_any(is_any: bool, receipt: &Receipt, body: T) -> Self {
        let created = Self::new(receipt, body);
        Self {
            is_new: created.is_new && is_any,
            ..created
        }
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let status = if self.is_new {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        (status, self.written).into_response()
    }
}

impl<T: ToSchema> Output for Created<T> {
    fn describe(description: &mut Description<'_>) {
        description.answer::<T>(StatusCode::CREATED);
        description.answer_as::<T>(StatusCode::OK, "It was created before; the first outcome.");
        describe_write(description);
    }
}

/// The answer to the creation of something beside the log: 201.
#[derive(Debug)]
pub struct Made<T>(pub T);

impl<T: Serialize> IntoResponse for Made<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, axum::Json(self.0)).into_response()
    }
}

impl<T: ToSchema> Output for Made<T> {
    fn describe(description: &mut Description<'_>) {
        description.answer::<T>(StatusCode::CREATED);
    }
}

/// An answer with the URL of what was created.
#[derive(Debug)]
pub struct Located<R>(pub String, pub R);

impl<R: IntoResponse> IntoResponse for Located<R> {
    fn into_response(self) -> Response {
        with_header(self.1, header::LOCATION, self.0.try_into().ok())
    }
}

impl<R: Output> Output for Located<R> {
    fn describe(description: &mut Description<'_>) {
        R::describe(description);
        let url = "The URL of what was created.";
        description.header(Some(StatusCode::CREATED), "Location", url, String::schema());
    }
}

/// An answer with the version of its resource, for `If-Match`.
#[derive(Debug)]
pub struct Versioned<R>(pub Seq, pub R);

impl<R: IntoResponse> IntoResponse for Versioned<R> {
    fn into_response(self) -> Response {
        with_header(self.1, header::ETAG, Some(etag(self.0)))
    }
}

impl<R: Output> Output for Versioned<R> {
    fn describe(description: &mut Description<'_>) {
        R::describe(description);
        let version = "The version of the resource, for `If-Match`.";
        description.header(None, "ETag", version, String::schema());
    }
}

fn with_header(
    answer: impl IntoResponse,
    name: HeaderName,
    value: Option<HeaderValue>,
) -> Response {
    let mut response = answer.into_response();
    if let Some(value) = value {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Describes the headers of every answer to a write.
fn describe_write(description: &mut Description<'_>) {
    describe_seq(description);
    description.header(
        Some(StatusCode::OK),
        "Idempotent-Replayed",
        "Present if the command had been accepted before: the answer is its first outcome.",
        one_of_words(["true"]),
    );
}

/// Describes the header [`LEDGER_SEQ`].
pub fn describe_seq(description: &mut Description<'_>) {
    let head = "The head of the log after the write, for `min_seq` of a read.";
    description.header(None, "Ledger-Seq", head, whole(0, i64::MAX));
}
