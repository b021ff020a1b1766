//! An event that cannot be taken in: finds it, stops its school's projection before it where
//! everybody sees it, and lets nothing else stop.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ledger_core::{SchoolId, Seq};
use ledger_store::feed;
use sqlx::PgConnection;

use super::claim::{Member, stop};
use super::page::{Folded, Group, fold_pages};
use crate::error::ApplyError;
use crate::projection::{Registry, kinds_of};

type Key = (SchoolId, Member);

/// The projections that this process saw stop, and when it tries each again. A process that has
/// just started knows none and tries them all at once: it may be the one that can.
#[derive(Debug)]
pub(super) struct Resting {
    retry_after: Duration,
    stopped: Mutex<HashMap<Key, (Seq, Instant)>>,
}

impl Resting {
    pub(super) fn new(retry_after: Duration) -> Self {
        Self {
            retry_after,
            stopped: Mutex::default(),
        }
    }

    /// Whether a projection that stopped is left alone for now.
    pub(super) fn is_resting(&self, key: Key, now: Instant) -> bool {
        self.stopped()
            .get(&key)
            .is_some_and(|(_, retry_at)| now < *retry_at)
    }

    /// Whether this process sees it stop before this event for the first time.
    fn rest(&self, key: Key, failed_seq: Seq, now: Instant) -> bool {
        let retry_at = now + self.retry_after;
        let known = self.stopped().insert(key, (failed_seq, retry_at));
        known.is_none_or(|(seq, _)| seq != failed_seq)
    }

    pub(super) fn wake(&self, key: Key) {
        self.stopped().remove(&key);
    }

    fn stopped(&self) -> MutexGuard<'_, HashMap<Key, (Seq, Instant)>> {
        // The map is whole between any two statements, so a panic elsewhere does not spoil it.
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes in what can be of a page that failed, for one projection of one school by itself, in ever
/// smaller pages, until it is through or the event at fault stands alone. Where it stands then.
pub(super) async fn isolate(
    conn: &mut PgConnection,
    registry: &Registry,
    resting: &Resting,
    mut group: Group,
    events_max: i64,
) -> Result<Seq, ApplyError> {
    let end = Seq(group.at.0.saturating_add(events_max));
    let mut events = events_max;
    while group.at < end {
        let folded = fold_pages(conn, registry, std::slice::from_ref(&group), events).await;
        match folded.map(|mut folded| folded.pop()) {
            Ok(Some(Folded::To { seq, has_more, .. })) => {
                group.at = seq;
                if !has_more {
                    break;
                }
            }
            Ok(Some(Folded::Contended) | None) => break,
            Err(error) if error.source.is_transient() => return Err(error.source),
            Err(error) if events > 1 => events = smaller(events, group.at, error.seq),
            Err(error) => {
                let failed_seq = match error.seq {
                    Some(seq) => seq,
                    None => first_after(conn, registry, &group).await?,
                };
                give_up(conn, resting, &group, failed_seq, &error.source).await?;
                break;
            }
        }
    }
    Ok(group.at)
}

/// The one event of a page of one.
async fn first_after(
    conn: &mut PgConnection,
    registry: &Registry,
    group: &Group,
) -> Result<Seq, ApplyError> {
    let names = group.members.iter();
    let kinds = kinds_of(names.filter_map(|(name, _)| registry.get(*name)));
    let events = feed::read_after(conn, group.school_id, group.at, 1, kinds.as_deref()).await?;
    Ok(events.first().map_or(group.at.next(), |event| event.seq))
}

/// Half of the page, or what lies before the event at fault if that is less.
fn smaller(events: i64, at: Seq, at_fault: Option<Seq>) -> i64 {
    let before = at_fault.map_or(i64::MAX, |seq| seq.0.saturating_sub(at.0).saturating_sub(1));
    before.clamp(1, (events / 2).max(1))
}

/// Writes down where it stopped and why; says so once.
async fn give_up(
    conn: &mut PgConnection,
    resting: &Resting,
    group: &Group,
    failed_seq: Seq,
    error: &ApplyError,
) -> Result<(), ApplyError> {
    let failure = error.chain();
    for member in &group.members {
        stop(
            conn,
            group.school_id,
            *member,
            group.at,
            failed_seq,
            &failure,
        )
        .await?;
        if resting.rest((group.school_id, *member), failed_seq, Instant::now()) {
            let (name, build) = member;
            tracing::error!(
                school.id = %group.school_id,
                projection.name = %name,
                projection.build = build.0,
                event.seq = failed_seq.0,
                error = failure,
                "an event cannot be taken in: this school's read model stands before it"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::{Build, ProjectionName};

    #[test]
    fn a_page_that_failed_shrinks_to_what_lies_before_the_fault() {
        assert_eq!(smaller(5_000, Seq(100), Some(Seq(120))), 19);
        assert_eq!(smaller(5_000, Seq(100), None), 2_500);
        assert_eq!(smaller(5_000, Seq(100), Some(Seq(101))), 1);
        assert_eq!(smaller(3, Seq(100), Some(Seq(103))), 1);
        assert_eq!(smaller(1, Seq(100), None), 1);
    }

    #[test]
    fn a_stopped_projection_rests_and_is_said_to_have_stopped_once() {
        let resting = Resting::new(Duration::from_secs(60));
        let key = (
            SchoolId(uuid::Uuid::nil()),
            (ProjectionName::Usage, Build(1)),
        );
        let now = Instant::now();
        assert!(!resting.is_resting(key, now));
        assert!(resting.rest(key, Seq(7), now));
        assert!(!resting.rest(key, Seq(7), now));
        assert!(resting.is_resting(key, now + Duration::from_secs(59)));
        assert!(!resting.is_resting(key, now + Duration::from_secs(60)));
        resting.wake(key);
        assert!(resting.rest(key, Seq(7), now));
    }
}
