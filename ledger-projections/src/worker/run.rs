//! One run over some schools: a page for every group of projections that stand together.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use ledger_core::{SchoolId, Seq};
use ledger_store::{Database, DatabaseRole};
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use super::WorkerSettings;
use super::claim::{Member, Stands, open, stands};
use super::page::{Folded, Group, fold_pages};
use super::poison::{Resting, isolate};
use crate::error::ApplyError;
use crate::progress::Progress;
use crate::projection::Registry;

/// What folds, for whom, and how far at a time. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pool: PgPool,
    registry: Registry,
    progress: Progress,
    resting: Arc<Resting>,
    page_events: i64,
}

/// How a run ended for a school.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Run {
    /// Nothing more to do, or nothing that can be done now.
    Done,
    /// Another worker has the school: look again a little later.
    Contended,
    /// There is more to read.
    More,
}

/// How a run ended for each of its schools.
pub(crate) type Runs = BTreeMap<SchoolId, Run>;

/// What became of a group: which members stand where now, and how the run goes on.
struct Step {
    school_id: SchoolId,
    stands: Vec<(Member, Seq)>,
    run: Run,
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
            resting: Arc::new(Resting::new(settings.stopped_retry)),
            page_events: settings.page_events.max(1),
        }
    }

    pub(crate) const fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Whether a projection that stopped is left alone for now.
    pub(crate) fn is_resting(&self, school_id: SchoolId, member: Member) -> bool {
        self.resting.is_resting((school_id, member), Instant::now())
    }

    /// Takes one page in for everything of the schools that lags. In each school the foremost
    /// group goes first, so that what is read stays fresh beside a rebuild; the others go up to
    /// where it stands, so that they join it and the log is read once for all.
    pub(crate) async fn run(
        &self,
        schools: &[SchoolId],
        cancel: &CancellationToken,
    ) -> Result<Runs, ApplyError> {
        let mut conn = self
            .pool
            .acquire()
            .await
            .map_err(ApplyError::at("getting a connection"))?;
        let all = stands(&mut conn, schools, &self.registry.names()).await?;
        open(&mut conn, &all).await?;
        let mut queues = BTreeMap::new();
        for (school_id, of_school) in &all {
            for stand in &of_school.stands {
                // Another process may have gone on since this one looked.
                self.tell(of_school, *school_id, stand.member, stand.seq);
            }
            queues.insert(*school_id, self.groups(*school_id, of_school));
        }
        let mut runs: Runs = schools.iter().map(|id| (*id, Run::Done)).collect();
        loop {
            let round: Vec<Group> = queues
                .values_mut()
                .filter_map(VecDeque::pop_front)
                .collect();
            if round.is_empty() {
                return Ok(runs);
            }
            for groups in self.packed(&all, round) {
                if cancel.is_cancelled() {
                    return Ok(runs);
                }
                for step in self.fold(&mut conn, &groups).await? {
                    let foremost = step.stands.iter().map(|(_, at)| *at).max();
                    let queue = queues.entry(step.school_id).or_default();
                    for group in queue.iter_mut().filter(|group| group.upto.is_none()) {
                        group.upto = foremost;
                    }
                    for (member, at) in step.stands {
                        self.tell(&all[&step.school_id], step.school_id, member, at);
                    }
                    let run = runs.entry(step.school_id).or_insert(step.run);
                    *run = step.run.max(*run);
                }
            }
        }
    }

    /// Tells this process's readers where a live build stands.
    fn tell(&self, of_school: &Stands, school_id: SchoolId, member: Member, at: Seq) {
        let mut stands = of_school.stands.iter();
        if stands.any(|stand| stand.is_live && stand.member == member) {
            self.progress.reached(school_id, member.0, at);
        }
    }

    /// Those that lag and are not left alone, together with whoever stands at the same place;
    /// the foremost first.
    fn groups(&self, school_id: SchoolId, of_school: &Stands) -> VecDeque<Group> {
        let head = of_school.head;
        let mut groups: BTreeMap<Reverse<Seq>, Vec<Member>> = BTreeMap::new();
        for stand in &of_school.stands {
            let rests = stand.has_stopped && self.is_resting(school_id, stand.member);
            if stand.seq < head && !rests {
                groups
                    .entry(Reverse(stand.seq))
                    .or_default()
                    .push(stand.member);
            }
        }
        let caught_up = of_school.stands.iter().any(|stand| stand.seq >= head);
        groups
            .into_iter()
            .map(|(Reverse(at), members)| Group {
                school_id,
                at,
                upto: caught_up.then_some(head),
                members,
            })
            .collect()
    }

    /// Groups of schools as they share transactions: together no more than a page, and those with
    /// little to read first, so that they do not wait for one that has much.
    fn packed(&self, all: &BTreeMap<SchoolId, Stands>, groups: Vec<Group>) -> Vec<Vec<Group>> {
        let lag = |group: &Group| {
            let head = all.get(&group.school_id).map_or(group.at, |of| of.head);
            head.0.saturating_sub(group.at.0)
        };
        let mut groups = groups;
        groups.sort_by_key(lag);
        let (mut packed, mut room) = (Vec::<Vec<Group>>::new(), 0);
        for group in groups {
            let lag = lag(&group);
            match packed.last_mut() {
                Some(last) if lag <= room => last.push(group),
                Some(_) | None => {
                    room = self.page_events;
                    packed.push(vec![group]);
                }
            }
            room = room.saturating_sub(lag);
        }
        packed
    }

    /// A page for each group. When they fail for a reason that lies in an event, each school goes
    /// by itself, then each projection: the one that cannot take it in must not hold up others.
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
        let (stands, run) = match folded {
            Folded::Contended => (Vec::new(), Run::Contended),
            Folded::To {
                seq,
                members,
                has_more,
            } => {
                let is_partial = members.len() < group.members.len();
                let run = match (has_more, is_partial) {
                    (true, _) => Run::More,
                    (false, true) => Run::Contended,
                    (false, false) => Run::Done,
                };
                for member in &members {
                    self.resting.wake((school_id, *member));
                }
                (members.into_iter().map(|m| (m, seq)).collect(), run)
            }
        };
        Step {
            school_id,
            stands,
            run,
        }
    }

    async fn fold_each(&self, conn: &mut PgConnection, group: &Group) -> Result<Step, ApplyError> {
        let mut stands = Vec::new();
        for member in &group.members {
            let alone = Group {
                members: vec![*member],
                ..group.clone()
            };
            let (registry, events) = (&self.registry, self.page_events);
            let at = isolate(conn, registry, &self.resting, alone, events).await?;
            stands.push((*member, at));
        }
        let has_moved = stands.iter().any(|(_, at)| *at > group.at);
        Ok(Step {
            school_id: group.school_id,
            stands,
            run: if has_moved { Run::More } else { Run::Done },
        })
    }
}
