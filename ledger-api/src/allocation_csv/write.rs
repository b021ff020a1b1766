//! The lines of an export.

use std::io;

use bytes::Bytes;
use csv::{Terminator, Writer, WriterBuilder};
use ledger_core::allocation::{Holder, Priority};
use ledger_core::{Quota, ServiceId, Units};
use ledger_projections::balance::holdings::{DepartmentHolding, Holding};

use super::cell::guard;
use super::column::Column;

/// The approximate size of a row: two ids, a name and seven short cells.
const ROW_BYTES: usize = 160;

/// The allocation of a holder and a service.
pub(super) struct Row<'a> {
    holder: Holder,
    external_id: Option<&'a str>,
    display_name: Option<&'a str>,
    service: &'a ServiceId,
    units: Quota,
    priority: Priority,
    auto_renew: bool,
    used: Units,
    held: Units,
}

impl<'a> From<&'a Holding> for Row<'a> {
    fn from(holding: &'a Holding) -> Self {
        let line = &holding.line;
        Self {
            holder: holding.member_id.into(),
            external_id: holding.external_id.as_deref(),
            display_name: holding.display_name.as_deref(),
            service: &line.service,
            units: line.allocated,
            priority: line.priority,
            auto_renew: line.auto_renew,
            used: line.used,
            held: line.held,
        }
    }
}

impl<'a> From<&'a DepartmentHolding> for Row<'a> {
    fn from(holding: &'a DepartmentHolding) -> Self {
        let line = &holding.line;
        Self {
            holder: holding.department_id.into(),
            external_id: None,
            display_name: holding.name.as_deref(),
            service: &line.service,
            units: line.allocated,
            priority: line.priority,
            auto_renew: line.auto_renew,
            used: line.used,
            held: line.held,
        }
    }
}

/// Writes the header line.
pub(super) fn header() -> io::Result<Bytes> {
    let mut writer = writer(1);
    writer.write_record(Column::ALL.map(Column::as_str))?;
    finish(writer)
}

/// Writes a line for each holding.
pub(super) fn rows<'a, T>(holdings: &'a [T]) -> io::Result<Bytes>
where
    Row<'a>: From<&'a T>,
{
    let mut writer = writer(holdings.len());
    for row in holdings.iter().map(Row::from) {
        for column in Column::ALL {
            write_cell(&mut writer, &row, column)?;
        }
        writer.write_record(None::<&[u8]>)?; // ends the line
    }
    finish(writer)
}

fn write_cell(
    writer: &mut Writer<Vec<u8>>,
    row: &Row<'_>,
    column: Column,
) -> Result<(), csv::Error> {
    let mut text = |text: Option<&str>| writer.write_field(&*guard(text.unwrap_or_default()));
    match column {
        Column::MemberId => text(id(row.holder.member_id()).as_deref()),
        Column::DepartmentId => text(id(row.holder.department_id()).as_deref()),
        Column::ExternalId => text(row.external_id),
        Column::DisplayName => text(row.display_name),
        Column::Service => text(Some(row.service.as_str())),
        Column::Units => writer.write_field(row.units.to_string()),
        Column::Priority => writer.write_field(row.priority.as_str()),
        Column::AutoRenew => writer.write_field(row.auto_renew.to_string()),
        Column::Used => writer.write_field(row.used.to_string()),
        Column::Held => writer.write_field(row.held.to_string()),
    }
}

fn id(id: Option<impl ToString>) -> Option<String> {
    id.map(|id| id.to_string())
}

fn writer(rows: usize) -> Writer<Vec<u8>> {
    WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::with_capacity(rows * ROW_BYTES))
}

fn finish(writer: Writer<Vec<u8>>) -> io::Result<Bytes> {
    let written = writer.into_inner();
    written
        .map(Bytes::from)
        .map_err(csv::IntoInnerError::into_error)
}
