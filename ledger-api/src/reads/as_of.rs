//! A school after an event or at an instant in the past.

use ledger_core::{Refusal, SchoolId, SchoolState, Seq, Timestamp, at_instant};
use ledger_store::writer::load_as_of;
use ledger_store::{Database, DatabaseRole, StoreError, feed};
use sqlx::PgConnection;

use crate::problem::Problem;
use crate::values::{Instant, Position};

/// A point in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// Right after this event.
    Seq(Seq),
    /// At this instant, including events due by then that are not recorded yet.
    Instant(Timestamp),
}

impl AsOf {
    /// The point of the parameters `as_of_seq` and `as_of`; none if neither is given.
    ///
    /// # Errors
    /// [`crate::problem::Code::InvalidRequest`] when both are given, and for a future instant.
    pub fn of(
        seq: Option<Position>,
        instant: Option<Instant>,
        now: Timestamp,
    ) -> Result<Option<Self>, Problem> {
        match (seq, instant) {
            (Some(_), Some(_)) => {
                let detail = "give either as_of_seq or as_of, not both";
                Err(Problem::invalid(detail).at("as_of"))
            }
            (Some(position), None) => Ok(Some(Self::Seq(position.0))),
            (None, Some(instant)) if instant.0 > now => {
                let detail = format!("as_of is in the future: it is {now}");
                Err(Problem::invalid(detail).at("as_of"))
            }
            (None, Some(instant)) => Ok(Some(Self::Instant(instant.0))),
            (None, None) => Ok(None),
        }
    }

    /// The school at that point and its last event, folded from the nearest snapshot. The fold
    /// reads all events, also those that the caller may not see: the handler filters the result.
    ///
    /// # Errors
    /// [`crate::problem::Code::SchoolNotFound`] when the school was not registered yet,
    /// [`crate::problem::Code::InvalidRequest`] when the log ends before the event, or an error of
    /// the database.
    pub async fn load(
        self,
        database: &Database,
        school_id: SchoolId,
    ) -> Result<(SchoolState, Seq), Problem> {
        let pool = database.pool(DatabaseRole::Replayer);
        let mut conn = pool
            .acquire()
            .await
            .map_err(StoreError::at("connecting to read the past"))?;
        let seq = self.seq(&mut conn, school_id).await?;
        let state = load_as_of(&mut conn, school_id, Some(seq)).await?;
        let state = match self {
            Self::Seq(_) => state,
            Self::Instant(instant) => at_instant(state, school_id, instant),
        };
        Ok((state, seq))
    }

    async fn seq(self, conn: &mut PgConnection, school_id: SchoolId) -> Result<Seq, Problem> {
        let head = feed::head(conn, school_id).await?.unwrap_or(Seq::ZERO);
        let seq = match self {
            Self::Seq(seq) if seq > head && head > Seq::ZERO => {
                let detail = format!("the log ends with event {head}");
                return Err(Problem::invalid(detail).at("as_of_seq"));
            }
            Self::Seq(seq) => seq.min(head),
            Self::Instant(instant) => feed::seq_at(conn, school_id, instant).await?,
        };
        if seq == Seq::ZERO {
            return Err(Refusal::SchoolNotFound.into());
        }
        Ok(seq)
    }
}
