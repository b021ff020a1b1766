//! One run over some schools: a page for each group of projections at the same checkpoint.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use ledger_core::{SchoolId, Seq};
use ledger_store::{Database, DatabaseRole};
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use super::WorkerSettings;
use super::claim::Group;
use super::claim::{Checkpoints, NamedBuild, checkpoints, open};
use super::page::{Folded, fold_pages};
use super::poison::{Halted, isolate};
use crate::error::ApplyError;
use crate::progress::Progress;
use crate::registry::Registry;

/// The state that all runs of a process share. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pool: PgPool,
    registry: Registry,
    progress: Progress,
    halted: Arc<Halted>,
    page_events: i64,
}

/// How a run ended for a school.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RunOutcome {
    /// No more events can be applied now.
    Done,
    /// Another worker has claimed the school: retry a little later.
    Contended,
    /// There are more events to read.
    More,
}

/// How a run ended for each of its schools.
pub(crate) type RunOutcomes = BTreeMap<SchoolId, RunOutcome>;

/// The result for a group: its builds' checkpoints and how the run continues.
struct Step {
    school_id: SchoolId,
    reached: Vec<(NamedBuild, Seq)>,
    outcome: RunOutcome,
}

impl Folder {
    pub(crate) fn new(
        database: &Database,
        registry: Registry,
        progress: Progress,
        settings: &WorkerSettings,
    ) -> Self {
        Self {
            pool: database.pool(DatabaseRole::Projector).clone(),
            registry,
            progress,
            halted: Arc::new(Halted::new(settings.halted_retry)),
            page_events: settings.page_events.max(1),
        }
    }

    pub(crate) const fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Whether a halted projection is not to be retried yet.
    pub(crate) fn is_paused(&self, school_id: SchoolId, build: NamedBuild) -> bool {
        self.halted.is_paused((school_id, build), Instant::now())
    }

    /// Applies one page for each lagging group of the schools. In each school the foremost group is
    /// first, so that live builds stay fresh during a rebuild. The other groups read up to its
    /// checkpoint, so that they join it and the log is read once for all.
    pub(crate) async fn run(
        &self,
        schools: &[SchoolId],
        cancel: &CancellationToken,
    ) -> Result<RunOutcomes, ApplyError> {
        let mut conn = self
            .pool
            .acquire()
            .await
            .map_err(ApplyError::at("acquiring a connection"))?;
        let all = checkpoints(&mut conn, schools, &self.registry.names()).await?;
        open(&mut conn, &all).await?;
        let mut queues = BTreeMap::new();
        for (school_id, of_school) in &all {
            for checkpoint in &of_school.checkpoints {
                // Another process may have advanced it.
                self.publish(of_school, *school_id, checkpoint.build, checkpoint.seq);
            }
            queues.insert(*school_id, self.groups(*school_id, of_school));
        }
        let mut outcomes: RunOutcomes = schools.iter().map(|id| (*id, RunOutcome::Done)).collect();
        loop {
            let round: Vec<Group> = queues
                .values_mut()
                .filter_map(VecDeque::pop_front)
                .collect();
            if round.is_empty() {
                return Ok(outcomes);
            }
            for groups in self.packed(&all, round) {
                if cancel.is_cancelled() {
                    return Ok(outcomes);
                }
                for step in self.fold(&mut conn, &groups).await? {
                    let foremost = step.reached.iter().map(|(_, at)| *at).max();
                    let queue = queues.entry(step.school_id).or_default();
                    for group in queue.iter_mut().filter(|group| group.upto.is_none()) {
                        group.upto = foremost;
                    }
                    for (build, at) in step.reached {
                        self.publish(&all[&step.school_id], step.school_id, build, at);
                    }
                    let outcome = outcomes.entry(step.school_id).or_insert(step.outcome);
                    *outcome = step.outcome.max(*outcome);
                }
            }
        }
    }

    /// Publishes the checkpoint of a live build to this process's readers.
    fn publish(&self, of_school: &Checkpoints, school_id: SchoolId, build: NamedBuild, at: Seq) {
        let mut checkpoints = of_school.checkpoints.iter();
        if checkpoints.any(|checkpoint| checkpoint.is_live && checkpoint.build == build) {
            self.progress.publish(school_id, build.0, at);
        }
    }

    /// The lagging builds that are not paused, grouped by checkpoint, the foremost first.
    fn groups(&self, school_id: SchoolId, of_school: &Checkpoints) -> VecDeque<Group> {
        let head = of_school.head;
        let mut groups: BTreeMap<Reverse<Seq>, Vec<NamedBuild>> = BTreeMap::new();
        for checkpoint in &of_school.checkpoints {
            let build = checkpoint.build;
            let is_paused = checkpoint.is_halted && self.is_paused(school_id, build);
            if checkpoint.seq < head && !is_paused {
                groups
                    .entry(Reverse(checkpoint.seq))
                    .or_default()
                    .push(build);
            }
        }
        let mut checkpoints = of_school.checkpoints.iter();
        let caught_up = checkpoints.any(|checkpoint| checkpoint.seq >= head);
        groups
            .into_iter()
            .map(|(Reverse(at), builds)| Group {
                school_id,
                at,
                upto: caught_up.then_some(head),
                builds,
            })
            .collect()
    }

    /// Packs groups into transactions of at most a page. Groups with few events are first, so that
    /// they do not wait for one with many.
    fn packed(&self, all: &BTreeMap<SchoolId, Checkpoints>, groups: Vec<Group>) -> Vec<Vec<Group>> {
        let lag = |group: &Group| {
            let head = all.get(&group.school_id).map_or(group.at, |of| of.head);
            head.0.saturating_sub(group.at.0)
        };
        let mut groups = groups;
        groups.sort_by_key(lag);
        let (mut packed, mut capacity) = (Vec::<Vec<Group>>::new(), 0);
        for group in groups {
            let lag = lag(&group);
            match packed.last_mut() {
                Some(last) if lag <= capacity => last.push(group),
                Some(_) | None => {
                    capacity = self.page_events;
                    packed.push(vec![group]);
                }
            }
            capacity = capacity.saturating_sub(lag);
        }
        packed
    }

    /// Applies a page for each group. If an event cannot be applied, each school is tried
    /// separately and then each projection, so that the halted one does not block others.
    async fn fold(
        &self,
        conn: &mut PgConnection,
        groups: &[Group],
    ) -> Result<Vec<Step>, ApplyError> {
        match fold_pages(conn, &self.registry, groups, self.page_events).await {
            Ok(folded) => {
                let steps = groups.iter().zip(folded);
                return Ok(steps
                    .map(|(group, folded)| self.step(group, folded))
                    .collect());
            }
            Err(error) if error.source.is_transient() => return Err(error.source),
            Err(_) => {}
        }
        let mut steps = Vec::with_capacity(groups.len());
        for group in groups {
            let alone = std::slice::from_ref(group);
            match fold_pages(conn, &self.registry, alone, self.page_events).await {
                Ok(folded) => {
                    steps.extend(folded.into_iter().map(|folded| self.step(group, folded)));
                }
                Err(error) if error.source.is_transient() => return Err(error.source),
                Err(_) => steps.push(self.fold_each(conn, group).await?),
            }
        }
        Ok(steps)
    }

    fn step(&self, group: &Group, folded: Folded) -> Step {
        let school_id = group.school_id;
        let (reached, outcome) = match folded {
            Folded::Contended => (Vec::new(), RunOutcome::Contended),
            Folded::To {
                seq,
                builds,
                has_more,
            } => {
                let is_partial = builds.len() < group.builds.len();
                let outcome = match (has_more, is_partial) {
                    (true, _) => RunOutcome::More,
                    (false, true) => RunOutcome::Contended,
                    (false, false) => RunOutcome::Done,
                };
                for build in &builds {
                    self.halted.resumed((school_id, *build));
                }
                let reached = builds.into_iter().map(|build| (build, seq));
                (reached.collect(), outcome)
            }
        };
        Step {
            school_id,
            reached,
            outcome,
        }
    }

    async fn fold_each(&self, conn: &mut PgConnection, group: &Group) -> Result<Step, ApplyError> {
        let mut reached = Vec::new();
        for build in &group.builds {
            let alone = Group {
                builds: vec![*build],
                ..group.clone()
            };
            let (registry, events) = (&self.registry, self.page_events);
            let at = isolate(conn, registry, &self.halted, alone, events).await?;
            reached.push((*build, at));
        }
        let has_moved = reached.iter().any(|(_, at)| *at > group.at);
        Ok(Step {
            school_id: group.school_id,
            reached,
            outcome: if has_moved {
                RunOutcome::More
            } else {
                RunOutcome::Done
            },
        })
    }
}
