//! What a command needs to know from beside the state: whose an external id is, how a hold was
//! placed that the state does not keep any more, how a request ended, and how usage stands that is
//! to be refunded or given to somebody. Looked up under the stream's lock.

use std::collections::BTreeMap;

use ledger_core::catalog::Event;
use ledger_core::request::{ClosedRequest, Closing};
use ledger_core::school::{ClaimedExternalId, SchoolCommand};
use ledger_core::usage::{Hold, Recalled, UsageCommand, UsageEvent};
use ledger_core::{
    Action, CommandKey, EventId, Fingerprint, Key, MemberId, Recorded, Refusal, RequestId, SchoolId,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::envelope::{Envelope, ExternalId, SideWrites};
use crate::error::StoreError;
use crate::row::EventRow;

/// An event that the log holds already, with its command's fingerprint.
pub(super) type Known = BTreeMap<(SchoolId, EventId), (Recorded, Option<Fingerprint>)>;

/// The events of these ids, each given with its school, that the log holds.
pub(super) async fn find_events(
    conn: &mut PgConnection,
    schools: &[Uuid],
    ids: &[Uuid],
) -> Result<Known, StoreError> {
    if ids.is_empty() {
        return Ok(Known::new());
    }
    let rows = sqlx::query_file_as!(EventRow, "src/row/find.sql", schools, ids)
        .fetch_all(conn)
        .await
        .map_err(StoreError::at("looking for repeated commands"))?;
    rows.into_iter()
        .map(|row| {
            let fingerprint = row.fingerprint.map(Fingerprint);
            let recorded = row.into_recorded()?;
            Ok((
                (recorded.school_id, recorded.event_id),
                (recorded, fingerprint),
            ))
        })
        .collect()
}

/// The owners of external ids, by school and id.
pub(super) type Owners = BTreeMap<(SchoolId, String), MemberId>;

/// The owners of external ids, each given with its school.
pub(super) async fn find_owners(
    conn: &mut PgConnection,
    schools: &[Uuid],
    named: &[String],
) -> Result<Owners, StoreError> {
    if named.is_empty() {
        return Ok(Owners::new());
    }
    let rows = sqlx::query!(
        "SELECT known.school_id, known.external_id, known.member_id
           FROM unnest($1::uuid[], $2::text[]) AS named (school_id, external_id)
           JOIN member_external_id AS known USING (school_id, external_id)",
        schools,
        named,
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::at("looking up external ids"))?;
    Ok(rows
        .into_iter()
        .map(|row| {
            (
                (SchoolId(row.school_id), row.external_id),
                MemberId(row.member_id),
            )
        })
        .collect())
}

/// The external ids that an envelope names.
pub(super) fn external_ids(envelope: &Envelope) -> impl Iterator<Item = &ExternalId> {
    let given = match &envelope.side_writes {
        SideWrites::Member(entry) => entry.external_ids.as_slice(),
        SideWrites::Nothing | SideWrites::SchoolName(_) | SideWrites::Department { .. } => &[],
    };
    let rows = envelope.row_subjects.iter().map(|(_, id)| id);
    envelope.subject.iter().chain(rows).chain(given)
}

/// Sets the member that the envelope names by external id.
pub(super) fn resolve_subject(
    owners: &Owners,
    school_id: SchoolId,
    envelope: &mut Envelope,
) -> Result<(), Refusal> {
    let Some(subject) = &envelope.subject else {
        return Ok(());
    };
    let owner = owners
        .get(&(school_id, subject.as_str().to_owned()))
        .copied();
    let known = owner.ok_or(Refusal::MemberNotFound { member_id: None });
    match &mut envelope.command.action {
        Action::Usage(UsageCommand::Debit(debit)) => debit.member_id = known?,
        Action::Usage(UsageCommand::PlaceHold(hold)) => hold.member_id = known?,
        // What happened is recorded, whoever it was; without an owner the subject may be an id.
        Action::Usage(UsageCommand::Report(report)) => {
            report.member_id = owner.or(report.member_id);
        }
        Action::Usage(
            UsageCommand::Settle(_)
            | UsageCommand::Release(_)
            | UsageCommand::NoteRefused(_)
            | UsageCommand::Attribute(_)
            | UsageCommand::Correct(_),
        )
        | Action::School(_)
        | Action::Department(_)
        | Action::Allocation(_)
        | Action::Request(_) => {}
    }
    Ok(())
}

/// Sets the members that rows of an allocation command name by external id. The core refuses the
/// rows of those whom nobody knows, together with all others that it refuses.
pub(super) fn resolve_rows(owners: &Owners, school_id: SchoolId, envelope: &mut Envelope) {
    let Action::Allocation(command) = &mut envelope.command.action else {
        return;
    };
    let rows = command.rows_mut();
    for (index, subject) in &envelope.row_subjects {
        let owner = owners.get(&(school_id, subject.as_str().to_owned()));
        if let Some(row) = rows.get_mut(*index) {
            row.holder = owner.copied().unwrap_or(MemberId(Uuid::nil())).into();
        }
    }
}

/// Whose allocation each row changes, of a command that names people by external ids.
pub(super) fn row_members(envelope: &Envelope) -> Vec<MemberId> {
    match &envelope.command.action {
        Action::Allocation(command) if !envelope.row_subjects.is_empty() => {
            let nobody = MemberId(Uuid::nil());
            let rows = command.rows().iter();
            rows.map(|row| row.holder.member_id().unwrap_or(nobody))
                .collect()
        }
        Action::Allocation(_)
        | Action::School(_)
        | Action::Department(_)
        | Action::Request(_)
        | Action::Usage(_) => Vec::new(),
    }
}

/// Tells an enrolment which of its external ids belong to somebody else.
pub(super) fn resolve_claims(owners: &Owners, school_id: SchoolId, envelope: &mut Envelope) {
    let SideWrites::Member(entry) = &envelope.side_writes else {
        return;
    };
    let Action::School(SchoolCommand::EnrolMember(enrol)) = &mut envelope.command.action else {
        return;
    };
    enrol.claimed = entry
        .external_ids
        .iter()
        .filter_map(|id| {
            let owner = owners.get(&(school_id, id.as_str().to_owned()))?;
            let external_id = id.as_str().to_owned();
            (*owner != enrol.member_id).then_some(ClaimedExternalId {
                external_id,
                owner: *owner,
            })
        })
        .collect();
}

/// Takes down whose external ids are now, for later commands of the batch: an enrolment gives some,
/// and whoever goes leaves his.
pub(super) fn note_claims(owners: &mut Owners, school_id: SchoolId, envelope: &Envelope) {
    let Action::School(command) = &envelope.command.action else {
        return;
    };
    match (command, &envelope.side_writes) {
        (SchoolCommand::EnrolMember(enrol), SideWrites::Member(entry)) => {
            for id in &entry.external_ids {
                owners.insert((school_id, id.as_str().to_owned()), enrol.member_id);
            }
        }
        (
            SchoolCommand::RemoveMember { member_id }
            | SchoolCommand::EraseMember { member_id, .. },
            _,
        ) => owners.retain(|(of, _), owner| *of != school_id || owner != member_id),
        (
            SchoolCommand::EnrolMember(_)
            | SchoolCommand::Register(_)
            | SchoolCommand::SetSubscription(_)
            | SchoolCommand::ChangeSettings(_)
            | SchoolCommand::SetRole { .. }
            | SchoolCommand::CatchUp,
            _,
        ) => {}
    }
}

/// The hold that an envelope closes.
fn closes(envelope: &Envelope) -> Option<&Key> {
    match &envelope.command.action {
        Action::Usage(UsageCommand::Settle(settle)) => Some(&settle.hold_id),
        Action::Usage(UsageCommand::Release(release)) => Some(&release.hold_id),
        Action::Usage(
            UsageCommand::Debit(_)
            | UsageCommand::PlaceHold(_)
            | UsageCommand::NoteRefused(_)
            | UsageCommand::Report(_)
            | UsageCommand::Attribute(_)
            | UsageCommand::Correct(_),
        )
        | Action::School(_)
        | Action::Department(_)
        | Action::Allocation(_)
        | Action::Request(_) => None,
    }
}

/// The usage that a request is about, by the id of its event.
pub(super) const fn adjusts(envelope: &Envelope) -> Option<EventId> {
    match &envelope.command.action {
        Action::Usage(UsageCommand::Attribute(attribute)) => Some(attribute.usage_id),
        Action::Usage(UsageCommand::Correct(correct)) => Some(correct.usage_id),
        Action::Usage(
            UsageCommand::Debit(_)
            | UsageCommand::PlaceHold(_)
            | UsageCommand::Settle(_)
            | UsageCommand::Release(_)
            | UsageCommand::NoteRefused(_)
            | UsageCommand::Report(_),
        )
        | Action::School(_)
        | Action::Department(_)
        | Action::Allocation(_)
        | Action::Request(_) => None,
    }
}

/// The newest event about a usage, by school and the usage's event.
pub(super) type Newest = BTreeMap<(SchoolId, EventId), Recorded>;

/// The newest events about these usages, each given with its school: an index probe for each,
/// however often the usage was refunded or given to somebody else.
pub(super) async fn find_newest(
    conn: &mut PgConnection,
    schools: &[Uuid],
    usages: &[Uuid],
) -> Result<Newest, StoreError> {
    if usages.is_empty() {
        return Ok(Newest::new());
    }
    let rows = sqlx::query_file_as!(EventRow, "src/row/find_newest.sql", schools, usages)
        .fetch_all(conn)
        .await
        .map_err(StoreError::at("looking up what became of usage"))?;
    rows.into_iter()
        .filter_map(|row| match row.into_recorded() {
            Ok(recorded) => {
                let usage_id = recorded.event.usage_id()?;
                Some(Ok(((recorded.school_id, usage_id), recorded)))
            }
            Err(error) => Some(Err(error)),
        })
        .collect()
}

/// Gives an envelope the usage that it is about as the log says that it stands.
pub(super) fn recall_usage(usage: &Recorded, newest: Option<&Recorded>, envelope: &mut Envelope) {
    let recalled = Recalled::of(usage, newest);
    match &mut envelope.command.action {
        Action::Usage(UsageCommand::Attribute(attribute)) => attribute.recalled = recalled,
        Action::Usage(UsageCommand::Correct(correct)) => correct.recalled = recalled,
        Action::Usage(
            UsageCommand::Debit(_)
            | UsageCommand::PlaceHold(_)
            | UsageCommand::Settle(_)
            | UsageCommand::Release(_)
            | UsageCommand::NoteRefused(_)
            | UsageCommand::Report(_),
        )
        | Action::School(_)
        | Action::Department(_)
        | Action::Allocation(_)
        | Action::Request(_) => {}
    }
}

/// The id of the event that placed the hold which an envelope closes.
pub(super) fn placed_by(envelope: &Envelope) -> Option<EventId> {
    closes(envelope).map(|hold_id| CommandKey::Hold(hold_id.clone()).first_event_id())
}

/// Gives a closing envelope the hold as the log says that it was placed.
pub(super) fn recall(placed: &Recorded, envelope: &mut Envelope) {
    let placed_at = placed.recorded_at;
    let Event::Usage(UsageEvent::HoldPlaced(placed)) = &placed.event else {
        return;
    };
    let hold = Some(Hold::placed(placed, placed_at));
    match &mut envelope.command.action {
        Action::Usage(UsageCommand::Settle(settle)) => settle.recalled = hold,
        Action::Usage(UsageCommand::Release(release)) => release.recalled = hold,
        Action::Usage(
            UsageCommand::Debit(_)
            | UsageCommand::PlaceHold(_)
            | UsageCommand::NoteRefused(_)
            | UsageCommand::Report(_)
            | UsageCommand::Attribute(_)
            | UsageCommand::Correct(_),
        )
        | Action::School(_)
        | Action::Department(_)
        | Action::Allocation(_)
        | Action::Request(_) => {}
    }
}

/// How requests ended, by school and id.
pub(super) type ClosedRequests = BTreeMap<(SchoolId, RequestId), ClosedRequest>;

/// How the requests of these ids, each given with its school, ended, as far as they have.
pub(super) async fn find_closed_requests(
    conn: &mut PgConnection,
    schools: &[Uuid],
    ids: &[String],
) -> Result<ClosedRequests, StoreError> {
    if ids.is_empty() {
        return Ok(ClosedRequests::new());
    }
    let rows = sqlx::query_file_as!(EventRow, "src/row/find_closed_requests.sql", schools, ids)
        .fetch_all(conn)
        .await
        .map_err(StoreError::at("looking for closed requests"))?;
    let mut closed = ClosedRequests::new();
    for row in rows {
        let recorded = row.into_recorded()?;
        if let Some((request_id, how)) = closes_request(&recorded) {
            closed.insert((recorded.school_id, request_id), how);
        }
    }
    Ok(closed)
}

/// The request that an event closes, and how.
pub(super) fn closes_request(recorded: &Recorded) -> Option<(RequestId, ClosedRequest)> {
    let Event::Request(event) = &recorded.event else {
        return None;
    };
    let closed = ClosedRequest::by(event, recorded.seq)?;
    Some((event.request_id(), closed))
}

/// What a command that closes a request names.
pub(super) const fn request_closing(envelope: &Envelope) -> Option<&Closing> {
    match &envelope.command.action {
        Action::Request(command) => command.closing(),
        Action::School(_) | Action::Department(_) | Action::Allocation(_) | Action::Usage(_) => {
            None
        }
    }
}

/// Tells a command that closes a request how that ended before.
pub(super) const fn recall_request(envelope: &mut Envelope, closed: Option<ClosedRequest>) {
    if let Action::Request(command) = &mut envelope.command.action
        && let Some(closing) = command.closing_mut()
    {
        closing.recalled = closed;
    }
}
