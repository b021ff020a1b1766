//! What a read model is, and the list of all there are.

use std::sync::Arc;

use async_trait::async_trait;
use ledger_core::catalog::Kind;
use ledger_core::{Recorded, SchoolId};
use serde::Serialize;
use sqlx::PgConnection;

use crate::error::ApplyError;
use crate::{balance, history, requests, roster, unattributed, usage};

/// The name of a read model: the question that it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectionName {
    /// Which school is it, and who belongs to it?
    Roster,
    /// What is there, what is gone, what is left?
    Balance,
    /// Who changed what, why, from what to what?
    History,
    /// Who asks for what, and what became of it?
    Requests,
    /// How much, when, by whom, of what, at what cost?
    Usage,
    /// Which usage is still nobody's, or of no known service?
    Unattributed,
}

impl ProjectionName {
    /// Every read model.
    pub const ALL: [Self; 6] = [
        Self::Roster,
        Self::Balance,
        Self::History,
        Self::Requests,
        Self::Usage,
        Self::Unattributed,
    ];

    /// The word in columns, metrics and commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Roster => "roster",
            Self::Balance => "balance",
            Self::History => "history",
            Self::Requests => "requests",
            Self::Usage => "usage",
            Self::Unattributed => "unattributed",
        }
    }
}

impl std::fmt::Display for ProjectionName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no read model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no such read model; there are roster, balance, history, requests, usage and \
     unattributed"
)]
pub struct UnknownProjection;

impl std::str::FromStr for ProjectionName {
    type Err = UnknownProjection;

    fn from_str(text: &str) -> Result<Self, UnknownProjection> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or(UnknownProjection)
    }
}

/// The number under which the rows of one building of a read model stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Build(pub i32);

/// Some events of one school, in order.
#[derive(Clone, Copy, Debug)]
pub struct SchoolEvents<'a> {
    /// Whose.
    pub school_id: SchoolId,
    /// The events.
    pub events: &'a [Recorded],
}

/// A read model: takes pages of schools' events in.
#[async_trait]
pub trait Projection: std::fmt::Debug + Send + Sync + 'static {
    /// Which one.
    fn name(&self) -> ProjectionName;

    /// The kinds of events that it looks at; `None` is all. When it is folded by itself, no other
    /// kind is read. It must leave other kinds alone: a page that is shared with another
    /// projection has them too.
    fn kinds(&self) -> Option<&'static [Kind]>;

    /// The tables that its rows stand in, each with the columns `school_id` and `build`.
    fn tables(&self) -> &'static [&'static str];

    /// Takes in the next events of some schools, each of which is there once. What it looks at
    /// follows what it took in before, without gaps. The caller holds the locks on the checkpoints
    /// and moves them in the same transaction: nobody else writes these schools' rows of this
    /// build.
    ///
    /// # Errors
    /// [`ApplyError`]; then the caller rolls back.
    async fn apply_in_tx(
        &self,
        tx: &mut PgConnection,
        build: Build,
        page: &[SchoolEvents<'_>],
    ) -> Result<(), ApplyError>;
}

/// The read models that a process keeps up to date. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {
    projections: Arc<[Arc<dyn Projection>]>,
}

impl Registry {
    /// All read models of the ledger.
    #[must_use]
    pub fn standard() -> Self {
        Self::new(vec![
            Arc::new(roster::Roster),
            Arc::new(balance::Balance),
            Arc::new(history::History),
            Arc::new(requests::Requests),
            Arc::new(usage::Usage),
            Arc::new(unattributed::Unattributed),
        ])
    }

    /// The given read models, each name once.
    #[must_use]
    pub fn new(projections: Vec<Arc<dyn Projection>>) -> Self {
        Self {
            projections: projections.into(),
        }
    }

    /// The read model of this name, if it is among them.
    #[must_use]
    pub fn get(&self, name: ProjectionName) -> Option<&Arc<dyn Projection>> {
        self.projections
            .iter()
            .find(|projection| projection.name() == name)
    }

    /// All of them, in the order in which they are folded.
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

/// The kinds that several projections together look at; `None` is all.
pub(crate) fn kinds_of<'a>(
    projections: impl Iterator<Item = &'a Arc<dyn Projection>>,
) -> Option<Vec<Kind>> {
    let mut all = std::collections::BTreeSet::new();
    for projection in projections {
        all.extend(projection.kinds()?);
    }
    Some(all.into_iter().collect())
}
