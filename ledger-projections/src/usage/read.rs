//! Reads the rollups with any grouping.

use chrono::NaiveDate;
use ledger_core::usage::Outcome;
use ledger_core::{DepartmentId, MemberId, MicroUsd, Seq, ServiceId, Units};
use serde::Serialize;

use super::bucket::Granularity;
use crate::columns::{parse, service, units};
use crate::error::ReadError;
use crate::projection::ProjectionName;
use crate::tenant::TenantRead;

/// The maximum number of rows of an answer.
pub const ROLLUP_ROWS_MAX: u32 = 10_000;

/// The usage to read and its grouping.
#[derive(Clone, Debug)]
pub struct UsageQuery {
    /// Days or months.
    pub granularity: Granularity,
    /// The first day; of months, the first month contains it.
    pub from: NaiveDate,
    /// The last day, inclusive; of months, the last month contains it.
    pub to: NaiveDate,
    /// The grouping of a bucket's rows.
    pub group_by: GroupBy,
    /// Only usage of this member.
    pub member_id: Option<MemberId>,
    /// Only usage of members who were in this department when the call was recorded.
    pub department_id: Option<DepartmentId>,
    /// Only usage of this service.
    pub service: Option<ServiceId>,
}

/// The grouping of a bucket's rows: any combination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupBy {
    /// By member.
    pub member: bool,
    /// By department.
    pub department: bool,
    /// By service.
    pub service: bool,
    /// By model.
    pub model: bool,
    /// By outcome.
    pub outcome: bool,
}

/// Usage in buckets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UsageRollup {
    /// The last event that the read model has applied.
    pub seq: Seq,
    /// Days or months.
    pub granularity: Granularity,
    /// The rows, in the order of buckets and groups.
    pub rows: Vec<UsageRow>,
    /// Whether rows beyond the limit were left out.
    pub is_truncated: bool,
}

/// The usage of one bucket and group. Sums stop at 2⁶³ − 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UsageRow {
    /// The day, or the first day of the month, in the school's time zone.
    pub bucket: NaiveDate,
    /// The member, when grouped by member.
    pub member_id: Option<MemberId>,
    /// The members' department, when grouped by department; `None` also for members in none.
    pub department_id: Option<DepartmentId>,
    /// The service, when grouped by service.
    pub service: Option<ServiceId>,
    /// The model, when grouped by model; `None` also where unknown.
    pub model: Option<String>,
    /// The calls' outcome, when grouped by outcome; `None` also where unknown.
    pub outcome: Option<Outcome>,
    /// The number of calls.
    pub requests: Units,
    /// Units of quota.
    pub units: Units,
    /// Input tokens.
    pub input_tokens: Units,
    /// Output tokens.
    pub output_tokens: Units,
    /// Input tokens served by caches.
    pub cached_tokens: Units,
    /// Input and output tokens.
    pub total_tokens: Units,
    /// Total tokens ÷ requests, rounded half up.
    pub average_tokens_per_request: Units,
    /// The sum of the known latencies, in milliseconds.
    pub total_latency_ms: Units,
    /// Total latency ÷ calls with a known latency, rounded half up; `None` without any.
    pub average_latency_ms: Option<Units>,
    /// The providers' cost, in millionths of a US dollar.
    pub cost_micros: MicroUsd,
    /// The number of members who made these calls.
    pub active_members: Units,
    /// The number of refused debits and holds.
    pub refusals: Units,
}

struct Row {
    bucket: NaiveDate,
    member_id: Option<uuid::Uuid>,
    department_id: Option<uuid::Uuid>,
    service: Option<String>,
    model: Option<String>,
    outcome: Option<String>,
    requests: i64,
    units: i64,
    input_tokens: i64,
    output_tokens: i64,
    cached_tokens: i64,
    total_tokens: i64,
    average_tokens: i64,
    latency_ms: i64,
    average_latency_ms: Option<i64>,
    cost_micros: i64,
    active_members: i64,
    refusals: i64,
}

/// The usage of the viewer's school that the viewer may see, at most `limit` rows and at most
/// [`ROLLUP_ROWS_MAX`]. A bucket without usage has no row.
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn rollup(
    read: &mut TenantRead,
    query: &UsageQuery,
    limit: u32,
) -> Result<UsageRollup, ReadError> {
    let limit = limit.clamp(1, ROLLUP_ROWS_MAX);
    let seq = read.seq_of(ProjectionName::Usage).await?;
    let granularity = query.granularity;
    let rows = sqlx::query_file_as!(
        Row,
        "src/usage/queries/rollup.sql",
        read.school_id().0,
        granularity.as_str(),
        granularity.first_day(query.from),
        granularity.last_day(query.to),
        query.group_by.member,
        query.group_by.service,
        query.group_by.model,
        query.group_by.outcome,
        query.member_id.map(|member| member.0),
        query.service.as_ref().map(ServiceId::as_str),
        i64::from(limit) + 1,
        query.group_by.department,
        query.department_id.map(|department| department.0),
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading usage"))?;
    let mut rows = rows
        .into_iter()
        .map(Row::usage)
        .collect::<Result<Vec<_>, _>>()?;
    let is_truncated = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    Ok(UsageRollup {
        seq,
        granularity,
        rows,
        is_truncated,
    })
}

impl Row {
    fn usage(self) -> Result<UsageRow, ReadError> {
        Ok(UsageRow {
            bucket: self.bucket,
            member_id: self.member_id.map(MemberId),
            department_id: self.department_id.map(DepartmentId),
            service: self.service.as_deref().map(service).transpose()?,
            model: self.model,
            outcome: self
                .outcome
                .map(|outcome| parse(&outcome, "outcome"))
                .transpose()?,
            requests: units(self.requests, "requests")?,
            units: units(self.units, "units")?,
            input_tokens: units(self.input_tokens, "input_tokens")?,
            output_tokens: units(self.output_tokens, "output_tokens")?,
            cached_tokens: units(self.cached_tokens, "cached_tokens")?,
            total_tokens: units(self.total_tokens, "total_tokens")?,
            average_tokens_per_request: units(self.average_tokens, "average_tokens")?,
            total_latency_ms: units(self.latency_ms, "latency_ms")?,
            average_latency_ms: self
                .average_latency_ms
                .map(|latency| units(latency, "average_latency_ms"))
                .transpose()?,
            cost_micros: MicroUsd(units(self.cost_micros, "cost_micros")?),
            active_members: units(self.active_members, "active_members")?,
            refusals: units(self.refusals, "refusals")?,
        })
    }
}
