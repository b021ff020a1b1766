//! A table as the body of a request, and how it is documented.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::http::{has_media_type, read_body};
use crate::limits::TABLE_BYTES_MAX;
use crate::openapi::schema::text;
use crate::problem::{Code, Problem};

/// The media type of a table (RFC 7111).
pub(super) const CSV: &str = "text/csv; charset=utf-8";

/// What stands in the body of a request that sends a table.
#[derive(Debug)]
pub struct TableBody(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for TableBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !has_media_type(request.headers(), "text/csv") {
            return Err(Problem::new(
                Code::UnsupportedMediaType,
                "send the table as Content-Type: text/csv",
            ));
        }
        read_body(request, TABLE_BYTES_MAX).await.map(Self)
    }
}

/// How a table is documented.
#[derive(Debug)]
pub struct AllocationTable;

impl PartialSchema for AllocationTable {
    fn schema() -> RefOr<Schema> {
        let says = "CSV (RFC 4180) in UTF-8: a header line that names the columns, then a line for \
                    each holder and service, at most 10,000 when it is sent. Columns: member_id, \
                    department_id, external_id, display_name, service, units (digits, or unlimited), priority \
                    (low, normal, high), auto_renew (true, false), used, held.";
        text(0, usize::MAX >> 1)
            .description(Some(says))
            .max_length(None)
            .examples(["member_id,service,units\r\n\
                        20000000-0000-4000-8000-000000000011,claude_messages,90\r\n"])
            .into()
    }
}

impl ToSchema for AllocationTable {}
