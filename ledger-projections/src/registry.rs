//! The list of all read models.

use std::sync::Arc;

use ledger_core::catalog::Kind;

use crate::projection::{Projection, ProjectionName};
use crate::{balance, history, requests, roster, unattributed, usage};

/// The projections that a process runs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {
    projections: Arc<[Arc<dyn Projection>]>,
}

impl Registry {
    /// All read models of the ledger.
    #[must_use]
    pub fn standard() -> Self {
        Self::new(vec![
            Arc::new(roster::ROSTER),
            Arc::new(balance::BALANCE),
            Arc::new(history::HISTORY),
            Arc::new(requests::REQUESTS),
            Arc::new(usage::USAGE),
            Arc::new(unattributed::UNATTRIBUTED),
        ])
    }

    /// The given projections, each name once.
    #[must_use]
    pub fn new(projections: Vec<Arc<dyn Projection>>) -> Self {
        Self {
            projections: projections.into(),
        }
    }

    /// The projection of this name, if it is registered.
    #[must_use]
    pub fn get(&self, name: ProjectionName) -> Option<&Arc<dyn Projection>> {
        self.projections
            .iter()
            .find(|projection| projection.name() == name)
    }

    /// All of them, in the order in which they apply a page.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Projection>> {
        self.projections.iter()
    }

    /// Their names, as columns hold them.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.iter()
            .map(|projection| projection.name().as_str())
            .collect()
    }
}

/// The kinds that several projections together apply; `None` is all.
pub(crate) fn kinds_of<'a>(
    projections: impl Iterator<Item = &'a Arc<dyn Projection>>,
) -> Option<Vec<Kind>> {
    let mut all = std::collections::BTreeSet::new();
    for projection in projections {
        all.extend(projection.kinds()?);
    }
    Some(all.into_iter().collect())
}
