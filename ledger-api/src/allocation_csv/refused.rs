//! Why a table is not done: it cannot be read, or some of its rows are refused.

use ledger_core::Seq;
use serde_json::Value;

use crate::problem::{Code, Problem};

/// A table that is none, as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableFault {
    /// Not UTF-8.
    #[error("line {line} is not UTF-8: save the table as CSV in UTF-8")]
    NotUtf8 {
        /// Where it stops to be.
        line: usize,
    },
    /// Nothing in it.
    #[error("the table is empty: its first line has to name the columns")]
    Empty,
    /// A column that has to be there is not.
    #[error("the table has no column {column}")]
    MissingColumn {
        /// Which.
        column: &'static str,
    },
    /// Nothing says whose the allocations are.
    #[error("the table has no column member_id, department_id or external_id")]
    MissingHolder,
    /// A column that nobody knows.
    #[error("there is no column {column:?}: {known} are known")]
    UnknownColumn {
        /// Its name.
        column: String,
        /// Those that there are.
        known: String,
    },
    /// A column is there twice.
    #[error("the column {column} is there twice")]
    RepeatedColumn {
        /// Which.
        column: &'static str,
    },
    /// A header and nothing else.
    #[error("the table has no rows")]
    NoRows,
    /// More rows than a command may have.
    #[error("the table has more than {most} rows: send it in parts")]
    TooManyRows {
        /// How many there may be.
        most: usize,
        /// Where the first one too many stands.
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

/// A row that is refused, and where it stands.
#[derive(Clone, Debug)]
pub struct RowFault {
    /// Which row, from 0.
    pub index: usize,
    /// On which line of the file, from 1.
    pub line: usize,
    /// In which column, where it is one.
    pub column: Option<&'static str>,
    /// Why.
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

/// Why nothing of an import was done.
#[derive(Clone, Debug)]
pub enum ImportRefused {
    /// For a reason that is no row's.
    Whole(Problem),
    /// Some rows are refused.
    Rows {
        /// Which, in the order of the rows.
        rows: Vec<RowFault>,
        /// The head of the log that they were decided on; none when they could not be read.
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
