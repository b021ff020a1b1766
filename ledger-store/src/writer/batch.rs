//! One batch in one transaction: lock the heads, decide, append, commit.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use ledger_core::allocation::AllocationCommand;
use ledger_core::decider::{accounts, decide, due, school_view};
use ledger_core::school::SchoolCommand;
use ledger_core::{
    Action, Actor, Catalogue, EventId, Fact, Fingerprint, Period, Recorded, Refusal, SchoolId,
    SchoolState, Seq, Timestamp, evolve,
};
use sqlx::{Connection as _, PgConnection, PgPool};
use uuid::Uuid;

use super::beside::Kept;
use super::load::{catch_up, load};
use super::lookup::{self, Known, Owners};
use super::replay;
use super::request::{Answer, Found, Receipt, Refused, RefusedBy, Request, WriteError};
use super::shard::{Answers, Shard, Submission};
use super::state_cache::Cached;
use crate::database::DatabaseRole;
use crate::error::StoreError;
use crate::row::{MovedHead, NewEvent, append_in_tx};

/// What a committed batch leaves: answers in the order of the submissions, the states as they are
/// now, and the heads that moved.
pub(super) struct Written {
    pub answers: Vec<Answers>,
    pub states: Vec<(SchoolId, Cached)>,
    pub moved: Vec<(SchoolId, Seq)>,
}

/// Writes a batch. On an error nothing is known to be written, and the states are dropped.
pub(super) async fn write(
    shard: &mut Shard,
    submissions: &mut [Submission],
) -> Result<Written, StoreError> {
    let started = Instant::now();
    let pool = shard.database.pool(DatabaseRole::Writer).clone();
    let mut batch = Batch::new(Arc::clone(&shard.catalogue));
    batch.load_states(shard, &pool, submissions).await?;

    let mut connection = match shard.connection.take() {
        Some(connection) => connection,
        None => pool
            .acquire()
            .await
            .map_err(StoreError::at("connecting to write a batch"))?,
    };
    let mut tx = connection
        .begin()
        .await
        .map_err(StoreError::at("beginning a batch"))?;
    batch.open_streams(&mut tx, submissions).await?;
    batch.lock_heads(&mut tx).await?;
    batch.look_up(&mut tx, submissions).await?;
    let mut outcomes = Vec::with_capacity(submissions.len());
    for submission in submissions.iter_mut() {
        outcomes.push(batch.decide_all(&mut tx, submission).await?);
    }
    if batch.events.is_empty() {
        tx.rollback()
            .await
            .map_err(StoreError::at("ending a batch without events"))?;
    } else {
        append_in_tx(&mut tx, &batch.events, &batch.moved_heads()).await?;
        kept(submissions, &outcomes).write_in_tx(&mut tx).await?;
        tx.commit()
            .await
            .map_err(StoreError::at("committing a batch"))?;
        metrics::counter!("ledger_events_appended_total").increment(batch.events.len() as u64);
        metrics::histogram!("ledger_batch_seconds").record(started.elapsed().as_secs_f64());
        #[expect(
            clippy::cast_precision_loss,
            reason = "a batch has some thousands of events"
        )]
        metrics::histogram!("ledger_batch_events").record(batch.events.len() as f64);
    }
    shard.connection = Some(connection);
    Ok(batch.finish(outcomes))
}

/// What the commands that brought something about keep beside the log.
fn kept(submissions: &[Submission], outcomes: &[Outcomes]) -> Kept {
    let mut kept = Kept::default();
    for (submission, outcomes) in submissions.iter().zip(outcomes) {
        let Ok(outcomes) = outcomes else { continue };
        for (request, outcome) in submission.requests.iter().zip(outcomes) {
            if matches!(outcome, Outcome::Appended { .. }) {
                kept.note(submission.school_id, request);
            }
        }
    }
    kept
}

/// A command's outcome before the commit.
enum Outcome {
    /// Its events stand at `range` of the batch's.
    Appended {
        range: Range<usize>,
        event_id: EventId,
        period: Period,
        found: Found,
    },
    /// The events of an earlier command of this batch, which it repeats.
    Repeated {
        range: Range<usize>,
        event_id: EventId,
        period: Period,
        found: Found,
    },
    /// An answer that needs no commit.
    Ready(Box<Answer>),
}

type Outcomes = Result<Vec<Outcome>, WriteError>;

struct Stream {
    cached: Cached,
    /// Where the stream ended when it was locked; `None` when there is no such stream.
    head: Option<Seq>,
}

struct Batch {
    catalogue: Arc<Catalogue>,
    streams: BTreeMap<SchoolId, Stream>,
    /// Schools whose log cannot be read; their commands alone fail.
    broken: BTreeMap<SchoolId, Arc<StoreError>>,
    known: Known,
    owners: Owners,
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
            known: Known::new(),
            owners: Owners::new(),
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

    /// A registration makes its stream, so that there is a row to lock.
    async fn open_streams(
        &self,
        tx: &mut PgConnection,
        submissions: &[Submission],
    ) -> Result<(), StoreError> {
        let mut schools: Vec<Uuid> = Vec::new();
        for submission in submissions {
            if submission.requests.iter().any(opens_stream) {
                schools.push(submission.school_id.0);
            }
        }
        if schools.is_empty() {
            return Ok(());
        }
        schools.sort_unstable();
        sqlx::query!(
            "INSERT INTO stream (school_id, head_seq)
             SELECT school_id, 0 FROM unnest($1::uuid[]) AS opened (school_id)
             ON CONFLICT (school_id) DO NOTHING",
            &schools,
        )
        .execute(tx)
        .await
        .map(|_| ())
        .map_err(StoreError::at("opening a stream"))
    }

    /// Locks the heads in the order of their schools and takes in what other processes appended.
    async fn lock_heads(&mut self, tx: &mut PgConnection) -> Result<(), StoreError> {
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
                catch_up(tx, school_id, state, None).await
            } else {
                // The database is behind what it once acknowledged: it was restored from a backup.
                tracing::warn!(school.id = %school_id, "the log is shorter than it was");
                load(tx, school_id)
                    .await
                    .map(|cached| stream.cached = cached)
            };
            if let Err(error) = caught_up {
                self.give_up(school_id, error)?;
            }
        }
        Ok(())
    }

    /// Looks for what the log and the directory know of the batch's commands.
    async fn look_up(
        &mut self,
        tx: &mut PgConnection,
        submissions: &[Submission],
    ) -> Result<(), StoreError> {
        let mut events: (Vec<Uuid>, Vec<Uuid>) = Default::default();
        let mut named: (Vec<Uuid>, Vec<String>) = Default::default();
        for submission in submissions {
            let school_id = submission.school_id.0;
            for request in &submission.requests {
                let own = (!request.dry_run).then(|| request.key.first_event_id());
                for event_id in own.into_iter().chain(lookup::placed_by(request)) {
                    events.0.push(school_id);
                    events.1.push(event_id.0);
                }
                for external_id in lookup::external_ids(request) {
                    named.0.push(school_id);
                    named.1.push(external_id.as_str().to_owned());
                }
            }
        }
        self.known = lookup::find_events(tx, &events.0, &events.1).await?;
        self.owners = lookup::find_owners(tx, &named.0, &named.1).await?;
        Ok(())
    }

    async fn decide_all(
        &mut self,
        tx: &mut PgConnection,
        submission: &mut Submission,
    ) -> Result<Outcomes, StoreError> {
        let school_id = submission.school_id;
        if let Some(error) = self.broken.get(&school_id) {
            return Ok(Err(WriteError::Store(Arc::clone(error))));
        }
        let mut outcomes = Vec::with_capacity(submission.requests.len());
        for request in &mut submission.requests {
            outcomes.push(self.decide_one(tx, school_id, request).await?);
        }
        Ok(Ok(outcomes))
    }

    async fn decide_one(
        &mut self,
        tx: &mut PgConnection,
        school_id: SchoolId,
        request: &mut Request,
    ) -> Result<Outcome, StoreError> {
        let event_id = request.key.first_event_id();
        if !request.dry_run {
            if let Some((first, fingerprint)) = self.known.get(&(school_id, event_id)) {
                let (first, fingerprint) = (first.clone(), *fingerprint);
                return self
                    .replay(tx, school_id, request, first, fingerprint)
                    .await;
            }
            if let Some(range) = self.appended.get(&(school_id, event_id)) {
                return Ok(self.repeat(school_id, request, range.clone()));
            }
        }
        self.catch_up_with_time(school_id, request.command.now);
        if let Some(moved) = self.version_moved(school_id, request) {
            return Ok(self.refuse(school_id, request, moved));
        }
        match self.resolve_and_decide(school_id, request) {
            Ok(facts) if request.dry_run => Ok(self.foretell(school_id, request, facts)),
            Ok(facts) if facts.is_empty() => Ok(self.unchanged(school_id, request)),
            Ok(facts) => Ok(self.append(school_id, request, facts)),
            Err(refusal) => Ok(self.refuse(school_id, request, RefusedBy::Rule(Box::new(refusal)))),
        }
    }

    /// The first outcome of a command that the log holds.
    async fn replay(
        &self,
        tx: &mut PgConnection,
        school_id: SchoolId,
        request: &Request,
        first: Recorded,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Outcome, StoreError> {
        if let Err(refused) = replay::check(request, &first, fingerprint) {
            return Ok(self.refuse(school_id, request, refused));
        }
        let (event_id, recorded_at) = (first.event_id, first.recorded_at);
        let events = replay::events_of_command(tx, school_id, first).await?;
        Ok(Outcome::Ready(Box::new(Ok(Receipt {
            seq: events.last().map_or(Seq::ZERO, |event| event.seq),
            event_id,
            events,
            replayed: true,
            period: self.period_at(school_id, recorded_at),
            found: self.left(school_id, request),
        }))))
    }

    /// The outcome of an earlier command of this batch.
    fn repeat(&self, school_id: SchoolId, request: &Request, range: Range<usize>) -> Outcome {
        let first = &self.events[range.start];
        if let Err(refused) = replay::check(request, &first.recorded, first.fingerprint) {
            return self.refuse(school_id, request, refused);
        }
        let event_id = first.recorded.event_id;
        let period = self.period_at(school_id, first.recorded.recorded_at);
        Outcome::Repeated {
            range,
            event_id,
            period,
            found: self.left(school_id, request),
        }
    }

    /// Records what time alone has brought about by `now`.
    fn catch_up_with_time(&mut self, school_id: SchoolId, now: Timestamp) {
        let Some(stream) = self.streams.get_mut(&school_id) else {
            return;
        };
        let state = &mut stream.cached.state;
        let now = state.not_before_last(now);
        while let Some(due) = due(state, now) {
            let event_id = due.key.first_event_id();
            let recorded = record(state, school_id, event_id, Actor::SYSTEM, now, due.fact);
            self.events.push(NewEvent {
                recorded,
                fingerprint: None,
            });
        }
    }

    /// Whether the school is not any more what the caller took it for.
    fn version_moved(&self, school_id: SchoolId, request: &Request) -> Option<RefusedBy> {
        let expected = request.if_version?;
        let version = self.state(school_id)?.school().ok()?.version;
        (version != expected).then_some(RefusedBy::VersionMoved { version })
    }

    fn resolve_and_decide(
        &self,
        school_id: SchoolId,
        request: &mut Request,
    ) -> Result<Vec<Fact>, Refusal> {
        let stream = self
            .streams
            .get(&school_id)
            .ok_or(Refusal::SchoolNotFound)?;
        if request.subject.is_some() {
            stream.cached.state.school()?;
            lookup::resolve_subject(&self.owners, school_id, request)?;
        }
        lookup::resolve_claims(&self.owners, school_id, request);
        if let Some(placed) = lookup::placed_by(request) {
            let key = (school_id, placed);
            let in_log = self.known.get(&key).map(|(recorded, _)| recorded);
            let in_batch = || {
                self.appended
                    .get(&key)
                    .map(|at| &self.events[at.start].recorded)
            };
            if let Some(placed) = in_log.or_else(in_batch) {
                lookup::recall(placed, request);
            }
        }
        decide(&self.catalogue, &stream.cached.state, &request.command)
    }

    fn append(&mut self, school_id: SchoolId, request: &Request, facts: Vec<Fact>) -> Outcome {
        let event_id = request.key.first_event_id();
        let period = self.period_at(school_id, request.command.now);
        let start = self.events.len();
        if let Some(stream) = self.streams.get_mut(&school_id) {
            let state = &mut stream.cached.state;
            let now = state.not_before_last(request.command.now);
            for (index, fact) in facts.into_iter().enumerate() {
                let id = event_id.at_index(index);
                let recorded = record(state, school_id, id, request.command.actor, now, fact);
                let fingerprint = (index == 0).then_some(request.fingerprint);
                self.events.push(NewEvent {
                    recorded,
                    fingerprint,
                });
            }
        }
        let range = start..self.events.len();
        self.appended.insert((school_id, event_id), range.clone());
        lookup::note_claims(&mut self.owners, school_id, request);
        Outcome::Appended {
            range,
            event_id,
            period,
            found: self.left(school_id, request),
        }
    }

    /// What a dry run would bring about, recorded on a copy of the state.
    fn foretell(&self, school_id: SchoolId, request: &Request, facts: Vec<Fact>) -> Outcome {
        let event_id = request.key.first_event_id();
        let mut state = self.state(school_id).cloned().unwrap_or_default();
        let now = state.not_before_last(request.command.now);
        let events: Vec<_> = facts
            .into_iter()
            .enumerate()
            .map(|(index, fact)| {
                let id = event_id.at_index(index);
                record(&mut state, school_id, id, request.command.actor, now, fact)
            })
            .collect();
        Outcome::Ready(Box::new(Ok(Receipt {
            seq: self.head(school_id),
            event_id,
            events,
            replayed: false,
            period: self.period_at(school_id, now),
            found: self.found(school_id, request),
        })))
    }

    fn unchanged(&self, school_id: SchoolId, request: &Request) -> Outcome {
        Outcome::Ready(Box::new(Ok(Receipt {
            seq: self.head(school_id),
            event_id: request.key.first_event_id(),
            events: Vec::new(),
            replayed: false,
            period: self.period_at(school_id, request.command.now),
            found: self.found(school_id, request),
        })))
    }

    fn refuse(&self, school_id: SchoolId, request: &Request, reason: RefusedBy) -> Outcome {
        metrics::counter!("ledger_refusals_total").increment(1);
        let member_id = request.command.action.member_id();
        Outcome::Ready(Box::new(Err(Refused {
            seq: self.head(school_id),
            member_id,
            reason,
        })))
    }

    /// What the command is about as it stands.
    fn found(&self, school_id: SchoolId, request: &Request) -> Found {
        let action = &request.command.action;
        self.state(school_id)
            .map_or_else(Found::default, |state| Found {
                accounts: accounts(&self.catalogue, state, action),
                school: school_view(state, action).map(Box::new),
            })
    }

    /// What a command that brought something about leaves, as far as its events do not tell: new
    /// terms of an allocation do not name its amount.
    fn left(&self, school_id: SchoolId, request: &Request) -> Found {
        match &request.command.action {
            Action::Allocation(AllocationCommand::Apply { as_batch, .. }) if !as_batch => {
                self.found(school_id, request)
            }
            Action::School(_) | Action::Allocation(_) | Action::Usage(_) => Found::default(),
        }
    }

    fn state(&self, school_id: SchoolId) -> Option<&SchoolState> {
        self.streams
            .get(&school_id)
            .map(|stream| &stream.cached.state)
    }

    fn head(&self, school_id: SchoolId) -> Seq {
        self.state(school_id).map_or(Seq::ZERO, SchoolState::head)
    }

    fn period_at(&self, school_id: SchoolId, instant: Timestamp) -> Period {
        match self.state(school_id).and_then(|state| state.school().ok()) {
            Some(school) if instant < school.period.start => school.cycle.period_at(instant),
            Some(school) => school.period,
            None => Period {
                start: instant,
                end: instant,
            },
        }
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

    /// The batch is committed: its events become receipts.
    fn finish(self, outcomes: Vec<Outcomes>) -> Written {
        let moved: Vec<_> = self
            .moved_heads()
            .iter()
            .map(|head| (head.school_id, head.after))
            .collect();
        let mut events: Vec<Option<Recorded>> = self
            .events
            .into_iter()
            .map(|new| Some(new.recorded))
            .collect();
        // A repeated command needs the events once more; of all others they are handed on.
        let repeated: BTreeMap<usize, Vec<Recorded>> = outcomes
            .iter()
            .flatten()
            .flatten()
            .filter_map(|outcome| match outcome {
                Outcome::Repeated { range, .. } => Some((
                    range.start,
                    events[range.clone()].iter().flatten().cloned().collect(),
                )),
                Outcome::Appended { .. } | Outcome::Ready(_) => None,
            })
            .collect();
        let mut answer = |outcome| {
            let (events, event_id, period, found, replayed) = match outcome {
                Outcome::Appended {
                    range,
                    event_id,
                    period,
                    found,
                } => (
                    events[range].iter_mut().filter_map(Option::take).collect(),
                    event_id,
                    period,
                    found,
                    false,
                ),
                Outcome::Repeated {
                    range,
                    event_id,
                    period,
                    found,
                } => {
                    let events = repeated.get(&range.start).cloned().unwrap_or_default();
                    (events, event_id, period, found, true)
                }
                Outcome::Ready(answer) => return *answer,
            };
            let seq = events
                .last()
                .map_or(Seq::ZERO, |event: &Recorded| event.seq);
            Ok(Receipt {
                seq,
                event_id,
                events,
                replayed,
                period,
                found,
            })
        };
        let answers = outcomes
            .into_iter()
            .map(|outcomes| outcomes.map(|all| all.into_iter().map(&mut answer).collect()))
            .collect();
        let states = self
            .streams
            .into_iter()
            .filter(|(_, stream)| stream.head.is_some())
            .map(|(school_id, stream)| (school_id, stream.cached))
            .collect();
        Written {
            answers,
            states,
            moved,
        }
    }
}

fn opens_stream(request: &Request) -> bool {
    let registers = matches!(
        request.command.action,
        Action::School(SchoolCommand::Register(_))
    );
    registers && !request.dry_run
}

/// Gives a fact its place in the stream and takes it into the state.
fn record(
    state: &mut SchoolState,
    school_id: SchoolId,
    event_id: EventId,
    actor: Actor,
    now: Timestamp,
    fact: Fact,
) -> Recorded {
    let recorded = Recorded {
        school_id,
        seq: state.head().next(),
        event_id,
        actor,
        occurred_at: fact.occurred_at,
        recorded_at: now,
        event: fact.event,
    };
    evolve(state, &recorded);
    recorded
}
