//! Look-ups of a batch under the lock of its streams: repeated commands, and the needs of the
//! decisions besides the states ([`ledger_core::Needs`]).

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

/// The keys that a batch looks up: columns, the parameters of `unnest`.
#[derive(Default)]
pub(super) struct Lookup {
    events: (Vec<Uuid>, Vec<Uuid>),
    usages: (Vec<Uuid>, Vec<Uuid>),
    requests: (Vec<Uuid>, Vec<String>),
    external_ids: (Vec<Uuid>, Vec<String>),
}

impl Lookup {
    /// Adds the first event of a command, which exists if the command is a repetition.
    pub(super) fn add_event(&mut self, school_id: SchoolId, event_id: EventId) {
        self.events.0.push(school_id.0);
        self.events.1.push(event_id.0);
    }

    /// Adds the needs of a decision.
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

    /// Executes the look-ups.
    pub(super) async fn find_in_tx(&self, tx: &mut PgConnection) -> Result<Known, StoreError> {
        let mut known = Known::default();
        known.find_events_in_tx(tx, &self.events).await?;
        known.find_newest_in_tx(tx, &self.usages).await?;
        known.find_owners_in_tx(tx, &self.external_ids).await?;
        known.find_closed_requests_in_tx(tx, &self.requests).await?;
        Ok(known)
    }
}

/// The results of the look-ups.
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
    /// Applies an appended command to the owners for later commands of the batch: an enrolment
    /// claims external ids, a removal or an erasure frees them.
    pub(super) fn apply_owners(&mut self, school_id: SchoolId, action: &Action) {
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

/// Returns the id of the event that placed a hold.
pub(super) fn placed_by(hold_id: &Key) -> EventId {
    CommandKey::Hold(hold_id.clone()).first_event_id()
}

/// Returns the hold that an event placed.
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

/// Returns the request that an event closes, and its outcome.
pub(super) fn closed_request(recorded: &Recorded) -> Option<(RequestId, ClosedRequest)> {
    let Event::Request(event) = &recorded.event else {
        return None;
    };
    let closed = ClosedRequest::by(event, recorded.seq)?;
    Some((event.request_id(), closed))
}

/// Executes a look-up of events, unless it is empty.
macro_rules! find_rows {
    ($tx:ident, $file:literal, $keys:expr, $operation:expr) => {{
        let (schools, ids) = $keys;
        if ids.is_empty() {
            Vec::new()
        } else {
            sqlx::query_file_as!(EventRow, $file, schools, ids)
                .fetch_all(&mut *$tx)
                .await
                .map_err(StoreError::at($operation))?
        }
    }};
}

impl Known {
    async fn find_events_in_tx(
        &mut self,
        tx: &mut PgConnection,
        keys: &(Vec<Uuid>, Vec<Uuid>),
    ) -> Result<(), StoreError> {
        for row in find_rows!(tx, "src/row/find.sql", keys, "looking up events") {
            let fingerprint = row.fingerprint.map(Fingerprint);
            let recorded = row.into_recorded()?;
            let key = (recorded.school_id, recorded.event_id);
            self.events.insert(key, (recorded, fingerprint));
        }
        Ok(())
    }

    /// One index probe per usage, however often it was corrected or attributed.
    async fn find_newest_in_tx(
        &mut self,
        tx: &mut PgConnection,
        keys: &(Vec<Uuid>, Vec<Uuid>),
    ) -> Result<(), StoreError> {
        let operation = "looking up later events about usage";
        for row in find_rows!(tx, "src/row/find_newest.sql", keys, operation) {
            let recorded = row.into_recorded()?;
            if let Some(usage_id) = recorded.event.usage_id() {
                self.newest.insert((recorded.school_id, usage_id), recorded);
            }
        }
        Ok(())
    }

    async fn find_closed_requests_in_tx(
        &mut self,
        tx: &mut PgConnection,
        keys: &(Vec<Uuid>, Vec<String>),
    ) -> Result<(), StoreError> {
        let operation = "looking up closed requests";
        for row in find_rows!(tx, "src/row/find_closed_requests.sql", keys, operation) {
            let recorded = row.into_recorded()?;
            if let Some((request_id, outcome)) = closed_request(&recorded) {
                let key = (recorded.school_id, request_id);
                self.requests.insert(key, outcome);
            }
        }
        Ok(())
    }

    async fn find_owners_in_tx(
        &mut self,
        tx: &mut PgConnection,
        (schools, ids): &(Vec<Uuid>, Vec<String>),
    ) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let rows = sqlx::query!(
            "SELECT found.school_id, found.external_id, found.member_id
               FROM unnest($1::uuid[], $2::text[]) AS wanted (school_id, external_id)
               JOIN member_external_id AS found USING (school_id, external_id)",
            schools,
            ids,
        )
        .fetch_all(tx)
        .await
        .map_err(StoreError::at("looking up external ids"))?;
        for row in rows {
            // Equal to one that was looked up, so it is valid.
            if let Ok(external_id) = ExternalId::new(&row.external_id) {
                let key = (SchoolId(row.school_id), external_id);
                self.owners.insert(key, MemberId(row.member_id));
            }
        }
        Ok(())
    }
}
