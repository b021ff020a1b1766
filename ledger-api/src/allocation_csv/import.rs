//! The import of a table: its command, and its refusal by row.

use ledger_core::allocation::AllocationCommand;
use ledger_core::{Action, Actor, Catalogue, Command, CommandKey, Refusal, Timestamp};
use ledger_store::writer::{Envelope, Receipt, Refused, RefusedBy};
use serde::Serialize;

use super::answer::ImportAnswer;
use super::column::Column;
use super::read::{Table, TableRow};
use super::refused::{ImportRefused, RowFault};
use crate::command::free_text;
use crate::http::fingerprint;
use crate::problem::Problem;

/// A table to import.
#[derive(Clone, Debug, Serialize)]
pub struct Import {
    /// The allocations to set.
    pub table: Table,
    /// The reason.
    pub reason: String,
    /// Whether to preview the changes without making them.
    pub dry_run: bool,
}

impl Import {
    /// Wraps the command, which has all rows, for the writer.
    ///
    /// # Errors
    /// [`crate::problem::Code::InvalidRequest`] when the reason is blank or too long.
    pub fn envelope(
        &self,
        key: &CommandKey,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Envelope, Problem> {
        let rows = self.table.rows.iter();
        let rows: Result<_, _> = rows.map(|row| row.item.row()).collect();
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
        Ok(Envelope::new(key, fingerprint, command).with_dry_run(self.dry_run))
    }

    /// The refusal, with the lines of the refused rows.
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

    /// The answer to the import.
    #[must_use]
    pub fn answer(&self, receipt: &Receipt, catalogue: &Catalogue) -> ImportAnswer {
        super::answer::imported(&self.table, self.dry_run, receipt, catalogue)
    }
}

/// The column of its row that a refusal is about.
fn column(row: &TableRow, refusal: &Refusal) -> Option<&'static str> {
    let column = if matches!(
        refusal,
        Refusal::MemberNotFound { .. } | Refusal::DepartmentNotFound { .. }
    ) {
        match (row.item.member_id, row.item.department_id) {
            (Some(_), _) => Column::MemberId,
            (None, Some(_)) => Column::DepartmentId,
            (None, None) => Column::ExternalId,
        }
    } else if matches!(refusal, Refusal::UnknownService { .. }) {
        Column::Service
    } else if matches!(refusal, Refusal::Shortfall(_) | Refusal::AmountOutOfRange) {
        Column::Units
    } else {
        return None;
    };
    Some(column.as_str())
}
