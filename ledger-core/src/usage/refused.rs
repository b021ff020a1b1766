//! Records of refused usage: which member ran out of what, how often and when.

use super::command::UsageCommand;
use super::event::{RefusedFor, UsageEvent, UsageRefused};
use super::meter::metered;
use crate::decider::{Action, Command, Fact};
use crate::ids::MemberId;
use crate::plan::Catalogue;
use crate::quantity::Units;
use crate::refusal::{Refusal, Rule};
use crate::state::SchoolState;

/// The record of a refused command: a debit or hold of a known member and service. Others are not
/// recorded, since anyone could fill the log with names. `member_id` is the resolved owner.
#[must_use]
pub fn refused(
    catalogue: &Catalogue,
    command: &Command,
    member_id: Option<MemberId>,
    refusal: &Refusal,
) -> Option<UsageRefused> {
    let (name, asked) = match &command.action {
        Action::Usage(UsageCommand::Debit(debit)) => {
            let service = catalogue.resolve(&debit.service)?;
            let units = metered(catalogue, service, debit.units, &debit.call);
            (&debit.service, units?)
        }
        Action::Usage(UsageCommand::PlaceHold(hold)) => (&hold.service, hold.units),
        Action::Usage(_)
        | Action::School(_)
        | Action::Department(_)
        | Action::Allocation(_)
        | Action::Request(_) => return None,
    };
    let is_short = |refusal: &Refusal| {
        let Refusal::Shortfall(shortfall) = refusal else {
            return false;
        };
        shortfall.rule == Rule::QuotaExceeded
    };
    let reason = if is_short(refusal) {
        RefusedFor::QuotaExceeded
    } else if matches!(refusal, Refusal::MemberSuspended { .. }) {
        RefusedFor::MemberSuspended
    } else {
        return None;
    };
    Some(UsageRefused {
        member_id: member_id?,
        department_id: None, // set when it is recorded
        service: catalogue.resolve(name)?.clone(),
        reason,
        minute: command.now.start_of_minute(),
        times: Units::ONE,
        units: asked,
    })
}

/// Records refusals of a present or past member.
pub(super) fn note(state: &SchoolState, refused: &UsageRefused) -> Result<Fact, Refusal> {
    state.school()?;
    let refused = UsageRefused {
        department_id: state.member(refused.member_id)?.department_id,
        ..refused.clone()
    };
    Ok(Fact::new(refused.minute, UsageEvent::Refused(refused)))
}
