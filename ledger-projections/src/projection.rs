//! The definition of a read model.

use std::pin::Pin;

use async_trait::async_trait;
use ledger_core::catalog::Kind;
use ledger_core::{Recorded, SchoolId};
use serde::Serialize;
use sqlx::PgConnection;

use crate::error::ApplyError;

/// The name of a read model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectionName {
    /// Schools, members and departments.
    Roster,
    /// Units allocated, used, held and available.
    Balance,
    /// Changes with actor and reason.
    History,
    /// Allocation requests.
    Requests,
    /// Daily usage rollups.
    Usage,
    /// Reported usage whose member or service is unknown.
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

    /// The name in columns, metrics and commands.
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

/// No read model has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown read model: expected roster, balance, history, requests, usage or unattributed")]
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

/// The number of a build of a read model; each row has that of its build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Build(pub i32);

/// Consecutive events of one school.
#[derive(Clone, Copy, Debug)]
pub struct SchoolEvents<'a> {
    /// The school.
    pub school_id: SchoolId,
    /// The events.
    pub events: &'a [Recorded],
}

/// A projection: applies pages of schools' events to the tables of a read model.
#[async_trait]
pub trait Projection: std::fmt::Debug + Send + Sync + 'static {
    /// The read model.
    fn name(&self) -> ProjectionName;

    /// The kinds of events that it applies; `None` is all. It must ignore others: pages that it
    /// shares with another projection have them.
    fn kinds(&self) -> Option<&'static [Kind]>;

    /// Its tables, each with the columns `school_id` and `build`.
    fn tables(&self) -> &'static [&'static str];

    /// Applies the next events of some schools, each school once, without gaps. The caller has
    /// locked the checkpoints and advances them in the same transaction: no other process writes
    /// these schools' rows of this build.
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

/// The future of [`ReadModel::apply`].
pub type Applied<'a> = Pin<Box<dyn Future<Output = Result<(), ApplyError>> + Send + 'a>>;

/// A projection of this crate.
#[derive(Clone, Copy, Debug)]
pub struct ReadModel {
    /// See [`Projection::name`].
    pub name: ProjectionName,
    /// See [`Projection::kinds`].
    pub kinds: Option<&'static [Kind]>,
    /// See [`Projection::tables`].
    pub tables: &'static [&'static str],
    /// See [`Projection::apply_in_tx`].
    pub apply: for<'a> fn(&'a mut PgConnection, Build, &'a [SchoolEvents<'a>]) -> Applied<'a>,
}

#[async_trait]
impl Projection for ReadModel {
    fn name(&self) -> ProjectionName {
        self.name
    }

    fn kinds(&self) -> Option<&'static [Kind]> {
        self.kinds
    }

    fn tables(&self) -> &'static [&'static str] {
        self.tables
    }

    async fn apply_in_tx(
        &self,
        tx: &mut PgConnection,
        build: Build,
        page: &[SchoolEvents<'_>],
    ) -> Result<(), ApplyError> {
        (self.apply)(tx, build, page).await
    }
}
