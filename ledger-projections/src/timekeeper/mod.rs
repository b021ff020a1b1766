//! Records due events in idle schools: ends of periods and expiries of holds.
//!
//! **Shape.** Every [`TimekeeperSettings::poll`] it finds schools with due events by two indexes of
//! the balance read model, claims some of them and submits to each a command without effect. The
//! writer records due events before every command, so there is no second way to write.
//!
//! **Cost.** No read and no command depends on it: each takes due events into account itself. A
//! poll without due events costs two index probes.
//!
//! **Failure.** A claim expires after [`CLAIM`]; then the school is tried again.

use std::time::Duration;

use chrono::Utc;
use ledger_core::{SchoolId, Timestamp};
use ledger_store::writer::{Envelope, Writer};
use ledger_store::{Database, DatabaseRole};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::error::ApplyError;

/// The duration of a claim: longer than the writer retries a batch and than the read model lags.
pub const CLAIM: Duration = Duration::from_secs(30);

/// The delay before an expired hold is recorded, in which the school's own commands may do it. Its
/// units are free from the expiry on.
const HOLD_GRACE_SECONDS: i64 = 5;

/// Settings of a timekeeper.
#[derive(Clone, Copy, Debug)]
pub struct TimekeeperSettings {
    /// The interval of polls.
    pub poll: Duration,
    /// The maximum number of schools per poll and kind of due event: when all schools of a time
    /// zone begin a month, batches of this size are written.
    pub schools: i64,
}

impl Default for TimekeeperSettings {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(1),
            schools: 256,
        }
    }
}

/// Records due events in idle schools.
#[derive(Clone, Debug)]
pub struct Timekeeper {
    database: Database,
    writer: Writer,
    settings: TimekeeperSettings,
}

impl Timekeeper {
    /// A timekeeper that is not started.
    #[must_use]
    pub const fn new(database: Database, writer: Writer, settings: TimekeeperSettings) -> Self {
        Self {
            database,
            writer,
            settings,
        }
    }

    /// Polls until `cancel` is cancelled. Keeps a handle of the writer until then.
    #[must_use]
    pub fn spawn(self, cancel: CancellationToken) -> JoinHandle<()> {
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = tokio::time::sleep(self.settings.poll) => {}
                }
                loop {
                    match self.poll(Timestamp::new(Utc::now())).await {
                        // A full poll: there may be more.
                        Ok(found) if found as i64 >= self.settings.schools => {}
                        Ok(_) => break,
                        Err(error) => {
                            let error = error.chain();
                            tracing::warn!(error, "could not poll for due events; will retry");
                            break;
                        }
                    }
                    if cancel.is_cancelled() {
                        return;
                    }
                }
            }
        })
    }

    /// Claims schools with events due by `now` and has them recorded. Returns the number of
    /// schools. After a failure of the writer a school stays claimed, and is found again when the
    /// claim ends.
    ///
    /// # Errors
    /// [`ApplyError`] when the database fails.
    pub async fn poll(&self, now: Timestamp) -> Result<usize, ApplyError> {
        let claim = i64::try_from(CLAIM.as_secs()).unwrap_or(i64::MAX);
        let schools = sqlx::query_file_scalar!(
            "src/timekeeper/queries/claim.sql",
            now.get(),
            now.plus_seconds(-HOLD_GRACE_SECONDS).get(),
            now.plus_seconds(claim).get(),
            self.settings.schools,
        )
        .fetch_all(self.database.pool(DatabaseRole::Projector))
        .await
        .map_err(ApplyError::at("polling for due events"))?;
        let found = schools.len();
        let mut sent = JoinSet::new();
        for school_id in schools.into_iter().map(SchoolId) {
            let writer = self.writer.clone();
            sent.spawn(async move {
                let answer = writer.submit(school_id, Envelope::catch_up(now)).await;
                (school_id, answer)
            });
        }
        while let Some(done) = sent.join_next().await {
            match done {
                Ok((_, Ok(_))) => metrics::counter!("ledger_caught_up_total").increment(1),
                Ok((school_id, Err(error))) => {
                    tracing::warn!(
                        school.id = %school_id,
                        error = %error,
                        "could not record due events; will retry"
                    );
                }
                Err(error) => tracing::error!(error = %error, "a task of the timekeeper failed"),
            }
        }
        Ok(found)
    }
}
