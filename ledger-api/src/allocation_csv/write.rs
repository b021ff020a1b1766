//! Allocations written as a table.

use std::io;

use bytes::Bytes;
use csv::{Terminator, Writer, WriterBuilder};
use ledger_projections::balance::holdings::Holding;

use super::cell::guard;
use super::column::Column;

/// About what a row takes: two ids, a name and seven short cells.
const ROW_BYTES: usize = 160;

/// The header line.
pub(super) fn header() -> io::Result<Bytes> {
    let mut writer = writer(1);
    writer.write_record(Column::ALL.map(Column::as_str))?;
    finish(writer)
}

/// A line for each of these.
pub(super) fn rows(holdings: &[Holding]) -> io::Result<Bytes> {
    let mut writer = writer(holdings.len());
    for holding in holdings {
        for column in Column::ALL {
            write_cell(&mut writer, holding, column)?;
        }
        writer.write_record(None::<&[u8]>)?; // ends the line
    }
    finish(writer)
}

fn write_cell(
    writer: &mut Writer<Vec<u8>>,
    holding: &Holding,
    column: Column,
) -> Result<(), csv::Error> {
    let line = &holding.line;
    let mut text = |text: Option<&str>| writer.write_field(&*guard(text.unwrap_or_default()));
    match column {
        Column::MemberId => text(Some(&holding.member_id.to_string())),
        Column::ExternalId => text(holding.external_id.as_deref()),
        Column::DisplayName => text(holding.display_name.as_deref()),
        Column::Service => text(Some(line.service.as_str())),
        Column::Units => writer.write_field(line.allocated.to_string()),
        Column::Priority => writer.write_field(line.priority.as_str()),
        Column::AutoRenew => writer.write_field(line.auto_renew.to_string()),
        Column::Used => writer.write_field(line.used.to_string()),
        Column::Held => writer.write_field(line.held.to_string()),
    }
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
