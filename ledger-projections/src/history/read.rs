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

/// The most entries of one page.
pub const HISTORY_PAGE_MAX: u32 = 1_000;

/// Which entries to read.
#[derive(Clone, Debug, Default)]
pub struct HistoryFilter {
    /// Those that concern this member.
    pub member_id: Option<MemberId>,
    /// Those about this department, the allocations of its members, and who came and went.
    pub department_id: Option<DepartmentId>,
    /// Those of this service.
    pub service: Option<ServiceId>,
    /// Those of this kind of event.
    pub kind: Option<Kind>,
    /// Those of events before this one.
    pub before: Option<Seq>,
    /// Those of events after this one.
    pub after: Option<Seq>,
}

/// Some entries, newest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryPage {
    /// The event up to which the history counts.
    pub seq: Seq,
    /// The entries. All entries of one event are on one page, which may have more for it: one for a
    /// transfer, as many as an event tells of for the roll of a period.
    pub entries: Vec<HistoryEntry>,
    /// Go on before this event; `None` when there are no more.
    pub next_before: Option<Seq>,
}

/// A change, as it concerns one member or the school.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryEntry {
    /// The event.
    pub seq: Seq,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The event's kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whom it concerns; `None`: the department, or where none is named the school.
    pub member_id: Option<MemberId>,
    /// The department that it is about; of a member's allocation the one out of which that comes,
    /// of a move the one moved to, of usage the one that he was in.
    pub department_id: Option<DepartmentId>,
    /// Of which service.
    pub service: Option<ServiceId>,
    /// Who did it.
    pub actor: Actor,
    /// What it came out of, when it was not asked for by itself.
    pub cause: Option<String>,
    /// The request that it is about, or came out of.
    pub request_id: Option<RequestId>,
    /// Why, as it was written; `None` when nobody said, it was erased, or it is not for the viewer.
    pub reason: Option<String>,
    /// The commitment to why, as the event holds it.
    pub reason_commitment: Option<Commitment>,
    /// How it was; `None` when there was nothing, or the event does not say.
    pub before: Option<Value>,
    /// How it is since.
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

/// The newest entries of the viewer's school that he may see and the filter lets through, at most
/// `limit` and at most [`HISTORY_PAGE_MAX`], and more when an event would be cut in two.
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

/// Cuts what was read beyond the page, but not between two entries of one event; where to go on.
fn cut(entries: &mut Vec<HistoryEntry>, limit: usize) -> Option<Seq> {
    let last = entries.get(limit.checked_sub(1)?)?.seq;
    let end = entries.iter().rposition(|entry| entry.seq == last)? + 1;
    // Of a long event what was read is the end: whether there is more the next page tells.
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
    fn a_page_is_cut_between_events_and_says_where_to_go_on() {
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
            let went_on = cut(&mut entries, limit);
            assert_eq!((entries.len(), went_on.map(|seq| seq.0)), (length, next));
        }
    }
}
