//! What is asked of many allocations.

use ledger_core::allocation::{AllocationCommand, ROWS_MAX};
use ledger_core::{Action, Actor, Catalogue};
use ledger_store::writer::Envelope;
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;

use crate::command::{RequestMeta, free_text};
use crate::http::fingerprint;
use crate::openapi::schema;
use crate::problem::Problem;
use crate::values::{AllocationItem, AllocationItemDocument, ItemIndex};

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
    /// Why.
    #[schema(value_type = schema::Reason)]
    reason: String,
    /// Whether to tell what would come of it, and do nothing.
    #[serde(default)]
    #[schema(required = false)]
    pub(super) dry_run: bool,
    /// The changes. Each holder and service is named once; only transfers may come together.
    #[serde(deserialize_with = "items")]
    #[schema(value_type = Vec<AllocationItemDocument>, min_items = 1, max_items = 10_000)]
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

    pub(super) fn into_envelope(
        self,
        actor: Actor,
        meta: &RequestMeta,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("allocate-batch", &[], &self)?;
        let rows = self.items.iter().map(AllocationItem::row).collect();
        let rows: Result<Vec<_>, _> = rows;
        let command = AllocationCommand::Apply {
            rows: rows.map_err(Problem::invalid)?,
            reason: free_text("reason", &self.reason)?,
            as_batch: true,
        };
        let action = Action::Allocation(command);
        Ok(meta
            .envelope(actor, fingerprint, action)
            .with_dry_run(self.dry_run))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse_json;

    #[test]
    fn a_batch_has_an_item_and_not_too_many() {
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
