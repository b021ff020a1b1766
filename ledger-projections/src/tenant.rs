//! A read as one tenant: a transaction in which row-level security knows who looks.

use ledger_core::{MemberId, Role, SchoolId, Seq};
use ledger_store::{Database, DatabaseRole};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};

use crate::error::ReadError;
use crate::projection::ProjectionName;

/// Who looks, at which school.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The school; nothing of another is visible.
    pub school_id: SchoolId,
    /// In which role; the policies of the tables say what it sees.
    pub role: Role,
    /// Which member of the school he is, if he is one.
    pub member_id: Option<MemberId>,
}

impl Viewer {
    /// The statements that begin the transaction, in one message to Postgres. `SET LOCAL` and not
    /// `set_config()`, which Citus would not hand on; it takes no parameters, so the values are
    /// written out, and only a uuid and a word of ours ever are.
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

/// A read-only transaction bound to a viewer. Everything that is read in it is of one instant.
#[derive(Debug)]
pub struct TenantRead {
    tx: Transaction<'static, Postgres>,
    school_id: SchoolId,
}

impl TenantRead {
    /// Begins to read, in one round trip. Dropping it ends it too.
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

    /// The event up to which the live build of a read model counts; 0 when it has none yet.
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

    /// Ends the read and gives the connection back at once.
    ///
    /// # Errors
    /// [`ReadError::Database`] when Postgres fails; what was read before is good.
    pub async fn finish(self) -> Result<(), ReadError> {
        self.tx
            .commit()
            .await
            .map_err(ReadError::at("ending a read"))
    }
}
