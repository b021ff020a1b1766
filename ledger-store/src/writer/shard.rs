//! A shard: collects waiting submissions, writes them as a batch, and answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger_core::usage::refused;
use ledger_core::{Catalogue, SchoolId, Seq};
use tokio::sync::{mpsc, oneshot, watch};

use super::answer::{Refused, RefusedBy, WriteError};
use super::batch::{Written, conditional, locked};
use super::envelope::Envelope;
use super::load::save_snapshot;
use super::refusals::Refusals;
use super::session::Session;
use super::state_cache::Cached;
use super::submission::{Answers, Submission};
use super::{BATCH_COMMANDS_MAX, RETRY_LIMIT, WriterSettings};
use crate::database::{Database, DatabaseRole};
use crate::error::StoreError;
use crate::wake::Wakes;

/// The pause before a batch is retried; it doubles up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// The writer of a part of the schools.
#[derive(Debug)]
pub(super) struct Shard {
    session: Session,
    refusals: Refusals,
    wakes: Wakes,
    settings: WriterSettings,
}

impl Shard {
    pub(super) fn new(
        database: Database,
        catalogue: watch::Receiver<Arc<Catalogue>>,
        wakes: Wakes,
        settings: WriterSettings,
    ) -> Self {
        Self {
            session: Session::new(database, catalogue, settings.state_cache_bytes),
            refusals: Refusals::default(),
            wakes,
            settings,
        }
    }

    /// Runs until all handles are dropped and the queue is empty.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Submission>) {
        loop {
            let first = tokio::select! {
                first = queue.recv() => first,
                () = self.refusals.due() => {
                    let refused = self.refusals.take_due();
                    self.write_unanswered(refused).await;
                    continue;
                }
            };
            let Some(first) = first else { break };
            let mut commands = first.envelopes.len();
            let mut submissions = vec![first];
            while commands < BATCH_COMMANDS_MAX {
                let Ok(next) = queue.try_recv() else { break };
                commands += next.envelopes.len();
                submissions.push(next);
            }
            self.write(submissions).await;
        }
        let refused = self.refusals.take_all();
        self.write_unanswered(refused).await;
    }

    /// Writes commands without a waiting caller.
    async fn write_unanswered(&mut self, envelopes: Vec<(SchoolId, Envelope)>) {
        let mut submissions: Vec<Submission> = Vec::new();
        for (school_id, envelope) in envelopes {
            match submissions.last_mut() {
                Some(last) if last.school_id == school_id => last.envelopes.push(envelope),
                _ => submissions.push(Submission {
                    school_id,
                    envelopes: vec![envelope],
                    reply: oneshot::channel().0,
                }),
            }
        }
        while !submissions.is_empty() {
            let rest = submissions.split_off(submissions.len().min(BATCH_COMMANDS_MAX));
            self.write_locked(submissions).await;
            submissions = rest;
        }
    }

    /// Writes and answers a batch.
    async fn write(&mut self, mut submissions: Vec<Submission>) {
        if conditional::applies(&self.session.cache, &submissions) {
            submissions = match conditional::write(&mut self.session, submissions).await {
                Ok(appended) => {
                    self.answer(appended.done, appended.written);
                    appended.rest
                }
                Err((error, submissions)) => {
                    tracing::debug!(error = %error, "conditional append failed; using locks");
                    submissions
                }
            };
        }
        if !submissions.is_empty() {
            self.write_locked(submissions).await;
        }
    }

    /// Writes and answers a batch under locks. A batch that Postgres rejects is halved until the
    /// rejected submission is alone, so that the others are written.
    async fn write_locked(&mut self, submissions: Vec<Submission>) {
        let mut waiting = vec![submissions];
        while let Some(mut submissions) = waiting.pop() {
            match self.write_with_retries(&submissions).await {
                Ok(written) => self.answer(submissions, written),
                Err(error) if submissions.len() > 1 && !error.is_transient() => {
                    let rest = submissions.split_off(submissions.len() / 2);
                    waiting.push(rest);
                    waiting.push(submissions);
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "could not write batch"
                    );
                    let error = Arc::new(error);
                    for submission in submissions {
                        submission.answer(Err(WriteError::Store(Arc::clone(&error))));
                    }
                }
            }
        }
    }

    async fn write_with_retries(
        &mut self,
        submissions: &[Submission],
    ) -> Result<Written, StoreError> {
        let started = Instant::now();
        let mut backoff = BACKOFF_MIN;
        loop {
            match locked::write(&mut self.session, submissions).await {
                Err(error) if error.is_transient() && started.elapsed() < RETRY_LIMIT => {
                    tracing::warn!(error = %error, "could not write batch; will retry");
                    metrics::counter!("ledger_writer_retries_total").increment(1);
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(BACKOFF_MAX);
                }
                result => return result,
            }
        }
    }

    fn answer(&mut self, submissions: Vec<Submission>, written: Written) {
        for (submission, answers) in submissions.into_iter().zip(written.answers) {
            self.count_refused(&submission, &answers);
            submission.answer(answers);
        }
        if !written.moved.is_empty() {
            self.wakes.send(written.moved.iter().copied().collect());
        }
        for (school_id, mut cached) in written.states {
            self.snapshot_if_due(school_id, &mut cached);
            self.session.cache.put(school_id, cached);
        }
    }

    fn count_refused(&mut self, submission: &Submission, answers: &Answers) {
        let Ok(answers) = answers else { return };
        let catalogue = self.session.catalogue();
        for (envelope, answer) in submission.envelopes.iter().zip(answers) {
            let Err(Refused {
                member_id,
                reason: RefusedBy::Rule(refusal),
                ..
            }) = answer
            else {
                continue;
            };
            if envelope.dry_run {
                continue;
            }
            let command = &envelope.command;
            if let Some(refused) = refused(&catalogue, command, *member_id, refusal) {
                self.refusals
                    .add(submission.school_id, refused, command.now);
            }
        }
    }

    fn snapshot_if_due(&self, school_id: SchoolId, cached: &mut Cached) {
        let head = cached.state.head();
        // Large states are written less often, so that a snapshot costs no more than its events.
        let weight = i64::try_from(cached.weight() / 64).unwrap_or(i64::MAX);
        if head.0 - cached.snapshot.0 < self.settings.snapshot_every.max(weight) {
            return;
        }
        match serde_json::to_vec(&cached.state) {
            Ok(state) => {
                cached.snapshot = Seq(head.0);
                let pool = self.session.database.pool(DatabaseRole::Writer).clone();
                tokio::spawn(async move { save_snapshot(&pool, school_id, head, state).await });
            }
            Err(error) => tracing::warn!(error = %error, "could not encode snapshot"),
        }
    }
}
