//! Pages of schools' logs, each applied by all projections at the same checkpoint, in one
//! transaction with the checkpoints.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use ledger_core::catalog::Kind;
use ledger_core::{Recorded, SchoolId, Seq};
use ledger_store::feed;
use sqlx::{Connection as _, PgConnection};

use super::claim::{Claim, Group, NamedBuild, advance_in_tx, claim_in_tx};
use super::gauge;
use crate::error::ApplyError;
use crate::projection::{Projection, SchoolEvents};
use crate::registry::{Registry, kinds_of};

/// The result for a group.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Folded {
    /// Another process has locked or advanced the checkpoints.
    Contended,
    /// The builds that were claimed have reached this event.
    To {
        seq: Seq,
        builds: Vec<NamedBuild>,
        /// Whether there may be more to read.
        has_more: bool,
    },
}

/// Pages that could not be applied; nothing was written.
#[derive(Debug)]
pub(crate) struct PageError {
    pub source: ApplyError,
    /// The event at fault, where the error knows it.
    pub seq: Option<Seq>,
}

impl From<ApplyError> for PageError {
    fn from(source: ApplyError) -> Self {
        let seq = source.seq();
        Self { source, seq }
    }
}

/// Applies a page of at most `events_max` events for each group, each of another school. Each event
/// is applied exactly once, since the checkpoints are locked, equal the starts of the pages, and
/// advance in the same transaction. Returns the results in the order of `groups`.
pub(crate) async fn fold_pages(
    conn: &mut PgConnection,
    registry: &Registry,
    groups: &[Group],
    events_max: i64,
) -> Result<Vec<Folded>, PageError> {
    let started = Instant::now();
    let mut tx = conn
        .begin()
        .await
        .map_err(ApplyError::at("beginning a page"))?;
    let (folded, counts) = fold_in_tx(&mut tx, registry, groups, events_max).await?;
    tx.commit()
        .await
        .map_err(ApplyError::at("committing a page"))?;
    if folded.iter().any(|folded| *folded != Folded::Contended) {
        gauge::folded(&counts, started.elapsed());
    }
    Ok(folded)
}

/// [`fold_pages`] in the caller's transaction; also returns the number of events of each
/// projection.
pub(crate) async fn fold_in_tx(
    tx: &mut PgConnection,
    registry: &Registry,
    groups: &[Group],
    events_max: i64,
) -> Result<(Vec<Folded>, gauge::Counts), PageError> {
    let mut claims = claim_in_tx(tx, groups).await?;
    let mut pages = Vec::with_capacity(groups.len());
    for group in groups {
        let page = match claims.remove(&group.school_id) {
            Some(claim) => Some(Page::read(tx, registry, group, claim, events_max).await?),
            None => None,
        };
        pages.push(page);
    }
    let mut counts = gauge::Counts::new();
    for projection in registry.iter() {
        apply(tx, projection, &pages, &mut counts).await?;
    }
    let moved: Vec<_> = pages
        .iter()
        .flatten()
        .flat_map(|page| {
            let builds = page.held.iter();
            builds.map(|build| (page.school_id, *build, page.read.to))
        })
        .collect();
    advance_in_tx(tx, &moved).await?;
    let folded = pages.into_iter().map(|page| {
        page.map_or(Folded::Contended, |page| Folded::To {
            seq: page.read.to,
            builds: page.held,
            has_more: page.read.has_more,
        })
    });
    Ok((folded.collect(), counts))
}

/// The claimed builds and the events of one school.
struct Page {
    school_id: SchoolId,
    held: Vec<NamedBuild>,
    read: Read,
}

impl Page {
    async fn read(
        tx: &mut PgConnection,
        registry: &Registry,
        group: &Group,
        claim: Claim,
        events_max: i64,
    ) -> Result<Self, PageError> {
        let held = claim.held.iter();
        let kinds = kinds_of(held.filter_map(|(name, _)| registry.get(*name)));
        let read = read(tx, group, events_max, claim.head, kinds.as_deref()).await?;
        Ok(Self {
            school_id: group.school_id,
            held: claim.held,
            read,
        })
    }
}

/// Applies the pages of all schools in which one projection is claimed, build by build.
async fn apply(
    tx: &mut PgConnection,
    projection: &Arc<dyn Projection>,
    pages: &[Option<Page>],
    counts: &mut gauge::Counts,
) -> Result<(), PageError> {
    let name = projection.name();
    let held = || pages.iter().flatten().flat_map(|page| &page.held);
    let builds: BTreeSet<_> = held().filter(|build| build.0 == name).collect();
    for (_, build) in builds {
        let page: Vec<_> = pages
            .iter()
            .flatten()
            .filter(|page| page.held.contains(&(name, *build)))
            .map(|page| SchoolEvents {
                school_id: page.school_id,
                events: &page.read.events,
            })
            .collect();
        *counts.entry(name).or_default() += page.iter().map(|p| p.events.len()).sum::<usize>();
        projection.apply_in_tx(tx, *build, &page).await?;
    }
    Ok(())
}

struct Read {
    events: Vec<Recorded>,
    /// `events` has all events of the wanted kinds up to this one.
    to: Seq,
    has_more: bool,
}

async fn read(
    tx: &mut PgConnection,
    group: &Group,
    events_max: i64,
    head: Seq,
    kinds: Option<&[Kind]>,
) -> Result<Read, PageError> {
    let Group { school_id, at, .. } = *group;
    let upto = group.upto.unwrap_or(Seq(i64::MAX));
    let limit = events_max.min(upto.0.saturating_sub(at.0)).max(0);
    let mut events = feed::read_after(tx, school_id, at, limit, kinds)
        .await
        .map_err(ApplyError::from)?;
    events.truncate(events.partition_point(|event| event.seq <= upto));
    let last = events.last().map_or(at, |event| event.seq);
    let is_full = i64::try_from(events.len()).unwrap_or(i64::MAX) >= limit;
    if kinds.is_none() {
        no_gap(at, &events)?;
        return Ok(Read {
            events,
            to: last,
            has_more: is_full,
        });
    }
    // A page that is not full has all events up to the head that was read before it.
    let to = if is_full { last } else { last.max(head) }.min(upto);
    let Some((seq, kind)) = unknown_kind(tx, school_id, at, to).await? else {
        return Ok(Read {
            events,
            to,
            has_more: is_full,
        });
    };
    let to = Seq(seq.0 - 1);
    if to <= at {
        return Err(ApplyError::UnknownKind { seq, kind }.into());
    }
    events.truncate(events.partition_point(|event| event.seq <= to));
    Ok(Read {
        events,
        to,
        has_more: true,
    })
}

/// Refuses a gap: a stream has none, so events are missing.
fn no_gap(at: Seq, events: &[Recorded]) -> Result<(), ApplyError> {
    let mut expected = at;
    for event in events {
        expected = expected.next();
        if event.seq != expected {
            return Err(ApplyError::Gap { seq: expected });
        }
    }
    Ok(())
}

/// The first event after `at` and up to `to` of a kind that this program does not know. A read by
/// kind leaves it out, and an event of a newer program must not be skipped.
async fn unknown_kind(
    tx: &mut PgConnection,
    school_id: SchoolId,
    at: Seq,
    to: Seq,
) -> Result<Option<(Seq, String)>, ApplyError> {
    let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    sqlx::query!(
        "SELECT seq, kind FROM event
          WHERE school_id = $1 AND seq > $2 AND seq <= $3 AND kind <> ALL ($4)
          ORDER BY seq LIMIT 1",
        school_id.0,
        at.0,
        to.0,
        &known as &[&str],
    )
    .fetch_optional(tx)
    .await
    .map(|row| row.map(|row| (Seq(row.seq), row.kind)))
    .map_err(ApplyError::at("finding events of unknown kinds"))
}
