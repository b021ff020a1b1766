//! Bodies of requests about allocations: one, a batch, or a table.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use ledger_core::allocation::{AllocationCommand, AllocationRow, Change, Holder, ROWS_MAX};
use ledger_core::{Action, Catalogue};
use ledger_store::writer::Envelope;
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;
use utoipa::openapi::schema::{AnyOf, Schema, Type};

use crate::command::{Origin, free_text};
use crate::http::{fingerprint, has_media_type, read_body};
use crate::limits::TABLE_BYTES_MAX;
use crate::openapi::{Description, Input};
use crate::problem::{Code, Problem};
use crate::values::schema::{has_schema, text};
use crate::values::{
    AllocationItem, AllocationItemSchema, Constrained, Constraint, ItemIndex, Priority, Quota,
    Reason, ServiceName, with_member,
};

/// The allocation of a member or a department; at least one of `units`, `priority` and
/// `auto_renew`.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "units": 50, "reason": "exam weeks", "priority": "high" }))]
pub struct AllocationBody {
    /// The number of units; unchanged by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    units: Option<Quota>,
    reason: Reason,
    /// The holder's rank when units are short; unchanged by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<Priority>,
    /// Whether the allocation is granted again in the next period; unchanged by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_renew: Option<bool>,
}

/// The schema of an allocation.
pub type AllocationSchema = Constrained<AllocationBody>;

impl Constraint for AllocationBody {
    fn constraints() -> Vec<Schema> {
        let mut any = AnyOf::new();
        any.items = vec![
            with_member("units", &[Type::Integer, Type::String]),
            with_member("priority", &[Type::String]),
            with_member("auto_renew", &[Type::Boolean]),
        ];
        vec![Schema::AnyOf(any)]
    }
}

impl AllocationBody {
    pub(super) fn into_envelope(
        self,
        (holder, service): (Holder, ServiceName),
        origin: &Origin,
    ) -> Result<Envelope, Problem> {
        let fingerprint = match holder {
            Holder::Member(id) => fingerprint("set-allocation", &[&id, &service.0], &self),
            Holder::Department(id) => {
                fingerprint("set-department-allocation", &[&id, &service.0], &self)
            }
        }?;
        if self.units.is_none() && self.priority.is_none() && self.auto_renew.is_none() {
            let needed = "one of units, priority and auto_renew is needed";
            return Err(Problem::invalid(needed).at("units"));
        }
        let change = self
            .units
            .map_or(Change::Keep, |units| Change::Set(units.0));
        let row = AllocationRow {
            holder: holder.into(),
            service: service.0,
            change,
            priority: self.priority.map(|priority| priority.0),
            auto_renew: self.auto_renew,
        };
        let command = AllocationCommand::Apply {
            rows: vec![row],
            reason: free_text("reason", &self.reason.0)?,
            as_batch: false,
        };
        Ok(origin.envelope(fingerprint, Action::Allocation(command)))
    }
}

/// Changes to make together.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AllocationBatchBody, example = json!({
    "reason": "the plan for this term",
    "items": [{
        "op": "set", "member_id": "0198c0de-0000-7000-8000-000000000001",
        "service": "claude_messages", "units": 50
    }]
}))]
pub struct BatchBody {
    reason: Reason,
    /// Whether to preview the changes without making them.
    #[serde(default)]
    #[schema(required = false)]
    pub(super) dry_run: bool,
    /// The changes. A holder and service occur once, except in transfers.
    #[serde(deserialize_with = "items")]
    #[schema(value_type = Vec<AllocationItemSchema>, min_items = 1, max_items = 10_000)]
    items: Vec<AllocationItem>,
}

fn items<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<AllocationItem>, D::Error> {
    let items = Vec::deserialize(deserializer)?;
    if !(1..=ROWS_MAX).contains(&items.len()) {
        let expected = format!("1 to {ROWS_MAX} items");
        return Err(de::Error::invalid_length(items.len(), &expected.as_str()));
    }
    Ok(items)
}

impl BatchBody {
    pub(super) fn index(&self, catalogue: &Catalogue) -> ItemIndex {
        ItemIndex::new(self.items.iter(), &[], catalogue)
    }

    pub(super) fn into_envelope(self, origin: &Origin) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("allocate-batch", &[], &self)?;
        let rows: Result<_, _> = self.items.iter().map(AllocationItem::row).collect();
        let command = AllocationCommand::Apply {
            rows: rows.map_err(Problem::invalid)?,
            reason: free_text("reason", &self.reason.0)?,
            as_batch: true,
        };
        let envelope = origin.envelope(fingerprint, Action::Allocation(command));
        Ok(envelope.with_dry_run(self.dry_run))
    }
}

/// The bytes of a table.
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

impl Input for TableBody {
    fn describe(description: &mut Description<'_>) {
        description.body::<AllocationTable>("text/csv");
    }
}

/// The schema of a table.
#[derive(Debug)]
pub struct AllocationTable;

has_schema!(
    AllocationTable = {
        let description = "CSV (RFC 4180) in UTF-8: a header line with the names of the columns, \
                           then a line for each holder and service, at most 10,000 in a request. \
                           Columns: member_id, department_id, external_id, display_name, service, \
                           units (digits, or unlimited), priority (low, normal, high), auto_renew \
                           (true, false), used, held.";
        text(0, usize::MAX >> 1)
            .description(Some(description))
            .max_length(None)
            .examples(["member_id,service,units\r\n\
                        20000000-0000-4000-8000-000000000011,claude_messages,90\r\n"])
    }
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse_json;

    #[test]
    fn a_batch_has_1_to_the_maximum_of_items() {
        let read = |n: usize| {
            let item = format!(
                r#"{{"op":"revoke","member_id":"{}","service":"s"}}"#,
                uuid::Uuid::nil()
            );
            let items = vec![item; n].join(",");
            parse_json::<BatchBody>(format!(r#"{{"reason":"r","items":[{items}]}}"#).as_bytes())
        };
        assert!(read(0).is_err() && read(1).is_ok());
        assert!(read(ROWS_MAX).is_ok() && read(ROWS_MAX + 1).is_err());
        assert_eq!(ROWS_MAX, 10_000, "as documented");
    }
}
