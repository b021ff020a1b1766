//! Look-ups that a batch makes under the lock of its streams: repeated commands, and what the
//! decisions need besides the states ([`ledger_core::Needs`]).

use std::collections::BTreeMap;

use ledger_core::catalog::Event;
use ledger_core::request::ClosedRequest;
use ledger_core::school::SchoolCommand;
use ledger_core::usage::{Hold, UsageEvent};
use ledger_core::{
    Action, CommandKey, EventId, ExternalId, Fingerprint, Key, MemberId, Needs, Recorded,
    RequestId, SchoolId,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::StoreError;
use crate::row::EventRow;

/// What a batch looks up, column by column.
#[derive(Default)]
pub(super) struct Lookup {
    events: (Vec<Uuid>, Vec<Uuid>),
    usages: (Vec<Uuid>, Vec<Uuid>),
    requests: (Vec<Uuid>, Vec<String>),
    external_ids: (Vec<Uuid>, Vec<String>),
}

impl Lookup {
    /// Adds the first event of a command, which tells a repeated command from a new one.
    pub(super) fn add_event(&mut self, school_id: SchoolId, event_id: EventId) {
        self.events.0.push(school_id.0);
        self.events.1.push(event_id.0);
    }

    /// Adds what a decision needs.
    pub(super) fn add(&mut self, school_id: SchoolId, needs: &Needs<'_>) {
        if let Some(hold_id) = needs.hold {
            self.add_event(school_id, placed_by(hold_id));
        }
        if let Some(usage_id) = needs.usage {
            self.add_event(school_id, usage_id);
            self.usages.0.push(school_id.0);
            self.usages.1.push(usage_id.0);
        }
        if let Some(request_id) = needs.request {
            self.requests.0.push(school_id.0);
            self.requests.1.push(request_id.to_string());
        }
        for external_id in &needs.external_ids {
            self.external_ids.0.push(school_id.0);
            self.external_ids.1.push(external_id.as_str().to_owned());
        }
    }

    /// Looks it up.
    pub(super) async fn find_in_tx(&self, tx: &mut PgConnection) -> Result<Known, StoreError> {
        Ok(Known {
            events: find_events(tx, &self.events.0, &self.events.1).await?,
            newest: find_newest(tx, &self.usages.0, &self.usages.1).await?,
            owners: find_owners(tx, &self.external_ids.0, &self.external_ids.1).await?,
            requests: find_closed_requests(tx, &self.requests.0, &self.requests.1).await?,
        })
    }
}

/// What the log and the directory hold of what a batch looked up.
#[derive(Default)]
pub(super) struct Known {
    /// Events by id, each with the fingerprint of its command.
    pub events: BTreeMap<(SchoolId, EventId), (Recorded, Option<Fingerprint>)>,
    /// The newest event about each usage, by the id of the usage's own event.
    pub newest: BTreeMap<(SchoolId, EventId), Recorded>,
    /// The owners of external ids.
    pub owners: BTreeMap<(SchoolId, ExternalId), MemberId>,
    /// The outcomes of closed requests.
    pub requests: BTreeMap<(SchoolId, RequestId), ClosedRequest>,
}

impl Known {
    /// Applies an appended command to the owners, for later commands of the batch: an enrolment
    /// claims external ids, a removal or an erasure frees them.
    pub(super) fn note_owners(&mut self, school_id: SchoolId, action: &Action) {
        let Action::School(command) = action else {
            return;
        };
        match command {
            SchoolCommand::EnrolMember(enrol) => {
                for id in &enrol.external_ids {
                    self.owners.insert((school_id, id.clone()), enrol.member_id);
                }
            }
            SchoolCommand::RemoveMember { member_id }
            | SchoolCommand::EraseMember { member_id, .. } => self
                .owners
                .retain(|(school, _), owner| *school != school_id || owner != member_id),
            SchoolCommand::Register(_)
            | SchoolCommand::SetSubscription(_)
            | SchoolCommand::ChangeSettings(_)
            | SchoolCommand::SetRole { .. }
            | SchoolCommand::CatchUp => {}
        }
    }
}

/// The id of the event that placed a hold.
pub(super) fn placed_by(hold_id: &Key) -> EventId {
    CommandKey::Hold(hold_id.clone()).first_event_id()
}

/// The hold that an event placed.
pub(super) fn hold(placed: &Recorded) -> Option<Hold> {
    match &placed.event {
        Event::Usage(UsageEvent::HoldPlaced(event)) => {
            Some(Hold::placed(event, placed.recorded_at))
        }
        Event::Usage(_)
        | Event::School(_)
        | Event::Department(_)
        | Event::Allocation(_)
        | Event::Request(_)
        | Event::Period(_) => None,
    }
}

/// The request that an event closes, and its outcome.
pub(super) fn closed_request(recorded: &Recorded) -> Option<(RequestId, ClosedRequest)> {
    let Event::Request(event) = &recorded.event else {
        return None;
    };
    let closed = ClosedRequest::by(event, recorded.seq)?;
    Some((event.request_id(), closed))
}

async fn find_events(
    conn: &mut PgConnection,
    schools: &[Uuid],
    ids: &[Uuid],
) -> Result<BTreeMap<(SchoolId, EventId), (Recorded, Option<Fingerprint>)>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = sqlx::query_file_as!(EventRow, "src/row/find.sql", schools, ids)
        .fetch_all(conn)
        .await
        .map_err(StoreError::at("looking for repeated commands"))?;
    rows.into_iter()
        .map(|row| {
            let fingerprint = row.fingerprint.map(Fingerprint);
            let recorded = row.into_recorded()?;
            let key = (recorded.school_id, recorded.event_id);
            Ok((key, (recorded, fingerprint)))
        })
        .collect()
}

async fn find_owners(
    conn: &mut PgConnection,
    schools: &[Uuid],
    named: &[String],
) -> Result<BTreeMap<(SchoolId, ExternalId), MemberId>, StoreError> {
    if named.is_empty() {
        return Ok(BTreeMap::new());
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
        .filter_map(|row| {
            // Equal to one of the ids asked for, so that it is one.
            let external_id = ExternalId::new(&row.external_id).ok()?;
            let key = (SchoolId(row.school_id), external_id);
            Some((key, MemberId(row.member_id)))
        })
        .collect())
}

/// The newest event about each usage: one index probe each, however often the usage was refunded
/// or attributed to another member.
async fn find_newest(
    conn: &mut PgConnection,
    schools: &[Uuid],
    usages: &[Uuid],
) -> Result<BTreeMap<(SchoolId, EventId), Recorded>, StoreError> {
    if usages.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = sqlx::query_file_as!(EventRow, "src/row/find_newest.sql", schools, usages)
        .fetch_all(conn)
        .await
        .map_err(StoreError::at("looking up later events about usage"))?;
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

async fn find_closed_requests(
    conn: &mut PgConnection,
    schools: &[Uuid],
    ids: &[String],
) -> Result<BTreeMap<(SchoolId, RequestId), ClosedRequest>, StoreError> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = sqlx::query_file_as!(EventRow, "src/row/find_closed_requests.sql", schools, ids)
        .fetch_all(conn)
        .await
        .map_err(StoreError::at("looking for closed requests"))?;
    let mut closed = BTreeMap::new();
    for row in rows {
        let recorded = row.into_recorded()?;
        if let Some((request_id, outcome)) = closed_request(&recorded) {
            closed.insert((recorded.school_id, request_id), outcome);
        }
    }
    Ok(closed)
}
