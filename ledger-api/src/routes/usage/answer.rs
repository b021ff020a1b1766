//! What is told of usage.

use chrono::NaiveDate;
use ledger_core::Seq;
use ledger_projections::usage::Granularity;
use ledger_projections::usage::read::{UsageQuery as Rollup, UsageRollup, UsageRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::GranularityWord;
use crate::openapi::schema;
use crate::values::words;

/// Usage by day or month.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UsageAnswer {
    /// The event up to which this counts.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// Whether a row is of a day or of a month.
    #[schema(value_type = GranularityWord)]
    granularity: Granularity,
    /// The first day, or a day of the first month.
    #[schema(value_type = words::Date)]
    from: NaiveDate,
    /// The last day, or a day of the last month.
    #[schema(value_type = words::Date)]
    to: NaiveDate,
    /// The rows, by day or month, then by what they are split by.
    #[schema(value_type = Vec<UsageRowDocument>)]
    rows: Vec<UsageRow>,
    /// Whether there are more rows than these: ask for fewer days, or split by less.
    is_truncated: bool,
}

impl UsageAnswer {
    pub(super) fn of(asked: &Rollup, usage: UsageRollup) -> Self {
        Self {
            seq: usage.seq,
            granularity: usage.granularity,
            from: asked.from,
            to: asked.to,
            rows: usage.rows,
            is_truncated: usage.is_truncated,
        }
    }
}

/// The usage of a day or month, and of what it is split by.
#[derive(Debug, ToSchema)]
#[schema(as = UsageRow)]
#[allow(
    dead_code,
    reason = "it describes what usage::read::UsageRow is written as"
)]
pub struct UsageRowDocument {
    /// The day, or the first day of the month, in the school's time zone.
    #[schema(value_type = words::Date)]
    bucket: String,
    /// Whose, when split by member.
    #[schema(value_type = Option<Uuid>, required)]
    member_id: Option<String>,
    /// Of which department, when split by department: the one that the member was in when he made
    /// the call; none also where he was in none.
    #[schema(value_type = Option<Uuid>, required)]
    department_id: Option<String>,
    /// Of which service, when split by service.
    #[schema(value_type = Option<schema::ServiceId>, required)]
    service: Option<String>,
    /// Of which model, when split by model; none also where nobody said.
    #[schema(required)]
    model: Option<String>,
    /// How the calls ended, when split by outcome; none also where nobody said.
    #[schema(value_type = Option<schema::Outcome>, required)]
    outcome: Option<String>,
    /// How many calls.
    #[schema(value_type = schema::Units)]
    requests: i64,
    /// Units of quota.
    #[schema(value_type = schema::Units)]
    units: i64,
    /// Tokens that went in.
    #[schema(value_type = schema::Units)]
    input_tokens: i64,
    /// Tokens that came out.
    #[schema(value_type = schema::Units)]
    output_tokens: i64,
    /// The part of the input that caches served.
    #[schema(value_type = schema::Units)]
    cached_tokens: i64,
    /// Tokens in and out together.
    #[schema(value_type = schema::Units)]
    total_tokens: i64,
    /// Total tokens ÷ calls, rounded half up.
    #[schema(value_type = schema::Units)]
    average_tokens_per_request: i64,
    /// How long the calls took together, those that said so, in milliseconds.
    #[schema(value_type = schema::Units)]
    total_latency_ms: i64,
    /// Total latency ÷ the calls that said theirs, rounded half up; none when none did.
    #[schema(value_type = Option<schema::Units>, required)]
    average_latency_ms: Option<i64>,
    /// What the providers charged.
    #[schema(value_type = words::MicroUsd)]
    cost_micros: i64,
    /// How many members made these calls.
    #[schema(value_type = schema::Units)]
    active_members: i64,
    /// How many debits and holds were refused.
    #[schema(value_type = schema::Units)]
    refusals: i64,
}
