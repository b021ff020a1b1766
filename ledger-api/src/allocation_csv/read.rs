//! The parser of a table: everything that can be checked without the school.

use std::str::FromStr as _;

use csv::{ReaderBuilder, StringRecord};
use ledger_core::allocation::{Priority, ROWS_MAX};
use ledger_core::{DepartmentId, MemberId, Quota, Units};
use serde::Serialize;
use uuid::Uuid;

use super::cell::unguard;
use super::column::Column;
use super::refused::{ImportRefused, RowFault, TableFault};
use crate::problem::Problem;
use crate::values::{AllocationItem, Operation, Quota as QuotaValue, ServiceName, Subject};

/// The longest column name that a refusal repeats, in characters.
const NAME_CHARS_MAX: usize = 64;

/// The rows of a table, 1 to [`ROWS_MAX`]. The JSON, which the fingerprint contains, does not
/// depend on the layout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Table {
    /// The rows in their order.
    pub rows: Vec<TableRow>,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct TableRow {
    /// The line of the file on which the row begins, from 1.
    #[serde(skip)]
    pub line: usize,
    /// The change: a `set` of units and terms.
    pub item: AllocationItem,
}

impl Table {
    /// Parses a table in UTF-8, with or without byte order mark, with any line ends. Skips empty
    /// lines.
    ///
    /// # Errors
    /// [`ImportRefused`]: the first fault of the table as a whole, or one for each row at fault.
    pub fn read(bytes: &[u8]) -> Result<Self, ImportRefused> {
        let text = utf8(bytes)?;
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut lines = Lines::of(text);
        let mut record = StringRecord::new();
        let mut layout: Option<Layout> = None;
        let mut parsed = Parsed::default();
        loop {
            match reader.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                // Unreachable: the parts of UTF-8 between commas and quotes are UTF-8.
                Err(_) => return Err(TableFault::NotUtf8 { line: lines.last }.into()),
            }
            let line = lines.line_of(&record);
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            match &layout {
                None => layout = Some(Layout::of(&record)?),
                Some(layout) => parsed.add(layout, &record, line)?,
            }
        }
        if layout.is_none() {
            return Err(TableFault::Empty.into());
        }
        parsed.into_table()
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, TableFault> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = &bytes[..error.valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        TableFault::NotUtf8 { line }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Counts the lines on which records begin. The reader's own count is of the end of the record
/// before, which is one line less after CR LF or an empty line.
struct Lines<'t> {
    text: &'t [u8],
    counted: usize,
    last: usize,
}

impl<'t> Lines<'t> {
    const fn of(text: &'t str) -> Self {
        Self {
            text: text.as_bytes(),
            counted: 0,
            last: 1,
        }
    }

    fn line_of(&mut self, record: &StringRecord) -> usize {
        let at = record.position().map_or(0, csv::Position::byte);
        let at = usize::try_from(at)
            .unwrap_or(usize::MAX)
            .min(self.text.len());
        let ends = self.text[at..].iter();
        let begins = at
            + ends
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count();
        let between = &self.text[self.counted.min(begins)..begins];
        self.last += between.iter().filter(|byte| **byte == b'\n').count();
        self.counted = begins;
        self.last
    }
}

/// The columns that name the holder.
const HOLDERS: [Column; 3] = [Column::MemberId, Column::DepartmentId, Column::ExternalId];

/// The positions of the columns.
struct Layout {
    at: [Option<usize>; Column::ALL.len()],
    width: usize,
}

impl Layout {
    fn of(header: &StringRecord) -> Result<Self, TableFault> {
        let mut at = [None; Column::ALL.len()];
        for (place, name) in header.iter().map(str::trim).enumerate() {
            let column = Column::find(name).ok_or_else(|| unknown(name))?;
            if at[column as usize].replace(place).is_some() {
                let column = column.as_str();
                return Err(TableFault::RepeatedColumn { column });
            }
        }
        let has = |column: Column| at[column as usize].is_some();
        if !HOLDERS.into_iter().any(has) {
            return Err(TableFault::MissingHolder);
        }
        for column in [Column::Service, Column::Units] {
            if !has(column) {
                let column = column.as_str();
                return Err(TableFault::MissingColumn { column });
            }
        }
        let width = header.len();
        Ok(Self { at, width })
    }

    /// The column at fault in a row that names no holder, or several.
    fn holder_column(&self, item: &AllocationItem) -> Option<Column> {
        if item.department_id.is_some() {
            return Some(Column::DepartmentId);
        }
        let is_there = |column: &Column| self.at[*column as usize].is_some();
        HOLDERS.into_iter().find(is_there)
    }

    fn cell<'r>(&self, record: &'r StringRecord, column: Column) -> &'r str {
        let cell = self.at[column as usize].and_then(|place| record.get(place));
        cell.unwrap_or_default()
    }
}

fn unknown(name: &str) -> TableFault {
    TableFault::UnknownColumn {
        column: name.chars().take(NAME_CHARS_MAX).collect(),
        known: Column::ALL.map(Column::as_str).join(", "),
    }
}

/// The rows parsed so far.
#[derive(Default)]
struct Parsed {
    rows: Vec<TableRow>,
    faults: Vec<RowFault>,
}

impl Parsed {
    fn add(
        &mut self,
        layout: &Layout,
        record: &StringRecord,
        line: usize,
    ) -> Result<(), TableFault> {
        let index = self.rows.len() + self.faults.len();
        if index == ROWS_MAX {
            let max = ROWS_MAX;
            return Err(TableFault::TooManyRows { max, line });
        }
        match row(layout, record, line) {
            Ok(row) => self.rows.push(row),
            Err(CellFault { column, message }) => self.faults.push(RowFault {
                index,
                line,
                column: column.map(Column::as_str),
                problem: Problem::invalid(message),
            }),
        }
        Ok(())
    }

    fn into_table(self) -> Result<Table, ImportRefused> {
        if !self.faults.is_empty() {
            let (rows, seq) = (self.faults, None);
            return Err(ImportRefused::Rows { rows, seq });
        }
        if self.rows.is_empty() {
            return Err(TableFault::NoRows.into());
        }
        Ok(Table { rows: self.rows })
    }
}

/// The fault of a row and its column.
struct CellFault {
    column: Option<Column>,
    message: String,
}

fn at(column: Column, message: impl Into<String>) -> CellFault {
    CellFault {
        column: Some(column),
        message: message.into(),
    }
}

fn row(layout: &Layout, record: &StringRecord, line: usize) -> Result<TableRow, CellFault> {
    if record.len() != layout.width {
        let (cells, columns) = (record.len(), layout.width);
        return Err(CellFault {
            column: None,
            message: format!("the row has {cells} cells, the header {columns}"),
        });
    }
    let cell = |column| layout.cell(record, column);
    let member_id = id(Column::MemberId, cell(Column::MemberId))?.map(MemberId);
    let external_id = cell(Column::ExternalId);
    let item = AllocationItem {
        op: Operation::Set,
        member_id,
        department_id: id(Column::DepartmentId, cell(Column::DepartmentId))?.map(DepartmentId),
        external_id: match member_id {
            Some(_) => None,
            None => subject(external_id)?,
        },
        to_member_id: None,
        to_department_id: None,
        service: service(cell(Column::Service))?,
        units: Some(units(cell(Column::Units))?),
        priority: priority(cell(Column::Priority))?.map(|priority| Some(priority.into())),
        auto_renew: auto_renew(cell(Column::AutoRenew))?.map(Some),
    };
    item.row().map_err(|message| CellFault {
        column: layout.holder_column(&item),
        message,
    })?;
    Ok(TableRow { line, item })
}

fn id(column: Column, cell: &str) -> Result<Option<Uuid>, CellFault> {
    let cell = cell.trim();
    if cell.is_empty() {
        return Ok(None);
    }
    let id = Uuid::try_parse(cell);
    id.map(Some).map_err(|_| at(column, "the id is not a UUID"))
}

fn subject(cell: &str) -> Result<Option<Subject>, CellFault> {
    if cell.is_empty() {
        return Ok(None);
    }
    let subject = Subject::from_str(unguard(cell));
    subject
        .map(Some)
        .map_err(|message| at(Column::ExternalId, message))
}

fn service(cell: &str) -> Result<ServiceName, CellFault> {
    ServiceName::from_str(unguard(cell.trim())).map_err(|message| at(Column::Service, message))
}

/// Parses digits only: the other forms of a spreadsheet (`1E+05`, `1,000`) have lost digits or are
/// ambiguous.
fn units(cell: &str) -> Result<QuotaValue, CellFault> {
    let cell = cell.trim();
    if cell.eq_ignore_ascii_case("unlimited") {
        return Ok(Quota::Unlimited.into());
    }
    let is_number = !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        .then(|| Units::new(cell.parse().ok()?).ok())
        .flatten()
        .map(|units| Quota::Finite(units).into())
        .ok_or_else(|| {
            let message = format!("units are digits, 0 to {}, or unlimited", i64::MAX);
            at(Column::Units, message)
        })
}

fn priority(cell: &str) -> Result<Option<Priority>, CellFault> {
    let word = cell.trim().to_ascii_lowercase();
    if word.is_empty() {
        return Ok(None);
    }
    let priority = Priority::parse(&word).map(Some);
    priority.ok_or_else(|| at(Column::Priority, "a priority is low, normal or high"))
}

/// Parses in any case: a spreadsheet turns `true` into `TRUE`.
fn auto_renew(cell: &str) -> Result<Option<bool>, CellFault> {
    match cell.trim().to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        _ => Err(at(Column::AutoRenew, "auto_renew is true or false")),
    }
}
