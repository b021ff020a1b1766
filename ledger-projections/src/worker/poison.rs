//! Events that cannot be applied: finds the event, halts its school's projection before it, visibly
//! in the checkpoint, and lets everything else continue.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ledger_core::{SchoolId, Seq};
use ledger_store::feed;
use sqlx::PgConnection;

use super::claim::Group;
use super::claim::{NamedBuild, record_failure};
use super::page::{Folded, fold_pages};
use crate::error::ApplyError;
use crate::registry::{Registry, kinds_of};

type Key = (SchoolId, NamedBuild);

/// The projections that this process has seen halt, and when it retries each. A new process retries
/// all at once: it may be a newer program that can apply the event.
#[derive(Debug)]
pub(super) struct Halted {
    retry_after: Duration,
    halted: Mutex<HashMap<Key, (Seq, Instant)>>,
}

impl Halted {
    pub(super) fn new(retry_after: Duration) -> Self {
        Self {
            retry_after,
            halted: Mutex::default(),
        }
    }

    /// Whether a halted projection is not to be retried yet.
    pub(super) fn is_paused(&self, key: Key, now: Instant) -> bool {
        self.halted()
            .get(&key)
            .is_some_and(|(_, retry_at)| now < *retry_at)
    }

    /// Schedules the retry. Returns whether this event halts the projection for the first time.
    fn halt(&self, key: Key, failed_seq: Seq, now: Instant) -> bool {
        let retry_at = now + self.retry_after;
        let before = self.halted().insert(key, (failed_seq, retry_at));
        before.is_none_or(|(seq, _)| seq != failed_seq)
    }

    pub(super) fn resumed(&self, key: Key) {
        self.halted().remove(&key);
    }

    fn halted(&self) -> MutexGuard<'_, HashMap<Key, (Seq, Instant)>> {
        // No panic can leave the map inconsistent.
        self.halted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Applies a failed page for one projection of one school, in ever smaller pages, until all of it
/// is applied or only the event at fault is left. Returns the event that was reached.
pub(super) async fn isolate(
    conn: &mut PgConnection,
    registry: &Registry,
    halted: &Halted,
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
                halt(conn, halted, &group, failed_seq, &error.source).await?;
                break;
            }
        }
    }
    Ok(group.at)
}

/// The event of a page of one.
async fn first_after(
    conn: &mut PgConnection,
    registry: &Registry,
    group: &Group,
) -> Result<Seq, ApplyError> {
    let names = group.builds.iter();
    let kinds = kinds_of(names.filter_map(|(name, _)| registry.get(*name)));
    let events = feed::read_after(conn, group.school_id, group.at, 1, kinds.as_deref()).await?;
    Ok(events.first().map_or(group.at.next(), |event| event.seq))
}

/// Half of the page, or the events before the one at fault if these are fewer.
fn smaller(events: i64, at: Seq, at_fault: Option<Seq>) -> i64 {
    let before = at_fault.map_or(i64::MAX, |seq| seq.0.saturating_sub(at.0).saturating_sub(1));
    before.clamp(1, (events / 2).max(1))
}

/// Records the failure in the checkpoint, and logs it the first time.
async fn halt(
    conn: &mut PgConnection,
    halted: &Halted,
    group: &Group,
    failed_seq: Seq,
    error: &ApplyError,
) -> Result<(), ApplyError> {
    let failure = error.chain();
    let (school_id, at) = (group.school_id, group.at);
    for build in &group.builds {
        record_failure(conn, school_id, *build, at, failed_seq, &failure).await?;
        if halted.halt((school_id, *build), failed_seq, Instant::now()) {
            let (name, build) = build;
            tracing::error!(
                school.id = %school_id,
                projection.name = %name,
                projection.build = build.0,
                event.seq = failed_seq.0,
                error = failure,
                "projection halted: event could not be applied"
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
    fn a_failed_page_shrinks_to_the_events_before_the_fault() {
        assert_eq!(smaller(5_000, Seq(100), Some(Seq(120))), 19);
        assert_eq!(smaller(5_000, Seq(100), None), 2_500);
        assert_eq!(smaller(5_000, Seq(100), Some(Seq(101))), 1);
        assert_eq!(smaller(3, Seq(100), Some(Seq(103))), 1);
        assert_eq!(smaller(1, Seq(100), None), 1);
    }

    #[test]
    fn a_halted_projection_is_paused_and_logged_once() {
        let halted = Halted::new(Duration::from_secs(60));
        let key = (
            SchoolId(uuid::Uuid::nil()),
            (ProjectionName::Usage, Build(1)),
        );
        let now = Instant::now();
        assert!(!halted.is_paused(key, now));
        assert!(halted.halt(key, Seq(7), now));
        assert!(!halted.halt(key, Seq(7), now));
        assert!(halted.is_paused(key, now + Duration::from_secs(59)));
        assert!(!halted.is_paused(key, now + Duration::from_secs(60)));
        halted.resumed(key);
        assert!(halted.halt(key, Seq(7), now));
    }
}
