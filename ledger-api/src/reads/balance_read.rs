//! The start of reads of balances, which are exact at the time of the read.

use ledger_core::{SchoolId, Seq, Timestamp};
use ledger_projections::{ProjectionName, TenantRead, Viewer, balance};
use ledger_store::writer::Envelope;

use super::freshness::begin_read;
use crate::problem::{Code, Problem};
use crate::state::AppState;
use crate::values::{Day, Position};
use ledger_auth::Credential;

/// Begins a read of balances as [`begin_read`] does. If the period has ended but its end is not
/// recorded yet, the writer records it first, as before any command.
///
/// The alternative, a fold in memory, needs events that a teacher may not see. The extra write
/// happens once per school and period.
///
/// # Errors
/// Those of [`begin_read`] and of the writer.
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
    let caught_up = catch_up(state, viewer.school_id, now).await?;
    let requested = min_seq.map_or(Seq::ZERO, |position| position.0);
    let min_seq = Some(caught_up.max(requested).into());
    begin_read(state, caller, viewer, name, min_seq).await
}

async fn catch_up(state: &AppState, school: SchoolId, now: Timestamp) -> Result<Seq, Problem> {
    let answer = state.writer.submit(school, Envelope::catch_up(now)).await?;
    Ok(answer?.seq)
}

/// No period of the school contains this day: it is in the future or before the registration.
#[must_use]
pub fn no_period_of(Day(day): Day) -> Problem {
    Problem::new(
        Code::PeriodNotFound,
        format!("no billing period of the school contains {day}"),
    )
}
