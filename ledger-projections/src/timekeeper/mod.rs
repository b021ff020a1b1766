//! Makes time happen in schools that nobody writes to: periods end there too, and holds run out.
//!
//! **Shape.** Every [`TimekeeperSettings::poll`] it looks for schools in which something is due, by
//! two indexes of the balance read model, claims some of them and sends each a command through the
//! ordinary writer that asks for nothing. The writer records what is due in front of it, as in
//! front of every command: there is no second way to write.
//!
//! **Cost.** Nothing depends on it: whoever writes to a school or reads its balance finds it as of
//! now. So it is in no hurry, and where nothing is due a look costs two index probes.
//!
//! **Failure.** A claim lasts for [`CLAIM`]; what did not come about by then is tried again.

use std::time::Duration;

use chrono::Utc;
use ledger_core::{SchoolId, Timestamp};
use ledger_store::writer::{Envelope, Writer};
use ledger_store::{Database, DatabaseRole};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::error::ApplyError;

/// For how long a school is one worker's: longer than the writer tries a batch again, and longer
/// than the read model needs to hear of it.
pub const CLAIM: Duration = Duration::from_secs(30);

/// A hold that ran out is left to the school's own traffic for so long. Its units are free all the
/// same.
const HOLD_GRACE_SECONDS: i64 = 5;

/// How a timekeeper is set up.
#[derive(Clone, Copy, Debug)]
pub struct TimekeeperSettings {
    /// How often to look.
    pub poll: Duration,
    /// Schools of one look, for each of the two reasons: where all schools of a time zone begin a
    /// month at once, so many of them are written together.
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

/// Makes time happen in idle schools.
#[derive(Clone, Debug)]
pub struct Timekeeper {
    database: Database,
    writer: Writer,
    settings: TimekeeperSettings,
}

impl Timekeeper {
    /// One that has not begun to look.
    #[must_use]
    pub const fn new(database: Database, writer: Writer, settings: TimekeeperSettings) -> Self {
        Self {
            database,
            writer,
            settings,
        }
    }

    /// Looks until `cancel` is cancelled. It has a handle of the writer until it ends.
    #[must_use]
    pub fn spawn(self, cancel: CancellationToken) -> JoinHandle<()> {
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = tokio::time::sleep(self.settings.poll) => {}
                }
                loop {
                    match self.look(Timestamp::new(Utc::now())).await {
                        // As many as may be: there are more.
                        Ok(found) if found as i64 >= self.settings.schools => {}
                        Ok(_) => break,
                        Err(error) => {
                            tracing::warn!(error = error.chain(), "looking for what is due failed");
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

    /// Claims schools in which something is due by `now` and has it recorded; says how many. One
    /// that the writer cannot serve is claimed still, and found again when that ends.
    ///
    /// # Errors
    /// [`ApplyError`] when the database fails.
    pub async fn look(&self, now: Timestamp) -> Result<usize, ApplyError> {
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
        .map_err(ApplyError::at(
            "looking for schools in which something is due",
        ))?;
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
                    tracing::warn!(school.id = %school_id, error = %error, "time stands still");
                }
                Err(error) => tracing::error!(error = %error, "catching up ended badly"),
            }
        }
        Ok(found)
    }
}
