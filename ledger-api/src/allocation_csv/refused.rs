//! The refusal of a table: as a whole, or by row.

use ledger_core::Seq;
use serde_json::Value;

use crate::problem::{Code, Problem};

/// The fault of a table as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableFault {
    /// The table is not UTF-8.
    #[error("line {line} is not UTF-8: save the table as CSV in UTF-8")]
    NotUtf8 {
        /// The first line at fault.
        line: usize,
    },
    /// The table is empty.
    #[error("the table is empty: its first line names the columns")]
    Empty,
    /// A required column is missing.
    #[error("the table has no column {column}")]
    MissingColumn {
        /// The column.
        column: &'static str,
    },
    /// No column names the holders.
    #[error("the table has no column member_id, department_id or external_id")]
    MissingHolder,
    /// A column is unknown.
    #[error("unknown column {column:?}: the columns are {known}")]
    UnknownColumn {
        /// The name.
        column: String,
        /// The names of all columns.
        known: String,
    },
    /// A column occurs twice.
    #[error("the column {column} occurs twice")]
    RepeatedColumn {
        /// The column.
        column: &'static str,
    },
    /// The table has a header only.
    #[error("the table has no rows")]
    NoRows,
    /// The table has more rows than a command.
    #[error("the table has more than {max} rows: send it in parts")]
    TooManyRows {
        /// The maximum.
        max: usize,
        /// The line of the first excess row.
        line: usize,
    },
}

impl From<TableFault> for Problem {
    fn from(fault: TableFault) -> Self {
        let problem = Self::new(Code::UnreadableTable, fault.to_string());
        match fault {
            TableFault::NotUtf8 { line } | TableFault::TooManyRows { line, .. } => {
                problem.line(i64::try_from(line).unwrap_or(i64::MAX))
            }
            TableFault::MissingColumn { column } | TableFault::RepeatedColumn { column } => {
                problem.column(column)
            }
            TableFault::UnknownColumn { column, .. } => problem.column(column),
            TableFault::Empty | TableFault::MissingHolder | TableFault::NoRows => problem,
        }
    }
}

/// The refusal of a row.
#[derive(Clone, Debug)]
pub struct RowFault {
    /// The position of the row, from 0.
    pub index: usize,
    /// The line of the file, from 1.
    pub line: usize,
    /// The column, if the refusal is about one.
    pub column: Option<&'static str>,
    /// The reason.
    pub problem: Problem,
}

impl RowFault {
    fn to_json(&self) -> Value {
        let mut error = self.problem.to_json();
        error["index"] = self.index.into();
        error["line"] = self.line.into();
        if let Some(column) = self.column {
            error["column"] = column.into();
        }
        error
    }
}

impl std::fmt::Display for RowFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = self.column {
            write!(f, ", {column}")?;
        }
        write!(f, ": {}", self.problem.detail())
    }
}

/// The refusal of an import.
#[derive(Clone, Debug)]
pub enum ImportRefused {
    /// The table is refused as a whole.
    Whole(Problem),
    /// Some rows are refused.
    Rows {
        /// The refused rows in their order.
        rows: Vec<RowFault>,
        /// The head of the log of the decision; none if rows were unreadable.
        seq: Option<Seq>,
    },
}

impl From<Problem> for ImportRefused {
    fn from(problem: Problem) -> Self {
        Self::Whole(problem)
    }
}

impl From<TableFault> for ImportRefused {
    fn from(fault: TableFault) -> Self {
        Self::Whole(fault.into())
    }
}

impl From<ImportRefused> for Problem {
    fn from(refused: ImportRefused) -> Self {
        match refused {
            ImportRefused::Whole(problem) => problem,
            ImportRefused::Rows { rows, seq } => {
                let errors: Vec<Value> = rows.iter().map(RowFault::to_json).collect();
                let detail = format!("{} rows are refused; no row was applied", rows.len());
                let problem = Self::new(Code::BatchRefused, detail).errors(errors);
                match seq {
                    Some(seq) => problem.refused_at(seq),
                    None => problem,
                }
            }
        }
    }
}
