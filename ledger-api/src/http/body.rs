//! Bodies: JSON of the documented form; a refusal names the wrong place.

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, EXPECT};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::limits::{BODY_BYTES_MAX, REFUSED_BODY_BYTES_MAX, REFUSED_BODY_LIMIT};
use crate::openapi::{Description, Input};
use crate::problem::{Code, Problem};

/// A JSON body of the form `T`, which itself refuses unknown members.
#[derive(Debug, Default)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !has_media_type(request.headers(), "application/json") {
            return Err(Problem::new(
                Code::UnsupportedMediaType,
                "send the body as Content-Type: application/json",
            ));
        }
        parse_json(&read_body(request, BODY_BYTES_MAX).await?).map(Self)
    }
}

/// An optional body: absent together with its `Content-Type`, or `null`.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if request.body().is_end_stream() && !request.headers().contains_key(CONTENT_TYPE) {
            return Ok(None);
        }
        let Json(body) = <Json<Option<T>> as FromRequest<S>>::from_request(request, state).await?;
        Ok(body.map(Self))
    }
}

impl<T: ToSchema> Input for Json<T> {
    fn describe(description: &mut Description<'_>) {
        description.body::<T>("application/json");
    }
}

impl<T: ToSchema> Input for Option<Json<T>> {
    fn describe(description: &mut Description<'_>) {
        description.optional_body::<T>();
    }
}

/// Whether the `Content-Type` is this media type, with any parameters.
#[must_use]
pub fn has_media_type(headers: &HeaderMap, expected: &str) -> bool {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    content_type
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case(expected))
}

/// Parses JSON; after an error it parses again to find the place.
///
/// # Errors
/// [`Code::InvalidRequest`] with the path of the wrong member.
pub fn parse_json<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let deserializer = &mut serde_json::Deserializer::from_slice(bytes);
        let path = serde_path_to_error::deserialize::<_, T>(deserializer)
            .err()
            .map_or_else(|| ".".to_owned(), |error| error.path().to_string());
        Problem::invalid(format!("{error}")).at(path)
    })
}

/// Reads a body of at most `max` bytes.
///
/// # Errors
/// [`Code::BodyTooLarge`], or [`Code::InvalidRequest`] when the body is incomplete.
pub async fn read_body(request: Request, max: usize) -> Result<Bytes, Problem> {
    let waits_for_continue = request.headers().contains_key(EXPECT);
    let mut body = request.into_body();
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared <= max {
        match Limited::new(&mut body, max).collect().await {
            Ok(read) => return Ok(read.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {}
            Err(_) => return Err(Problem::invalid("the body could not be read to its end")),
        }
    }
    if !waits_for_continue {
        discard(body).await;
    }
    Err(Problem::new(
        Code::BodyTooLarge,
        format!("the body may have at most {max} bytes"),
    ))
}

/// Reads the rest of a body: a sender that is still writing when the connection closes may never
/// read the answer.
async fn discard(mut body: Body) {
    let reading = async {
        let mut left = REFUSED_BODY_BYTES_MAX;
        while let Some(Ok(frame)) = body.frame().await {
            let read = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(read) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    drop(tokio::time::timeout(REFUSED_BODY_LIMIT, reading).await);
}
