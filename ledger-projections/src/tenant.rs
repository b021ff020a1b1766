//! A read as one tenant: a transaction that is bound to a viewer by row-level security.

use ledger_core::{MemberId, Role, SchoolId, Seq};
use ledger_store::{Database, DatabaseRole};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};

use crate::error::ReadError;
use crate::projection::ProjectionName;

/// The viewer of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The school; no other is visible.
    pub school_id: SchoolId,
    /// The role; the policies of the tables decide which rows it sees.
    pub role: Role,
    /// The viewer's member, if they are one.
    pub member_id: Option<MemberId>,
}

impl Viewer {
    /// The statements that begin the transaction, in one message to Postgres. `SET LOCAL` rather
    /// than `set_config()`, which Citus does not propagate. It takes no parameters; the
    /// interpolated values are UUIDs and the name of a role.
    fn begin(&self) -> String {
        let mut sql = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
             SET LOCAL app.school_id = '{}'; SET LOCAL app.role = '{}'",
            self.school_id.0.as_hyphenated(),
            self.role.as_str(),
        );
        if let Some(member_id) = self.member_id {
            sql.push_str("; SET LOCAL app.member_id = '");
            sql.push_str(&member_id.0.as_hyphenated().to_string());
            sql.push('\'');
        }
        sql
    }
}

/// A read-only transaction bound to a viewer, on one snapshot of the database.
#[derive(Debug)]
pub struct TenantRead {
    tx: Transaction<'static, Postgres>,
    school_id: SchoolId,
}

impl TenantRead {
    /// Begins the transaction, in one round trip. Dropping it ends it, too.
    ///
    /// # Errors
    /// [`ReadError::Database`] when Postgres cannot be reached.
    pub async fn begin(database: &Database, viewer: &Viewer) -> Result<Self, ReadError> {
        let tx = database
            .pool(DatabaseRole::Reader)
            .begin_with(AssertSqlSafe(viewer.begin()))
            .await
            .map_err(ReadError::at("beginning to read"))?;
        Ok(Self {
            tx,
            school_id: viewer.school_id,
        })
    }

    /// The viewer's school.
    #[must_use]
    pub const fn school_id(&self) -> SchoolId {
        self.school_id
    }

    /// The transaction's connection, for reading the log as the viewer.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// The last event that the live build of a read model has applied; 0 without any.
    ///
    /// # Errors
    /// [`ReadError::Database`] when Postgres fails.
    pub async fn seq_of(&mut self, name: ProjectionName) -> Result<Seq, ReadError> {
        sqlx::query_scalar!(
            "SELECT c.seq FROM live_build($2) AS live
               JOIN projection_checkpoint AS c
                 ON c.school_id = $1 AND c.name = $2 AND c.build = live.build",
            self.school_id.0,
            name.as_str(),
        )
        .fetch_optional(&mut *self.tx)
        .await
        .map(|seq| seq.map_or(Seq::ZERO, Seq))
        .map_err(ReadError::at("reading a checkpoint"))
    }

    /// Ends the transaction and returns the connection to the pool.
    ///
    /// # Errors
    /// [`ReadError::Database`] when Postgres fails; results read before are valid.
    pub async fn finish(self) -> Result<(), ReadError> {
        self.tx
            .commit()
            .await
            .map_err(ReadError::at("ending a read"))
    }
}
