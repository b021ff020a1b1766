//! Answers about usage.

use chrono::NaiveDate;
use ledger_projections::usage::Granularity;
use ledger_projections::usage::read::{self, UsageRollup};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::values::schema::one_of_words;
use crate::values::{MicroUsd, Outcome, Seq, ServiceId, Units, described};

described! {
    /// The length of a row: a day or a month.
    GranularityWord(Granularity) =
        one_of_words([Granularity::Day, Granularity::Month].map(Granularity::as_str));
}

/// Usage by day or month.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UsageAnswer {
    /// The last event included.
    seq: Seq,
    granularity: GranularityWord,
    /// The first day, or a day of the first month.
    from: NaiveDate,
    /// The last day, or a day of the last month.
    to: NaiveDate,
    /// The rows, by day or month, then by group.
    rows: Vec<UsageRow>,
    /// Whether there are more rows. Read fewer days or fewer groups.
    is_truncated: bool,
}

impl UsageAnswer {
    pub(super) fn new(query: &read::UsageQuery, usage: UsageRollup) -> Self {
        Self {
            seq: usage.seq.into(),
            granularity: usage.granularity.into(),
            from: query.from,
            to: query.to,
            rows: usage.rows.into_iter().map(UsageRow::from).collect(),
            is_truncated: usage.is_truncated,
        }
    }
}

/// The usage of a day or month, and of a group.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UsageRow {
    /// The day, or the first day of the month, in the school's time zone.
    bucket: NaiveDate,
    /// The member, if grouped by member.
    #[schema(required)]
    member_id: Option<Uuid>,
    /// The department, if grouped by department: the member's at the time of the call; null also
    /// for calls without a department.
    #[schema(required)]
    department_id: Option<Uuid>,
    /// The service, if grouped by service.
    #[schema(required)]
    service: Option<ServiceId>,
    /// The model, if grouped by model; null also for calls without a model.
    #[schema(required)]
    model: Option<String>,
    /// The outcome, if grouped by outcome; null also for calls without an outcome.
    #[schema(required)]
    outcome: Option<Outcome>,
    /// The number of calls.
    requests: Units,
    units: Units,
    input_tokens: Units,
    output_tokens: Units,
    /// The input tokens read from caches.
    cached_tokens: Units,
    /// Input and output tokens.
    total_tokens: Units,
    /// total tokens ÷ calls, rounded half up.
    average_tokens_per_request: Units,
    /// The total latency of the calls that report one, in milliseconds.
    total_latency_ms: Units,
    /// The average latency of the calls that report one, rounded half up; null if none does.
    #[schema(required)]
    average_latency_ms: Option<Units>,
    /// The cost of the calls.
    cost_micros: MicroUsd,
    /// The number of members who made the calls.
    active_members: Units,
    /// The number of refused debits and holds.
    refusals: Units,
}

impl From<read::UsageRow> for UsageRow {
    fn from(row: read::UsageRow) -> Self {
        Self {
            bucket: row.bucket,
            member_id: row.member_id.map(|id| id.0),
            department_id: row.department_id.map(|id| id.0),
            service: row.service.map(Into::into),
            model: row.model,
            outcome: row.outcome.map(Into::into),
            requests: row.requests.into(),
            units: row.units.into(),
            input_tokens: row.input_tokens.into(),
            output_tokens: row.output_tokens.into(),
            cached_tokens: row.cached_tokens.into(),
            total_tokens: row.total_tokens.into(),
            average_tokens_per_request: row.average_tokens_per_request.into(),
            total_latency_ms: row.total_latency_ms.into(),
            average_latency_ms: row.average_latency_ms.map(Into::into),
            cost_micros: row.cost_micros.into(),
            active_members: row.active_members.into(),
            refusals: row.refusals.into(),
        }
    }
}
