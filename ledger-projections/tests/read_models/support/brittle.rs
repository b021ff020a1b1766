//! A projection that cannot apply one event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use ledger_core::catalog::Kind;
use ledger_core::{SchoolId, Seq};
use ledger_projections::balance::BALANCE;
use ledger_projections::history::HISTORY;
use ledger_projections::projection::SchoolEvents;
use ledger_projections::requests::REQUESTS;
use ledger_projections::roster::ROSTER;
use ledger_projections::unattributed::UNATTRIBUTED;
use ledger_projections::usage::USAGE;
use ledger_projections::{ApplyError, Build, Projection, ProjectionName, Registry};
use sqlx::PgConnection;

/// Fails at one event while `is_broken`.
#[derive(Debug)]
struct Brittle {
    /// Only in this build.
    build: Option<Build>,
    inner: Arc<dyn Projection>,
    school_id: SchoolId,
    seq: Seq,
    is_broken: Arc<AtomicBool>,
    failures: Arc<AtomicUsize>,
}

#[async_trait]
impl Projection for Brittle {
    fn name(&self) -> ProjectionName {
        self.inner.name()
    }

    fn kinds(&self) -> Option<&'static [Kind]> {
        self.inner.kinds()
    }

    fn tables(&self) -> &'static [&'static str] {
        self.inner.tables()
    }

    async fn apply_in_tx(
        &self,
        tx: &mut PgConnection,
        build: Build,
        page: &[SchoolEvents<'_>],
    ) -> Result<(), ApplyError> {
        let hits = page
            .iter()
            .filter(|school| school.school_id == self.school_id)
            .any(|school| school.events.iter().any(|e| e.seq == self.seq));
        let in_build = self.build.is_none_or(|broken| broken == build);
        if hits && in_build && self.is_broken.load(Ordering::Relaxed) {
            self.failures.fetch_add(1, Ordering::Relaxed);
            return Err(ApplyError::NoCalendar);
        }
        self.inner.apply_in_tx(tx, build, page).await
    }
}

/// A registry in which one projection is broken.
pub struct Broken {
    pub registry: Registry,
    pub is_broken: Arc<AtomicBool>,
    pub failures: Arc<AtomicUsize>,
}

/// All projections, of which usage cannot apply this event, in any build or in the given one.
pub fn broken_usage(school_id: SchoolId, seq: Seq, build: Option<Build>) -> Broken {
    let is_broken = Arc::new(AtomicBool::new(true));
    let failures = Arc::new(AtomicUsize::new(0));
    let usage = Brittle {
        build,
        inner: Arc::new(USAGE),
        school_id,
        seq,
        is_broken: Arc::clone(&is_broken),
        failures: Arc::clone(&failures),
    };
    Broken {
        registry: Registry::new(vec![
            Arc::new(ROSTER),
            Arc::new(UNATTRIBUTED),
            Arc::new(BALANCE),
            Arc::new(HISTORY),
            Arc::new(REQUESTS),
            Arc::new(usage),
        ]),
        is_broken,
        failures,
    }
}
