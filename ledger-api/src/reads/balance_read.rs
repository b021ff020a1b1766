//! From a caller to a balance, which is exact at his clock.

use ledger_core::{SchoolId, Seq, Timestamp};
use ledger_projections::{ProjectionName, TenantRead, Viewer, balance};
use ledger_store::writer::Envelope;

use super::freshness::begin_read;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use crate::values::{Day, Position};
use ledger_auth::Credential;

/// Begins to read balances as [`begin_read`] does. When the period has ended by now and nobody has
/// said so yet, this read is the first to: the writer records it, as before any command, and the
/// read waits for that.
///
/// Not folded in memory instead: a teacher, whose read it may be, does not see the events of others
/// that it takes. And it is once in a school's month.
///
/// # Errors
/// Those of [`begin_read`], or that the log cannot be written.
pub async fn begin_balance_read(
    state: &AppState,
    caller: &Credential,
    viewer: Viewer,
    min_seq: Option<Position>,
    now: Timestamp,
) -> Result<TenantRead, Problem> {
    let name = ProjectionName::Balance;
    let mut read = begin_read(state, caller, viewer, name, min_seq).await?;
    if !balance::read::period_has_ended(&mut read, now).await? {
        return Ok(read);
    }
    read.finish().await?;
    let rolled = catch_up(state, viewer.school_id, now).await?;
    let asked = min_seq.map_or(Seq::ZERO, |position| position.0);
    let min_seq = Some(rolled.max(asked).into());
    begin_read(state, caller, viewer, name, min_seq).await
}

async fn catch_up(state: &AppState, school: SchoolId, now: Timestamp) -> Result<Seq, Problem> {
    let answer = state.writer.submit(school, Envelope::catch_up(now)).await?;
    Ok(answer?.seq)
}

/// A school has no period that this day lies in: it has not begun, or the school had not.
#[must_use]
pub fn no_period_of(Day(day): Day) -> Problem {
    Problem::new(
        Code::PeriodNotFound,
        format!("no billing period of the school contains {day}"),
    )
}
