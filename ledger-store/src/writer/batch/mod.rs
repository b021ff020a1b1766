//! A batch: the states that its commands are decided on, and the events of the decisions.
//!
//! It is written in one of two ways. [`conditional`] appends on the condition that no head has
//! moved: one statement, for commands that are decided on the state alone. [`locked`] locks the
//! heads first and looks up the context of the decisions: for all other commands, and for those
//! that the first way did not append.
//!
//! [`decide`] decides one command after another; [`context`] and [`view`] compute input and output
//! of a decision; [`outcome`] turns the outcomes into answers after the commit.

pub(super) mod conditional;
mod context;
mod decide;
pub(super) mod locked;
mod outcome;
mod view;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use ledger_core::{Catalogue, EventId, SchoolId, SchoolState, Seq};
use sqlx::PgPool;

use super::load::load;
use super::lookup::Known;
use super::session::Session;
use super::state_cache::Cached;
use super::submission::Submission;
use crate::error::StoreError;
use crate::row::{MovedHead, NewEvent};

pub(super) use outcome::Written;

/// The stream of a school in a batch.
struct Stream {
    cached: Cached,
    /// The head before the batch; `None` if there is no stream.
    head: Option<Seq>,
}

struct Batch {
    catalogue: Arc<Catalogue>,
    streams: BTreeMap<SchoolId, Stream>,
    /// Schools whose log cannot be decoded; only their commands fail.
    unreadable: BTreeMap<SchoolId, Arc<StoreError>>,
    /// Results of the look-ups.
    known: Known,
    events: Vec<NewEvent>,
    /// The events of each command, by the id of its first event.
    appended: BTreeMap<(SchoolId, EventId), Range<usize>>,
}

impl Batch {
    fn new(catalogue: Arc<Catalogue>) -> Self {
        Self {
            catalogue,
            streams: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            known: Known::default(),
            events: Vec::new(),
            appended: BTreeMap::new(),
        }
    }

    /// Loads the states that are not cached, before any lock is acquired.
    async fn load_states(
        &mut self,
        session: &mut Session,
        pool: &PgPool,
        submissions: &[Submission],
    ) -> Result<(), StoreError> {
        for submission in submissions {
            let school_id = submission.school_id;
            if self.streams.contains_key(&school_id) || self.unreadable.contains_key(&school_id) {
                continue;
            }
            let cached = match session.cache.take(school_id) {
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
                Err(error) => self.isolate(school_id, error)?,
            }
        }
        Ok(())
    }

    /// Excludes a school whose log cannot be decoded from the batch.
    ///
    /// # Errors
    /// Any other error, which fails the batch.
    fn isolate(&mut self, school_id: SchoolId, error: StoreError) -> Result<(), StoreError> {
        if !matches!(error, StoreError::Unreadable { .. }) {
            return Err(error);
        }
        tracing::error!(
            school.id = %school_id,
            error = &error as &dyn std::error::Error,
            "could not read log of school; its commands fail"
        );
        self.streams.remove(&school_id);
        self.unreadable.insert(school_id, Arc::new(error));
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

/// Records the metrics of an append.
fn measure(way: &'static str, events: usize, started: Instant) {
    metrics::counter!("ledger_events_appended_total").increment(events as u64);
    metrics::histogram!("ledger_batch_seconds", "way" => way)
        .record(started.elapsed().as_secs_f64());
    #[expect(
        clippy::cast_precision_loss,
        reason = "a batch has a few thousand events"
    )]
    metrics::histogram!("ledger_batch_events", "way" => way).record(events as f64);
}
