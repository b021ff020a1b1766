//! Pages of lists: length and cursors.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use ledger_core::request::Urgency;
use ledger_core::{DepartmentId, MemberId, Seq};
use ledger_projections::requests::read::RequestPosition;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{PartialSchema as _, ToSchema};
use uuid::Uuid;

use crate::limits::{PAGE_DEFAULT, PAGE_MAX};
use crate::openapi::{Description, Output};
use crate::values::schema::{has_schema, text, whole};
use crate::values::whole_number::whole_number_in_text;

/// The maximum number of rows of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit(pub u32);

impl Default for PageLimit {
    fn default() -> Self {
        Self(PAGE_DEFAULT)
    }
}

impl<'de> Deserialize<'de> for PageLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let limit = whole_number_in_text(deserializer, 1, PAGE_MAX)?;
        u32::try_from(limit).map(Self).map_err(de::Error::custom)
    }
}

has_schema!(PageLimit = whole(1, PAGE_MAX));

/// Ignores bits beyond the last byte, so that every text of the documented form parses.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

/// Declares cursors: the key of the last row of a page, opaque to callers, in base64url. Any bytes
/// of the right number are a key: an invented cursor leads to a page that the caller may see.
macro_rules! cursors {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident($key:ty) = $chars:literal, $read:expr, $write:expr;
    )*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(pub $key);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let write: fn(&$key) -> _ = $write;
                f.write_str(&BASE64.encode(write(&self.0)))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<str>::deserialize(deserializer)?;
                let bytes = BASE64.decode(text.as_bytes()).ok();
                bytes
                    .and_then(|bytes| bytes.try_into().ok())
                    .map($read)
                    .ok_or_else(|| de::Error::custom("the cursor is not one of this list"))
            }
        }

        has_schema!($name = text($chars, $chars)
                    .description(Some("The `next` of the previous page."))
                    .pattern(Some(concat!("^[A-Za-z0-9_-]{", $chars, "}$"))));
    )*};
}

cursors! {
    /// The cursor of a list of members.
    MemberCursor(MemberId) = 22,
        |bytes: [u8; 16]| Self(MemberId(Uuid::from_bytes(bytes))),
        |member| member.0.into_bytes();
    /// The cursor of a list of departments.
    DepartmentCursor(DepartmentId) = 22,
        |bytes: [u8; 16]| Self(DepartmentId(Uuid::from_bytes(bytes))),
        |department| department.0.into_bytes();
    /// The cursor of a list of events.
    SeqCursor(Seq) = 11,
        |bytes: [u8; 8]| Self(Seq(i64::from_be_bytes(bytes) & i64::MAX)),
        |seq| seq.0.to_be_bytes();
    /// The cursor of a list of requests.
    RequestCursor(RequestPosition) = 12,
        |[urgency, filed @ ..]: [u8; 9]| Self(RequestPosition {
            urgency: match urgency {
                0 => Urgency::High,
                1 => Urgency::Normal,
                2.. => Urgency::Low,
            },
            filed: Seq(i64::from_be_bytes(filed) & i64::MAX),
        }),
        |at| {
            let mut bytes = [0; 9];
            bytes[0] = match at.urgency {
                Urgency::High => 0,
                Urgency::Normal => 1,
                Urgency::Low => 2,
            };
            bytes[1..].copy_from_slice(&at.filed.0.to_be_bytes());
            bytes
        };
}

/// The answer of a list.
pub trait Rows {
    /// The cursor of the next page.
    fn next(&self) -> Option<String>;
}

/// Declares the answer of a list from a page of rows: `seq`, the rows, and `next`.
macro_rules! rows {
    (
        $(#[doc = $doc:literal])* $name:ident {
            $(#[doc = $rows_doc:literal])* $rows:ident: Vec<$row:ty>,
            $next:ident: $cursor:ident,
        } of $page:ty
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
        pub struct $name {
            /// The last event included.
            seq: $crate::values::Seq,
            $(#[doc = $rows_doc])*
            $rows: Vec<$row>,
            /// The `cursor` of the next page; null on the last page.
            #[schema(required)]
            next: Option<$cursor>,
        }

        impl From<$page> for $name {
            fn from(page: $page) -> Self {
                Self {
                    seq: page.seq.into(),
                    $rows: page.$rows.into_iter().map(Into::into).collect(),
                    next: page.$next.map($cursor),
                }
            }
        }

        impl $crate::http::Rows for $name {
            fn next(&self) -> Option<String> {
                self.next.map(|cursor| cursor.to_string())
            }
        }
    };
}
pub(crate) use rows;

/// A page of a list, with `next` also in the header `Link` (RFC 8288).
#[derive(Debug)]
pub struct Page<T> {
    body: T,
    link: Option<HeaderValue>,
}

impl<T: Rows> Page<T> {
    /// The page at `uri`.
    pub fn new(uri: &Uri, page: impl Into<T>) -> Self {
        let body = page.into();
        let link = body.next().and_then(|next| link(uri, &next));
        Self { body, link }
    }
}

/// The link to the same list after `cursor`.
fn link(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let mut target = format!("<{}?", uri.path());
    let pairs = uri.query().unwrap_or_default().split('&');
    for pair in pairs.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor=")) {
        target.push_str(pair);
        target.push('&');
    }
    HeaderValue::try_from(format!("{target}cursor={cursor}>; rel=\"next\"")).ok()
}

impl<T: ToSchema> Output for Page<T> {
    fn describe(description: &mut Description<'_>) {
        description.answer::<T>(StatusCode::OK);
        let next = "The next page, if any (RFC 8288).";
        description.header(None, "Link", next, String::schema());
    }
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.body).into_response();
        if let Some(link) = self.link {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_parses_back_and_so_does_every_text_of_its_form() {
        let member = MemberCursor(MemberId(Uuid::from_u128(7)));
        let text = serde_json::to_string(&member).unwrap();
        assert_eq!(text.len(), 24);
        assert_eq!(serde_json::from_str::<MemberCursor>(&text).unwrap(), member);
        let seq = serde_json::to_string(&SeqCursor(Seq(258))).unwrap();
        assert_eq!(
            serde_json::from_str::<SeqCursor>(&seq).unwrap(),
            SeqCursor(Seq(258))
        );
        let at = RequestCursor(RequestPosition {
            urgency: Urgency::Normal,
            filed: Seq(258),
        });
        let text = serde_json::to_string(&at).unwrap();
        assert_eq!(serde_json::from_str::<RequestCursor>(&text).unwrap(), at);
        for any in ["-----------", "___________", "AAAAAAAAAAB"] {
            let read: SeqCursor = serde_json::from_value(any.into()).unwrap();
            assert!(read.0 >= Seq::ZERO, "{any}");
        }
        for other in [
            "",
            "AAAAAAAAAA",
            "AAAAAAAAAAAA",
            "AAAAAAAAAA=",
            "AAAAAAAAAA+",
        ] {
            assert!(
                serde_json::from_value::<SeqCursor>(other.into()).is_err(),
                "{other}"
            );
        }
    }

    #[test]
    fn the_link_to_the_next_page_keeps_the_query() {
        let next = |uri: &str| link(&uri.parse().unwrap(), "XY").unwrap();
        assert_eq!(next("/a"), "</a?cursor=XY>; rel=\"next\"");
        assert_eq!(
            next("/a?cursor=AB&limit=2&min_seq=1"),
            "</a?limit=2&min_seq=1&cursor=XY>; rel=\"next\""
        );
    }
}
