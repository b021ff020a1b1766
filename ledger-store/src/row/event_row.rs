//! A row of the event table.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The columns of the table `event`; the migration describes them.
#[derive(Debug)]
pub(crate) struct EventRow {
    pub seq: i64,
    pub occurred_at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
    pub fingerprint: Option<i64>,
    pub units: Option<i64>,
    pub freed_units: Option<i64>,
    pub balance_allocated: Option<i64>,
    pub balance_used: Option<i64>,
    pub balance_held: Option<i64>,
    pub input_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    pub cached_tokens: Option<i64>,
    pub cost_micros: Option<i64>,
    pub latency_ms: Option<i64>,
    pub expires_at: Option<DateTime<Utc>>,
    pub period_start: Option<DateTime<Utc>>,
    pub school_id: Uuid,
    pub event_id: Uuid,
    pub actor_id: Uuid,
    pub member_id: Option<Uuid>,
    pub department_id: Option<Uuid>,
    pub version: i16,
    pub overage: Option<bool>,
    pub late: Option<bool>,
    pub kind: String,
    pub actor_role: String,
    pub service: Option<String>,
    pub level: Option<String>,
    pub key: Option<String>,
    pub model: Option<String>,
    pub outcome: Option<String>,
    pub request_id: Option<String>,
    pub session_id: Option<String>,
    pub payload: Option<serde_json::Value>,
    pub source: Option<String>,
    #[expect(
        dead_code,
        reason = "a column to look up by; the payload contains it too"
    )]
    pub usage_id: Option<Uuid>,
}
