//! Answers to writes: status and headers.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ledger_core::Seq;
use ledger_store::writer::Receipt;
use serde::Serialize;

use super::version::etag;
use crate::problem::LEDGER_SEQ;

/// `true` on the answer to a command that was accepted before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The answer to a write.
#[derive(Debug)]
pub struct Written<T> {
    status: StatusCode,
    seq: Seq,
    replayed: bool,
    location: Option<String>,
    version: Option<Seq>,
    body: T,
}

impl<T> Written<T> {
    /// 201, or 200 when the command is a replay.
    pub fn created(receipt: &Receipt, body: T) -> Self {
        let status = if receipt.replayed {
            StatusCode::OK
        } else {
            StatusCode::CREATED
        };
        Self {
            status,
            ..Self::ok(receipt, body)
        }
    }

    /// 200.
    pub fn ok(receipt: &Receipt, body: T) -> Self {
        Self {
            replayed: receipt.replayed,
            ..Self::ok_at(receipt.seq, body)
        }
    }

    /// 200 for several commands that left the stream at `seq`.
    pub const fn ok_at(seq: Seq, body: T) -> Self {
        Self {
            status: StatusCode::OK,
            seq,
            replayed: false,
            location: None,
            version: None,
            body,
        }
    }

    /// Adds the URL of the created resource.
    #[must_use]
    pub fn located(mut self, path: String) -> Self {
        self.location = Some(path);
        self
    }

    /// Adds the new version of the resource.
    #[must_use]
    pub const fn versioned(mut self, version: Seq) -> Self {
        self.version = Some(version);
        self
    }
}

impl<T: Serialize> IntoResponse for Written<T> {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.body)).into_response();
        let headers = response.headers_mut();
        headers.insert(LEDGER_SEQ, HeaderValue::from(self.seq.0));
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        if let Some(path) = self.location.and_then(|path| path.try_into().ok()) {
            headers.insert(header::LOCATION, path);
        }
        if let Some(version) = self.version {
            headers.insert(header::ETAG, etag(version));
        }
        response
    }
}
