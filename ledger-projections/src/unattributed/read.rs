//! Reads unattributed usage, oldest first.

use chrono::{DateTime, Utc};
use ledger_core::usage::{CallFacts, UnattributedReason};
use ledger_core::{EventId, MemberId, Seq, Timestamp, Units};
use serde::{Deserialize as _, Serialize};
use uuid::Uuid;

use crate::columns::{parse, units};
use crate::error::ReadError;
use crate::projection::ProjectionName;
use crate::tenant::TenantRead;

/// The maximum number of usages per page.
pub const UNATTRIBUTED_PAGE_MAX: u32 = 1_000;

/// Usage that counts for no member yet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnattributedUsage {
    /// The event that recorded it, by which it is attributed.
    pub event_id: EventId,
    /// The position of that event in the stream.
    pub seq: Seq,
    /// The time at which it occurred.
    pub occurred_at: Timestamp,
    /// The time at which it was recorded.
    pub recorded_at: Timestamp,
    /// Whether the member or the service is unknown.
    pub reason: UnattributedReason,
    /// The `source` of the CloudEvent.
    pub source: String,
    /// The `id` of the CloudEvent.
    pub id: String,
    /// The member, where only the service is unknown.
    pub member_id: Option<MemberId>,
    /// The reported subject; `None` where there was none or it was erased.
    pub subject: Option<String>,
    /// The reported service.
    pub service: String,
    /// The units; `None` where the service has no known meter.
    pub units: Option<Units>,
    /// The details of the call.
    #[serde(flatten)]
    pub call: CallFacts,
}

/// Some unattributed usage, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnattributedPage {
    /// The last event that the read model has applied.
    pub seq: Seq,
    /// The usage.
    pub usage: Vec<UnattributedUsage>,
    /// The position after which the next page begins; `None` on the last page.
    pub next_after: Option<Seq>,
}

struct Row {
    seq: i64,
    event_id: Uuid,
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    why: String,
    source: String,
    id: String,
    member_id: Option<Uuid>,
    subject: Option<String>,
    service: String,
    units: Option<i64>,
    call: serde_json::Value,
}

/// The unattributed usage of the viewer's school that was recorded after `after`, at most `limit`
/// and at most [`UNATTRIBUTED_PAGE_MAX`].
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn page(
    read: &mut TenantRead,
    after: Seq,
    limit: u32,
) -> Result<UnattributedPage, ReadError> {
    let limit = limit.clamp(1, UNATTRIBUTED_PAGE_MAX);
    let seq = read.seq_of(ProjectionName::Unattributed).await?;
    let rows = sqlx::query_file_as!(
        Row,
        "src/unattributed/queries/page.sql",
        read.school_id().0,
        after.0,
        i64::from(limit) + 1,
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading unattributed usage"))?;
    let mut usage = rows
        .into_iter()
        .map(Row::usage)
        .collect::<Result<Vec<_>, _>>()?;
    let limit = limit as usize;
    let next_after = (usage.len() > limit).then(|| usage[limit - 1].seq);
    usage.truncate(limit);
    Ok(UnattributedPage {
        seq,
        usage,
        next_after,
    })
}

impl Row {
    fn usage(self) -> Result<UnattributedUsage, ReadError> {
        Ok(UnattributedUsage {
            event_id: EventId(self.event_id),
            seq: Seq(self.seq),
            occurred_at: Timestamp::new(self.occurred_at),
            recorded_at: Timestamp::new(self.recorded_at),
            reason: parse(&self.why, "why")?,
            source: self.source,
            id: self.id,
            member_id: self.member_id.map(MemberId),
            subject: self.subject,
            service: self.service,
            units: self.units.map(|n| units(n, "units")).transpose()?,
            call: CallFacts::deserialize(self.call).map_err(|_| ReadError::Unreadable("call"))?,
        })
    }
}
