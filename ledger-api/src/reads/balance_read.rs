//! The start of reads of balances, which are exact at the time of the read.

use ledger_core::Seq;
use ledger_projections::{ProjectionName, TenantRead, balance};
use ledger_store::writer::Envelope;

use crate::auth::SchoolPermit;
use crate::problem::{Code, Problem};
use crate::state::Caller;
use crate::values::{Day, Position};

impl<P: SchoolPermit> Caller<P> {
    /// Begins a read of balances as [`Caller::read`] does. If the period has ended but its end is
    /// not recorded yet, the writer records it first, as before any command.
    ///
    /// The alternative, a fold in memory, needs events that a teacher may not see. The extra write
    /// happens once per school and period.
    ///
    /// # Errors
    /// Those of [`Caller::read`] and of the writer.
    pub async fn read_balances(&self, min_seq: Option<Position>) -> Result<TenantRead, Problem> {
        let name = ProjectionName::Balance;
        let mut read = self.read(name, min_seq).await?;
        if !balance::read::period_has_ended(&mut read, self.now).await? {
            return Ok(read);
        }
        read.finish().await?;
        let catch_up = Envelope::catch_up(self.now);
        let caught_up = self.state.writer.submit(self.school(), catch_up).await??;
        let requested = min_seq.map_or(Seq::ZERO, |position| position.0);
        self.read(name, Some(caught_up.seq.max(requested).into()))
            .await
    }
}

/// No period of the school contains this day: it is in the future or before the registration.
#[must_use]
pub fn no_period_of(Day(day): Day) -> Problem {
    Problem::new(
        Code::PeriodNotFound,
        format!("no billing period of the school contains {day}"),
    )
}
