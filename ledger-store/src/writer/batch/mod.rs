//! A batch: the states that its commands are decided on, and the events that they bring about.
//!
//! It is written in one of two ways. [`conditional`] appends on the condition that no stream moved
//! since its state was current: one statement, for commands that nothing but the state decides.
//! [`locked`] locks the streams first and looks up what else there is to know: for all others, and
//! for whatever the first way left.

pub(super) mod conditional;
mod decide;
pub(super) mod locked;
mod outcome;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use ledger_core::{Catalogue, EventId, SchoolId, SchoolState, Seq};
use sqlx::PgPool;

use super::load::load;
use super::lookup::Known;
use super::shard::{Shard, Submission};
use super::state_cache::Cached;
use crate::error::StoreError;
use crate::row::{MovedHead, NewEvent};

pub(super) use outcome::Written;

struct Stream {
    cached: Cached,
    /// Where the stream ends, so far as is known; `None` when there is no such stream.
    head: Option<Seq>,
}

struct Batch {
    catalogue: Arc<Catalogue>,
    streams: BTreeMap<SchoolId, Stream>,
    /// Schools whose log cannot be read; their commands alone fail.
    broken: BTreeMap<SchoolId, Arc<StoreError>>,
    /// What the log and the directory hold beside the states.
    known: Known,
    events: Vec<NewEvent>,
    /// Where the first event of each command of this batch stands.
    appended: BTreeMap<(SchoolId, EventId), Range<usize>>,
}

impl Batch {
    fn new(catalogue: Arc<Catalogue>) -> Self {
        Self {
            catalogue,
            streams: BTreeMap::new(),
            broken: BTreeMap::new(),
            known: Known::default(),
            events: Vec::new(),
            appended: BTreeMap::new(),
        }
    }

    /// States that are not at hand are loaded before any lock is taken: it may take a while.
    async fn load_states(
        &mut self,
        shard: &mut Shard,
        pool: &PgPool,
        submissions: &[Submission],
    ) -> Result<(), StoreError> {
        for submission in submissions {
            let school_id = submission.school_id;
            if self.streams.contains_key(&school_id) || self.broken.contains_key(&school_id) {
                continue;
            }
            let cached = match shard.cache.take(school_id) {
                Some(cached) => Ok(cached),
                None => {
                    let mut conn = pool
                        .acquire()
                        .await
                        .map_err(StoreError::at("loading a state"))?;
                    load(&mut conn, school_id).await
                }
            };
            match cached {
                Ok(cached) => {
                    self.streams
                        .insert(school_id, Stream { cached, head: None });
                }
                Err(error) => self.give_up(school_id, error)?,
            }
        }
        Ok(())
    }

    /// Takes a state in hand that is taken to be current.
    fn enter(&mut self, school_id: SchoolId, cached: Cached) {
        let head = Some(cached.state.head());
        self.streams.insert(school_id, Stream { cached, head });
    }

    /// A log that cannot be read stops its own school, loudly, and no other.
    fn give_up(&mut self, school_id: SchoolId, error: StoreError) -> Result<(), StoreError> {
        if !matches!(error, StoreError::Unreadable { .. }) {
            return Err(error);
        }
        tracing::error!(
            school.id = %school_id,
            error = &error as &dyn std::error::Error,
            "a stream cannot be read"
        );
        self.streams.remove(&school_id);
        self.broken.insert(school_id, Arc::new(error));
        Ok(())
    }

    fn state(&self, school_id: SchoolId) -> Option<&SchoolState> {
        self.streams
            .get(&school_id)
            .map(|stream| &stream.cached.state)
    }

    fn head(&self, school_id: SchoolId) -> Seq {
        self.state(school_id).map_or(Seq::ZERO, SchoolState::head)
    }

    fn moved_heads(&self) -> Vec<MovedHead> {
        self.streams
            .iter()
            .filter_map(|(school_id, stream)| {
                let (before, after) = (stream.head?, stream.cached.state.head());
                (before != after).then_some(MovedHead {
                    school_id: *school_id,
                    before,
                    after,
                })
            })
            .collect()
    }
}

/// Takes down what an append did, and which way it was written.
fn measure(way: &'static str, events: usize, started: Instant) {
    metrics::counter!("ledger_events_appended_total").increment(events as u64);
    metrics::histogram!("ledger_batch_seconds", "way" => way)
        .record(started.elapsed().as_secs_f64());
    #[expect(
        clippy::cast_precision_loss,
        reason = "a batch has some thousands of events"
    )]
    metrics::histogram!("ledger_batch_events", "way" => way).record(events as f64);
}
