//! The answer to an import.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ledger_core::{Catalogue, Quota as CoreQuota, Units};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::read::Table;
use crate::values::{
    ChangeAnswer, ItemChange, ItemIndex, NamedSchemas, Quota, ServiceId, WriteAnswer,
};

/// The answer to an import. It has no event if nothing changed or it is a preview.
pub type ImportAnswer = ChangeAnswer<Imported>;

/// The changes of an import.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AllocationImportAnswer)]
pub struct Imported {
    /// Whether this is a preview and nothing was changed.
    dry_run: bool,
    /// The changes in numbers.
    summary: Summary,
    /// The changes in the order in which they are made: decreases first. Rows without effect are
    /// left out.
    changes: Vec<RowChange>,
}

pub(super) fn imported(
    table: &Table,
    dry_run: bool,
    receipt: &Receipt,
    catalogue: &Catalogue,
) -> ImportAnswer {
    let items = table.rows.iter().map(|row| &row.item);
    let mut index = ItemIndex::new(items, &receipt.view.row_members, catalogue);
    let events = receipt.events.iter();
    let changes = events.filter_map(|recorded| ItemChange::new(&recorded.event, &mut index));
    let changes: Vec<_> = changes
        .map(|change| RowChange::new(change, table))
        .collect();
    let outcome = Imported {
        dry_run,
        summary: Summary::of(table.rows.len(), &changes),
        changes,
    };
    let mut answer: ImportAnswer = WriteAnswer::new(receipt, outcome);
    answer.event_id = answer.event_id.filter(|_| !dry_run);
    answer
}

/// An import in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = AllocationImportSummary)]
pub struct Summary {
    /// The number of rows.
    rows: usize,
    /// The number of rows with an effect.
    changed: usize,
    /// The number of rows without an effect.
    unchanged: usize,
    /// The services with changed units, by name.
    services: Vec<ServiceSummary>,
}

/// The changed units of a service.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = AllocationImportServiceSummary)]
pub struct ServiceSummary {
    /// The service.
    service: ServiceId,
    /// The units that all increases together add.
    added: Quota,
    /// The units that all decreases together take.
    taken: Quota,
}

/// The change that a row made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RowChange {
    line: Option<usize>,
    #[serde(flatten)]
    change: ItemChange,
}

impl RowChange {
    /// New terms alone leave the amount, which is the one that the row has.
    fn new(mut change: ItemChange, table: &Table) -> Self {
        let row = change.index.and_then(|index| table.rows.get(index));
        let units = row.and_then(|row| row.item.units);
        change.before = change.before.or(units);
        change.after = change.after.or(units);
        let line = row.map(|row| row.line);
        Self { line, change }
    }
}

impl PartialSchema for RowChange {
    fn schema() -> RefOr<Schema> {
        let RefOr::T(Schema::Object(mut change)) = ItemChange::schema() else {
            return ItemChange::schema();
        };
        for name in [
            "units",
            "to_member_id",
            "to_department_id",
            "to_before",
            "to_after",
        ] {
            change.properties.remove(name);
        }
        let line = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
            .minimum(Some(0))
            .description(Some("The line of the table, from 1; null as `index` is."));
        change.properties.insert("line".to_owned(), line.into());
        let required = ["index", "line", "service", "priority", "auto_renew"];
        change.required = required.map(str::to_owned).to_vec();
        change.description = Some("The change that a row made.".to_owned());
        change.into()
    }
}

impl ToSchema for RowChange {
    fn name() -> Cow<'static, str> {
        "AllocationImportChange".into()
    }

    fn schemas(schemas: &mut NamedSchemas) {
        ItemChange::schemas(schemas);
    }
}

impl Summary {
    fn of(rows: usize, changes: &[RowChange]) -> Self {
        let mut services: BTreeMap<&ServiceId, (CoreQuota, CoreQuota)> = BTreeMap::new();
        for RowChange { change, .. } in changes {
            if let (Some(before), Some(after)) = (change.before, change.after)
                && before != after
            {
                let (added, taken) = services.entry(&change.service).or_default();
                *added = plus(*added, difference(before.0, after.0));
                *taken = plus(*taken, difference(after.0, before.0));
            }
        }
        let services = services.into_iter();
        Self {
            rows,
            changed: changes.len(),
            unchanged: rows.saturating_sub(changes.len()),
            services: services
                .map(|(service, (added, taken))| ServiceSummary {
                    service: service.clone(),
                    added: added.into(),
                    taken: taken.into(),
                })
                .collect(),
        }
    }
}

/// The units by which `to` exceeds `from`.
fn difference(from: CoreQuota, to: CoreQuota) -> CoreQuota {
    match (from, to) {
        (CoreQuota::Finite(from), to) => to.minus(from),
        (CoreQuota::Unlimited, _) => CoreQuota::ZERO,
    }
}

fn plus(sum: CoreQuota, more: CoreQuota) -> CoreQuota {
    let finite = sum.finite().zip(more.finite());
    finite.map_or(CoreQuota::Unlimited, |(sum, more): (Units, Units)| {
        CoreQuota::Finite(sum.saturating_add(more))
    })
}
