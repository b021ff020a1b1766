//! Writes a batch in one transaction: lock the heads, look up, decide, append, commit.

use std::sync::Arc;
use std::time::Instant;

use ledger_core::school::SchoolCommand;
use ledger_core::{Action, Fingerprint, Recorded, SchoolId, Seq};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::outcome::{Outcome, Outcomes, Written};
use super::{Batch, measure};
use crate::database::{DatabaseRole, execute_in_tx};
use crate::error::StoreError;
use crate::row::append;
use crate::writer::answer::WriteError;
use crate::writer::envelope::Envelope;
use crate::writer::erasure::Erasure;
use crate::writer::load::{catch_up, load};
use crate::writer::lookup::Lookup;
use crate::writer::replay;
use crate::writer::session::Session;
use crate::writer::side_writes::SideWriteBatch;
use crate::writer::submission::Submission;

/// Writes a batch. After an error, the outcome is unknown, and the states are dropped.
pub(in crate::writer) async fn write(
    session: &mut Session,
    submissions: &[Submission],
) -> Result<Written, StoreError> {
    let started = Instant::now();
    let pool = session.database.pool(DatabaseRole::Writer).clone();
    let mut batch = Batch::new(session.catalogue());
    batch.load_states(session, &pool, submissions).await?;

    let mut connection = session.connect().await?;
    let mut tx = connection
        .begin()
        .await
        .map_err(StoreError::at("beginning a batch"))?;
    batch.create_streams_in_tx(&mut tx, submissions).await?;
    batch.lock_heads_in_tx(&mut tx).await?;
    batch.look_up_in_tx(&mut tx, submissions).await?;
    let mut outcomes = Vec::with_capacity(submissions.len());
    for submission in submissions {
        outcomes.push(batch.decide_all_in_tx(&mut tx, submission).await?);
    }
    if batch.events.is_empty() {
        tx.rollback()
            .await
            .map_err(StoreError::at("ending a batch without events"))?;
    } else {
        let heads = batch.moved_heads();
        if append(&mut tx, &batch.events, &heads).await?.len() < heads.len() {
            return Err(StoreError::HeadMoved);
        }
        let side_writes = batch.side_writes(submissions, &outcomes);
        side_writes.write_in_tx(&mut tx).await?;
        tx.commit()
            .await
            .map_err(StoreError::at("committing a batch"))?;
        measure("locked", batch.events.len(), started);
    }
    session.connection = Some(connection);
    for stream in batch.streams.values_mut() {
        stream.cached.calm_batches = stream.cached.calm_batches.saturating_add(1);
    }
    Ok(batch.finish(outcomes))
}

impl Batch {
    /// Collects the side writes of the commands that appended events.
    fn side_writes(&self, submissions: &[Submission], outcomes: &[Outcomes]) -> SideWriteBatch {
        let mut side_writes = SideWriteBatch::default();
        for (submission, outcomes) in submissions.iter().zip(outcomes) {
            let Ok(outcomes) = outcomes else { continue };
            let school_id = submission.school_id;
            let school = self.state(school_id).and_then(|state| state.school().ok());
            let org_type = school.map(|school| school.org_type);
            for (envelope, outcome) in submission.envelopes.iter().zip(outcomes) {
                let Some(range) = outcome.appended() else {
                    continue;
                };
                if let Some(erasure) = Erasure::of_command(school_id, envelope, org_type) {
                    side_writes.add_erasure(erasure);
                }
                side_writes.add(school_id, envelope, &self.events[range]);
            }
        }
        side_writes
    }

    /// Creates the streams of registrations, so that there are rows to lock.
    async fn create_streams_in_tx(
        &self,
        tx: &mut PgConnection,
        submissions: &[Submission],
    ) -> Result<(), StoreError> {
        let mut schools: Vec<Uuid> = Vec::new();
        for submission in submissions {
            if submission.envelopes.iter().any(creates_stream) {
                schools.push(submission.school_id.0);
            }
        }
        if schools.is_empty() {
            return Ok(());
        }
        schools.sort_unstable();
        let insert = sqlx::query!(
            "INSERT INTO stream (school_id, head_seq)
             SELECT school_id, 0 FROM unnest($1::uuid[]) AS new (school_id)
             ON CONFLICT (school_id) DO NOTHING",
            &schools,
        );
        execute_in_tx(tx, insert, "creating a stream").await
    }

    /// Locks the heads in the order of their schools and applies events of other processes.
    async fn lock_heads_in_tx(&mut self, tx: &mut PgConnection) -> Result<(), StoreError> {
        let schools: Vec<Uuid> = self.streams.keys().map(|school_id| school_id.0).collect();
        let heads = sqlx::query!(
            "SELECT school_id, head_seq FROM stream WHERE school_id = ANY ($1)
              ORDER BY school_id FOR UPDATE",
            &schools,
        )
        .fetch_all(&mut *tx)
        .await
        .map_err(StoreError::at("locking the heads of a batch"))?;
        for row in heads {
            let (school_id, head) = (SchoolId(row.school_id), Seq(row.head_seq));
            let Some(stream) = self.streams.get_mut(&school_id) else {
                continue;
            };
            stream.head = Some(head);
            let state = &mut stream.cached.state;
            let caught_up = if state.head() == head {
                Ok(())
            } else if state.head() < head {
                stream.cached.calm_batches = 0;
                catch_up(tx, school_id, state, None).await
            } else {
                // The database was restored from a backup.
                tracing::warn!(school.id = %school_id, "log was shortened; reloading state");
                load(tx, school_id)
                    .await
                    .map(|cached| stream.cached = cached)
            };
            if let Err(error) = caught_up {
                self.isolate(school_id, error)?;
            }
        }
        Ok(())
    }

    /// Looks up repeated commands and the contexts of the batch's decisions.
    async fn look_up_in_tx(
        &mut self,
        tx: &mut PgConnection,
        submissions: &[Submission],
    ) -> Result<(), StoreError> {
        let mut lookup = Lookup::default();
        for submission in submissions {
            let school_id = submission.school_id;
            for envelope in &submission.envelopes {
                if !envelope.dry_run {
                    lookup.add_event(school_id, envelope.event_id);
                }
                let mut needs = envelope.command.action.needs();
                needs.request = needs.request.filter(|id| !self.is_pending(school_id, *id));
                lookup.add(school_id, &needs);
            }
        }
        self.known = lookup.find_in_tx(tx).await?;
        for (school_id, _) in self.known.events.keys() {
            if let Some(stream) = self.streams.get_mut(school_id) {
                stream.cached.calm_batches = 0;
            }
        }
        Ok(())
    }

    async fn decide_all_in_tx(
        &mut self,
        tx: &mut PgConnection,
        submission: &Submission,
    ) -> Result<Outcomes, StoreError> {
        let school_id = submission.school_id;
        if let Some(error) = self.unreadable.get(&school_id) {
            return Ok(Err(WriteError::Store(Arc::clone(error))));
        }
        let mut outcomes = Vec::with_capacity(submission.envelopes.len());
        for envelope in &submission.envelopes {
            outcomes.push(self.decide_one_in_tx(tx, school_id, envelope).await?);
        }
        Ok(Ok(outcomes))
    }

    async fn decide_one_in_tx(
        &mut self,
        tx: &mut PgConnection,
        school_id: SchoolId,
        envelope: &Envelope,
    ) -> Result<Outcome, StoreError> {
        let event_id = envelope.event_id;
        if !envelope.dry_run {
            if let Some(first) = self.known.events.get(&(school_id, event_id)) {
                return self.replay_in_tx(tx, school_id, envelope, first).await;
            }
            if let Some(range) = self.appended.get(&(school_id, event_id)) {
                return Ok(self.repeat(school_id, envelope, range.clone()));
            }
        }
        Ok(self.decide_new(school_id, envelope))
    }

    /// Answers a command that is in the log with its first outcome.
    async fn replay_in_tx(
        &self,
        tx: &mut PgConnection,
        school_id: SchoolId,
        envelope: &Envelope,
        (first, fingerprint): &(Recorded, Option<Fingerprint>),
    ) -> Result<Outcome, StoreError> {
        let input = self.input(school_id, envelope);
        if let Err(reason) = replay::check(envelope, first, *fingerprint) {
            return Ok(self.refuse(&input, reason));
        }
        let events = replay::events_of_command(tx, school_id, first.clone()).await?;
        Ok(self.replay(&input, events))
    }
}

/// Returns whether the command registers a school, whose stream has to be created.
fn creates_stream(envelope: &Envelope) -> bool {
    let registers = matches!(
        envelope.command.action,
        Action::School(SchoolCommand::Register(_))
    );
    registers && !envelope.dry_run
}
