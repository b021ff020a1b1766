//! Reads the history, newest first.

use chrono::{DateTime, Utc};
use ledger_core::catalog::Kind;
use ledger_core::{
    Actor, ActorId, Commitment, DepartmentId, MemberId, RequestId, Seq, ServiceId, Timestamp,
};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::columns::{parse, service};
use crate::error::ReadError;
use crate::projection::ProjectionName;
use crate::tenant::TenantRead;

/// The maximum number of entries per page; complete events may exceed it.
pub const HISTORY_PAGE_MAX: u32 = 1_000;

/// The entries to read.
#[derive(Clone, Debug, Default)]
pub struct HistoryFilter {
    /// Entries about this member.
    pub member_id: Option<MemberId>,
    /// Entries about this department, its members' allocations and members' moves.
    pub department_id: Option<DepartmentId>,
    /// Entries about this service.
    pub service: Option<ServiceId>,
    /// Entries of this kind of event.
    pub kind: Option<Kind>,
    /// Entries of events before this one.
    pub before: Option<Seq>,
    /// Entries of events after this one.
    pub after: Option<Seq>,
}

/// Some entries, newest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryPage {
    /// The last event that the read model has applied.
    pub seq: Seq,
    /// The entries. All entries of an event are on one page, which may exceed the limit for it: by
    /// one for a transfer, by the number of allocations for a rollover.
    pub entries: Vec<HistoryEntry>,
    /// The event before which the next page begins; `None` on the last page.
    pub next_before: Option<Seq>,
}

/// A change, from the view of one member, department or school.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryEntry {
    /// The event.
    pub seq: Seq,
    /// The time at which it was recorded.
    pub recorded_at: Timestamp,
    /// The event's kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// The member concerned; `None`: the department or, without one, the school.
    pub member_id: Option<MemberId>,
    /// The department concerned: of a member's allocation the one that it comes from, of a move the
    /// new one, of usage the member's at that time.
    pub department_id: Option<DepartmentId>,
    /// The service.
    pub service: Option<ServiceId>,
    /// The actor.
    pub actor: Actor,
    /// The cause, when the change was not requested directly.
    pub cause: Option<String>,
    /// The request that the change is about or that caused it.
    pub request_id: Option<RequestId>,
    /// The reason; `None` when none was given, it was erased or the viewer may not see it.
    pub reason: Option<String>,
    /// The event's commitment to the reason.
    pub reason_commitment: Option<Commitment>,
    /// The value before; `None` when there was none or the event does not have it.
    pub before: Option<Value>,
    /// The value after.
    pub after: Option<Value>,
}

struct Row {
    seq: i64,
    member_id: Uuid,
    department_id: Option<Uuid>,
    recorded_at: DateTime<Utc>,
    kind: String,
    service: Option<String>,
    actor_role: String,
    actor_id: Uuid,
    cause: Option<String>,
    request_id: Option<Uuid>,
    reason: Option<Vec<u8>>,
    reason_text: Option<String>,
    before: Option<Value>,
    after: Option<Value>,
}

/// The newest entries of the viewer's school that match the filter and that the viewer may see, at
/// most `limit` and at most [`HISTORY_PAGE_MAX`], and more to complete an event.
///
/// # Errors
/// [`ReadError`] when the database fails or a row is damaged.
pub async fn page(
    read: &mut TenantRead,
    filter: &HistoryFilter,
    limit: u32,
) -> Result<HistoryPage, ReadError> {
    let limit = limit.clamp(1, HISTORY_PAGE_MAX);
    let seq = read.seq_of(ProjectionName::History).await?;
    let rows = match filter.member_id {
        Some(member_id) => of_member(read, filter, member_id, limit).await?,
        None => of_school(read, filter, limit).await?,
    };
    let mut entries = rows
        .into_iter()
        .map(Row::entry)
        .collect::<Result<Vec<_>, _>>()?;
    let next_before = cut(&mut entries, limit as usize);
    Ok(HistoryPage {
        seq,
        entries,
        next_before,
    })
}

/// Truncates the page after a complete event. Returns the event before which the next page begins.
fn cut(entries: &mut Vec<HistoryEntry>, limit: usize) -> Option<Seq> {
    let last = entries.get(limit.checked_sub(1)?)?.seq;
    let end = entries.iter().rposition(|entry| entry.seq == last)? + 1;
    // After an event that exceeds the limit, only the next page tells whether there are more.
    let has_more = entries.len() > end || end > limit + 1;
    entries.truncate(end);
    has_more.then_some(last)
}

async fn of_school(
    read: &mut TenantRead,
    filter: &HistoryFilter,
    limit: u32,
) -> Result<Vec<Row>, ReadError> {
    sqlx::query_file_as!(
        Row,
        "src/history/queries/page.sql",
        read.school_id().0,
        filter.after.map_or(0, |seq| seq.0),
        filter.before.map_or(i64::MAX, |seq| seq.0),
        filter.service.as_ref().map(ServiceId::as_str),
        filter.kind.map(Kind::as_str),
        i64::from(limit) + 2,
        filter.department_id.map(|department| department.0),
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading the history"))
}

async fn of_member(
    read: &mut TenantRead,
    filter: &HistoryFilter,
    member_id: MemberId,
    limit: u32,
) -> Result<Vec<Row>, ReadError> {
    sqlx::query_file_as!(
        Row,
        "src/history/queries/page_of_member.sql",
        read.school_id().0,
        filter.after.map_or(0, |seq| seq.0),
        filter.before.map_or(i64::MAX, |seq| seq.0),
        filter.service.as_ref().map(ServiceId::as_str),
        filter.kind.map(Kind::as_str),
        i64::from(limit) + 2,
        member_id.0,
        filter.department_id.map(|department| department.0),
    )
    .fetch_all(read.connection())
    .await
    .map_err(ReadError::at("reading a member's history"))
}

impl Row {
    fn entry(self) -> Result<HistoryEntry, ReadError> {
        let commitment = self
            .reason
            .map(<[u8; 32]>::try_from)
            .transpose()
            .map_err(|_| ReadError::Unreadable("reason"))?;
        Ok(HistoryEntry {
            seq: Seq(self.seq),
            recorded_at: Timestamp::new(self.recorded_at),
            kind: self.kind,
            member_id: (!self.member_id.is_nil()).then_some(MemberId(self.member_id)),
            department_id: self.department_id.map(DepartmentId),
            service: self.service.as_deref().map(service).transpose()?,
            actor: Actor {
                role: parse(&self.actor_role, "actor_role")?,
                id: ActorId(self.actor_id),
            },
            cause: self.cause,
            request_id: self.request_id.map(RequestId),
            reason: self.reason_text,
            reason_commitment: commitment.map(Commitment),
            before: self.before,
            after: self.after,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(seqs: &[i64]) -> Vec<HistoryEntry> {
        seqs.iter()
            .map(|seq| HistoryEntry {
                seq: Seq(*seq),
                recorded_at: Timestamp::MIN,
                kind: "units_transferred".to_owned(),
                member_id: None,
                department_id: None,
                service: None,
                actor: Actor::SYSTEM,
                cause: None,
                request_id: None,
                reason: None,
                reason_commitment: None,
                before: None,
                after: None,
            })
            .collect()
    }

    #[test]
    fn a_page_ends_between_events_and_names_the_next() {
        for (read, limit, length, next) in [
            (&[9, 8, 7][..], 2, 2, Some(8)),
            (&[9, 8], 2, 2, None),
            (&[9, 8, 8], 2, 3, None),
            (&[9, 8, 8, 7], 2, 3, Some(8)),
            (&[9, 9], 1, 2, None),
            (&[9, 9, 9, 9], 2, 4, Some(9)),
            (&[], 2, 0, None),
        ] {
            let mut entries = entries(read);
            let next_before = cut(&mut entries, limit);
            assert_eq!(
                (entries.len(), next_before.map(|seq| seq.0)),
                (length, next)
            );
        }
    }
}
