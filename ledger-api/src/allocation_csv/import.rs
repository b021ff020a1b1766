//! A table as a command, and what came of it.

use std::collections::BTreeMap;

use ledger_core::allocation::{AllocationCommand, AllocationEvent, Priority};
use ledger_core::{
    Action, Actor, Catalogue, Command, CommandKey, DepartmentId, Event, EventId, MemberId, Quota,
    Refusal, Seq, ServiceId, Timestamp, Units,
};
use ledger_store::writer::{Envelope, Receipt, Refused, RefusedBy};
use serde::Serialize;
use utoipa::ToSchema;

use super::column::Column;
use super::read::{Table, TableRow};
use super::refused::{ImportRefused, RowFault};
use crate::command::free_text;
use crate::http::fingerprint;
use crate::openapi::schema;
use crate::problem::Problem;
use crate::values::{AllocationItem, ItemIndex, words};

/// A table that somebody wants done.
#[derive(Clone, Debug, Serialize)]
pub struct Import {
    /// What everybody in it is to hold.
    pub table: Table,
    /// Why.
    pub reason: String,
    /// Whether to tell what would come of it, and do nothing.
    pub dry_run: bool,
}

impl Import {
    /// The command: all rows in one, each of which sets what its holder has.
    ///
    /// # Errors
    /// [`crate::problem::Code::InvalidRequest`] when the reason is blank or too long.
    pub fn request(
        &self,
        key: CommandKey,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Envelope, Problem> {
        let rows = self.table.rows.iter().map(|row| row.item.row());
        let rows: Result<Vec<_>, _> = rows.collect();
        let command = AllocationCommand::Import {
            rows: rows.map_err(Problem::invalid)?,
            reason: free_text("reason", &self.reason)?,
        };
        let command = Command {
            actor,
            now,
            action: Action::Allocation(command),
        };
        let fingerprint = fingerprint("import-allocations", &[], self)?;
        Ok(Envelope::new(&key, fingerprint, command).with_dry_run(self.dry_run))
    }

    /// Why nothing was done, with the lines of the rows that are refused.
    #[must_use]
    pub fn refused(&self, mut refused: Refused) -> ImportRefused {
        let RefusedBy::Rule(refusal) = &mut refused.reason else {
            return Problem::from(refused).into();
        };
        let Refusal::Rows(rows) = &mut **refusal else {
            return Problem::from(refused).into();
        };
        let rows = std::mem::take(rows);
        let faults = rows.into_iter().map(|refused| {
            let row = self.table.rows.get(refused.index);
            RowFault {
                index: refused.index,
                line: row.map_or(0, |row| row.line),
                column: row.and_then(|row| column(row, &refused.refusal)),
                problem: Problem::from(refused.refusal),
            }
        });
        ImportRefused::Rows {
            rows: faults.collect(),
            seq: Some(refused.seq),
        }
    }

    /// What came of it.
    #[must_use]
    pub fn answer(&self, receipt: &Receipt, catalogue: &Catalogue) -> ImportAnswer {
        let items = self.table.rows.iter().map(|row| &row.item);
        let index = ItemIndex::new(items, &receipt.view.row_members, catalogue);
        let events = receipt.events.iter();
        let changes: Vec<RowChange> = events
            .filter_map(|recorded| self.change(&recorded.event, &index))
            .collect();
        let done = !self.dry_run && !changes.is_empty();
        ImportAnswer {
            seq: receipt.seq,
            event_id: done.then_some(receipt.event_id),
            replayed: receipt.replayed,
            dry_run: self.dry_run,
            summary: Summary::of(self.table.rows.len(), &changes),
            changes,
        }
    }

    fn change(&self, event: &Event, index: &ItemIndex) -> Option<RowChange> {
        let Event::Allocation(event) = event else {
            return None;
        };
        let (holder, service, amounts, priority, auto_renew) = match event {
            AllocationEvent::Allocated(e) | AllocationEvent::Revoked(e) => {
                let amounts = Some((e.before, e.after));
                (e.holder, &e.service, amounts, e.priority, e.auto_renew)
            }
            AllocationEvent::TermsSet(e) => (e.holder, &e.service, None, e.priority, e.auto_renew),
            AllocationEvent::Transferred(_)
            | AllocationEvent::Suspended(_)
            | AllocationEvent::Reactivated(_) => return None,
        };
        let index = index.change(holder, service);
        let row = index.and_then(|index| self.table.rows.get(index));
        // New terms alone leave the amount, which is the one that the row asks for.
        let asked = row.and_then(|row| row.item.units);
        let amounts = amounts.or_else(|| asked.map(|units| (units.0, units.0)));
        Some(RowChange {
            index,
            line: row.map(|row| row.line),
            member_id: holder.member_id(),
            department_id: holder.department_id(),
            service: service.clone(),
            before: amounts.map(|(before, _)| before),
            after: amounts.map(|(_, after)| after),
            priority,
            auto_renew,
        })
    }
}

/// In which column of its row a refusal is to be mended.
fn column(row: &TableRow, refusal: &Refusal) -> Option<&'static str> {
    let column = if matches!(
        refusal,
        Refusal::MemberNotFound { .. } | Refusal::DepartmentNotFound { .. }
    ) {
        holder_column(&row.item)
    } else if matches!(refusal, Refusal::UnknownService { .. }) {
        Column::Service
    } else if matches!(refusal, Refusal::Shortfall(_) | Refusal::AmountOutOfRange) {
        Column::Units
    } else {
        return None;
    };
    Some(column.as_str())
}

const fn holder_column(item: &AllocationItem) -> Column {
    match (item.member_id, item.department_id) {
        (Some(_), _) => Column::MemberId,
        (None, Some(_)) => Column::DepartmentId,
        (None, None) => Column::ExternalId,
    }
}

/// What changed, or would.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = AllocationImportAnswer)]
pub struct ImportAnswer {
    /// The head of the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The identity of the first change in the school; none when nothing was to be changed or was
    /// done.
    #[schema(value_type = Option<Uuid>, required)]
    event_id: Option<EventId>,
    /// Whether it was done before, and this is what came of it then.
    replayed: bool,
    /// Whether this is what would come of it, and nothing was done.
    dry_run: bool,
    /// All of it in numbers.
    summary: Summary,
    /// What changed, in the order in which it was done: what gives back goes first. Rows that found
    /// it so already are not among them.
    changes: Vec<RowChange>,
}

/// An import in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = AllocationImportSummary)]
pub struct Summary {
    /// Rows in all.
    rows: usize,
    /// Rows that changed something.
    changed: usize,
    /// Rows that found it so already.
    unchanged: usize,
    /// What that means for each service of which the units of somebody changed, by name.
    services: Vec<ServiceSummary>,
}

/// What an import means for a service.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = AllocationImportServiceSummary)]
pub struct ServiceSummary {
    /// Which.
    #[schema(value_type = schema::ServiceId)]
    service: ServiceId,
    /// Units that members and departments hold more; unlimited when a limit went.
    #[schema(value_type = schema::Quota)]
    added: Quota,
    /// Units that they hold less; unlimited when somebody got a limit.
    #[schema(value_type = schema::Quota)]
    taken: Quota,
}

/// A row that changed something.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = AllocationImportChange)]
pub struct RowChange {
    /// Which row, from 0; none when its service or external id is not known by that name any more.
    #[schema(required)]
    index: Option<usize>,
    /// On which line of the table, from 1; none as `index`.
    #[schema(required)]
    line: Option<usize>,
    /// Whose allocation, if a member's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    member_id: Option<MemberId>,
    /// Whose allocation, if a department's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    department_id: Option<DepartmentId>,
    /// Of which service.
    #[schema(value_type = schema::ServiceId)]
    service: ServiceId,
    /// Allocated before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Quota, required = false)]
    before: Option<Quota>,
    /// Allocated now. The same as before when only the terms changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::Quota, required = false)]
    after: Option<Quota>,
    /// How the holder ranks.
    #[schema(value_type = words::Priority)]
    priority: Priority,
    /// Whether it is granted again in the next period.
    auto_renew: bool,
}

impl Summary {
    fn of(rows: usize, changes: &[RowChange]) -> Self {
        let mut services: BTreeMap<&ServiceId, (Quota, Quota)> = BTreeMap::new();
        for change in changes {
            if let (Some(before), Some(after)) = (change.before, change.after)
                && before != after
            {
                let (added, taken) = services.entry(&change.service).or_default();
                *added = plus(*added, difference(before, after));
                *taken = plus(*taken, difference(after, before));
            }
        }
        Self {
            rows,
            changed: changes.len(),
            unchanged: rows.saturating_sub(changes.len()),
            services: services
                .into_iter()
                .map(|(service, (added, taken))| ServiceSummary {
                    service: service.clone(),
                    added,
                    taken,
                })
                .collect(),
        }
    }
}

/// How much more `to` is than `from`.
fn difference(from: Quota, to: Quota) -> Quota {
    match (from, to) {
        (Quota::Finite(from), to) => to.minus(from),
        (Quota::Unlimited, _) => Quota::ZERO,
    }
}

fn plus(sum: Quota, more: Quota) -> Quota {
    let finite = sum.finite().zip(more.finite());
    finite.map_or(Quota::Unlimited, |(sum, more): (Units, Units)| {
        Quota::Finite(sum.saturating_add(more))
    })
}
