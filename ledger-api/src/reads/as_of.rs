//! A school as it stood: after an event, or at an instant.

use ledger_core::{Refusal, SchoolId, SchoolState, Seq, Timestamp, at_instant};
use ledger_store::writer::load_as_of;
use ledger_store::{Database, DatabaseRole, StoreError, feed};
use sqlx::PgConnection;

use crate::problem::Problem;
use crate::values::{Instant, Position};

/// When a caller wants to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// Right after this event.
    Seq(Seq),
    /// At this instant, also where nobody has recorded yet what time had brought about by then.
    Instant(Timestamp),
}

impl AsOf {
    /// What the parameters `as_of_seq` and `as_of` say; none when neither is given.
    ///
    /// # Errors
    /// [`crate::problem::Code::InvalidRequest`] when both are given, or the instant is to come.
    pub fn of(
        seq: Option<Position>,
        instant: Option<Instant>,
        now: Timestamp,
    ) -> Result<Option<Self>, Problem> {
        match (seq, instant) {
            (Some(_), Some(_)) => {
                let said = "say as_of_seq or as_of, not both";
                Err(Problem::invalid(said).with("at", "as_of"))
            }
            (Some(position), None) => Ok(Some(Self::Seq(position.0))),
            (None, Some(instant)) if instant.0 > now => {
                let said = format!("as_of lies in the future: it is {now}");
                Err(Problem::invalid(said).with("at", "as_of"))
            }
            (None, Some(instant)) => Ok(Some(Self::Instant(instant.0))),
            (None, None) => Ok(None),
        }
    }

    /// The school as it stood then, and the last event that counts in it. Folded from the nearest
    /// snapshot by the service itself: a caller may not see every event that it takes, and is shown
    /// of it what he may.
    ///
    /// # Errors
    /// [`crate::problem::Code::SchoolNotFound`] when it was not registered yet,
    /// [`crate::problem::Code::InvalidRequest`] when its log ends before the event, or that the
    /// database is away.
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
                let said = format!("the log ends with event {head}");
                return Err(Problem::invalid(said).with("at", "as_of_seq"));
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
