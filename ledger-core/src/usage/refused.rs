//! What is kept of usage that was refused: enough to say who ran out of what, how often and when.

use super::command::UsageCommand;
use super::decide::metered;
use super::event::{RefusedFor, UsageEvent, UsageRefused};
use crate::catalog::Event;
use crate::decider::{Action, Command, Fact};
use crate::plan::Catalogue;
use crate::quantity::Units;
use crate::refusal::{Refusal, Rule};
use crate::state::SchoolState;

/// What is to be kept of a refused command: a member's debit or hold of a known service. What
/// nobody's is, or of nothing, is not kept: anybody could fill the log with names.
#[must_use]
pub fn refused(
    catalogue: &Catalogue,
    command: &Command,
    refusal: &Refusal,
) -> Option<UsageRefused> {
    let (member_id, name, asked) = match &command.action {
        Action::Usage(UsageCommand::Debit(debit)) => {
            let service = catalogue.resolve(&debit.service)?;
            let units = metered(catalogue, service, debit.units, &debit.call);
            (debit.member_id, &debit.service, units.ok()?)
        }
        Action::Usage(UsageCommand::PlaceHold(hold)) => (hold.member_id, &hold.service, hold.units),
        Action::Usage(
            UsageCommand::Settle(_)
            | UsageCommand::Release(_)
            | UsageCommand::NoteRefused(_)
            | UsageCommand::Report(_)
            | UsageCommand::Attribute(_)
            | UsageCommand::Correct(_),
        )
        | Action::School(_)
        | Action::Department(_)
        | Action::Allocation(_)
        | Action::Request(_) => return None,
    };
    let is_short = |refusal: &Refusal| matches!(refusal, Refusal::Shortfall(shortfall) if shortfall.rule == Rule::QuotaExceeded);
    let reason = if is_short(refusal) {
        RefusedFor::QuotaExceeded
    } else if matches!(refusal, Refusal::MemberSuspended { .. }) {
        RefusedFor::MemberSuspended
    } else {
        return None;
    };
    Some(UsageRefused {
        member_id,
        department_id: None, // the state says it, when it is recorded
        service: catalogue.resolve(name)?.clone(),
        reason,
        minute: command.now.start_of_minute(),
        times: Units::new(1).unwrap_or(Units::ZERO),
        units: asked,
    })
}

/// Refusals are kept as they are told, of anybody who ever was a member.
pub(super) fn note(state: &SchoolState, refused: &UsageRefused) -> Result<Fact, Refusal> {
    state.school()?;
    let refused = UsageRefused {
        department_id: state.member(refused.member_id)?.department_id,
        ..refused.clone()
    };
    Ok(Fact {
        occurred_at: refused.minute,
        event: Event::Usage(UsageEvent::Refused(refused)),
    })
}
