//! Bodies: JSON of the documented form, or refused with the place that is wrong.

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, EXPECT};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::limits::{BODY_BYTES_MAX, REFUSED_BODY_BYTES_MAX, REFUSED_BODY_LIMIT};
use crate::problem::{Code, Problem};

/// A body that is JSON of the form `T`. Unknown members are refused by `T` itself.
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

/// A body that may be left out, and then has no `Content-Type` either, or be `null`.
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

/// Whether the request says that its body has this media type, whatever its parameters.
#[must_use]
pub fn has_media_type(headers: &HeaderMap, expected: &str) -> bool {
    let said = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    said.and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case(expected))
}

/// Reads JSON; on an error reads it once more to find the place.
///
/// # Errors
/// [`Code::InvalidRequest`] with the path of what is wrong.
pub fn parse_json<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let deserializer = &mut serde_json::Deserializer::from_slice(bytes);
        let path = serde_path_to_error::deserialize::<_, T>(deserializer)
            .err()
            .map_or_else(|| ".".to_owned(), |error| error.path().to_string());
        Problem::invalid(format!("{error}")).with("at", path)
    })
}

/// Reads a body of at most so many bytes.
///
/// # Errors
/// [`Code::BodyTooLarge`], or [`Code::InvalidRequest`] when it breaks off.
pub async fn read_body(request: Request, most: usize) -> Result<Bytes, Problem> {
    let asks_first = request.headers().contains_key(EXPECT);
    let mut body = request.into_body();
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared <= most {
        match Limited::new(&mut body, most).collect().await {
            Ok(read) => return Ok(read.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {}
            Err(_) => return Err(Problem::invalid("the body could not be read to its end")),
        }
    }
    if !asks_first {
        throw_away(body).await;
    }
    Err(Problem::new(
        Code::BodyTooLarge,
        format!("the body may have at most {most} bytes"),
    ))
}

/// A sender who is still writing when his connection closes may never read the answer.
async fn throw_away(mut body: Body) {
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
