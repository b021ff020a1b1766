//! The parts of an answer that describe the state: accounts, school, billing cycle.

use ledger_core::allocation::{AllocationCommand, HolderName};
use ledger_core::decider::{accounts, school_view};
use ledger_core::{Action, Context, MemberId, Owner, Period, SchoolId, SchoolState, Timestamp};

use super::Batch;
use super::context::Input;
use crate::writer::answer::StateView;

impl Batch {
    /// Returns the state of the command's subject.
    pub(super) fn view_before(&self, input: &Input<'_>) -> StateView {
        let action = input.action();
        self.state(input.school_id)
            .map_or_else(StateView::default, |state| StateView {
                accounts: accounts(&self.catalogue, state, action, &input.context),
                school: school_view(state, action).map(Box::new),
                row_members: row_members(action, &input.context),
            })
    }

    /// Returns the state of the command's subject after its events, as far as the events do not
    /// contain it: new terms of an allocation do not contain its amount.
    pub(super) fn view_after(&self, input: &Input<'_>) -> StateView {
        let action = input.action();
        match action {
            Action::Allocation(AllocationCommand::Apply { as_batch, .. }) if !as_batch => {
                self.view_before(input)
            }
            Action::School(_)
            | Action::Department(_)
            | Action::Allocation(_)
            | Action::Request(_)
            | Action::Usage(_) => StateView {
                row_members: row_members(action, &input.context),
                ..StateView::default()
            },
        }
    }

    /// Returns the billing cycle of a decision: the current one, even if the command's clock is
    /// behind.
    pub(super) fn period_now(&self, input: &Input<'_>) -> Period {
        let now = input.envelope.command.now;
        let now = self
            .state(input.school_id)
            .map_or(now, |state| state.not_before_last(now));
        self.period_at(input.school_id, now)
    }

    pub(super) fn period_at(&self, school_id: SchoolId, instant: Timestamp) -> Period {
        period_at(self.state(school_id), instant)
    }
}

/// Returns the billing cycle at `instant`; an empty one if there is no school.
pub(super) fn period_at(state: Option<&SchoolState>, instant: Timestamp) -> Period {
    match state.and_then(|state| state.school().ok()) {
        Some(school) if instant < school.period.start => school.cycles.period_at(instant),
        Some(school) => school.period,
        None => Period {
            start: instant,
            end: instant,
        },
    }
}

/// Returns the member of each row of an allocation command that identifies members by external id;
/// `None` for an external id without an owner and for a department.
fn row_members(action: &Action, context: &Context) -> Vec<Option<MemberId>> {
    let Action::Allocation(command) = action else {
        return Vec::new();
    };
    let rows = command.rows();
    let is_external = |name: &HolderName| matches!(name, HolderName::Owner(Owner::External(_)));
    if !rows.iter().any(|row| is_external(&row.holder)) {
        return Vec::new();
    }
    rows.iter()
        .map(|row| context.holder(&row.holder).ok()?.member_id())
        .collect()
}
