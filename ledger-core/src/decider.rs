//! The decider: [`decide`] and [`evolve`], and the commands, events and views around them.

use crate::actor::Actor;
use crate::allocation::{self, AllocationCommand, Holder, Line};
use crate::catalog::Event;
use crate::context::{Context, Needs};
use crate::department::{self, DepartmentCommand};
use crate::ids::{CommandKey, EventId, Owner, SchoolId, Seq};
use crate::period;
use crate::plan::{Catalogue, Quotas};
use crate::refusal::Refusal;
use crate::request::{self, RequestCommand};
use crate::school::{self, School, SchoolCommand};
use crate::service::ServiceId;
use crate::state::SchoolState;
use crate::time::Timestamp;
use crate::usage::{self, Debit, PlaceHold, UsageCommand};

/// A command to a school.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// The actor.
    pub actor: Actor,
    /// The time at the edge. A time before the stream's last instant counts as that instant.
    pub now: Timestamp,
    /// The action.
    pub action: Action,
}

/// The action of a command, by noun.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "the large one is the hot one: a box would cost each debit"
)]
pub enum Action {
    /// On the school itself and its members.
    School(SchoolCommand),
    /// On departments and their members.
    Department(DepartmentCommand),
    /// On allocations.
    Allocation(AllocationCommand),
    /// On requests.
    Request(RequestCommand),
    /// On usage.
    Usage(UsageCommand),
}

/// An event that a decision produces.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// The time of the event in the world. The append sets the time of recording.
    pub occurred_at: Timestamp,
    /// The event.
    pub event: Event,
}

impl Fact {
    pub(crate) fn new(occurred_at: Timestamp, event: impl Into<Event>) -> Self {
        Self {
            occurred_at,
            event: event.into(),
        }
    }
}

/// An event in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The school whose stream has the event.
    pub school_id: SchoolId,
    /// The position in the stream.
    pub seq: Seq,
    /// The identity in the school.
    pub event_id: EventId,
    /// The actor of its command.
    pub actor: Actor,
    /// The time of the event in the world.
    pub occurred_at: Timestamp,
    /// The time of recording, never before that of the preceding event.
    pub recorded_at: Timestamp,
    /// The event.
    pub event: Event,
}

/// An event that time alone causes.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// The key of the event.
    pub key: CommandKey,
    /// The event, with its due time.
    pub fact: Fact,
}

/// Decides a command. Without events, nothing would change.
///
/// Every event that is [`due`] by the command's `now` must be applied to the state before.
///
/// # Errors
/// The [`Refusal`].
pub fn decide(
    catalogue: &Catalogue,
    state: &SchoolState,
    command: &Command,
    context: &Context,
) -> Result<Vec<Fact>, Refusal> {
    let now = state.not_before_last(command.now);
    let actor = command.actor;
    let events = match &command.action {
        Action::School(command) => school::decide(catalogue, state, now, command, context)?,
        Action::Department(command) => department::decide(catalogue, state, command)?,
        Action::Allocation(command) => allocation::decide(catalogue, state, command, context)?,
        Action::Request(command) => {
            request::decide(catalogue, state, actor, now, command, context)?
        }
        Action::Usage(command) => return usage::decide(catalogue, state, now, command, context),
    };
    Ok(events
        .into_iter()
        .map(|event| Fact {
            occurred_at: now,
            event,
        })
        .collect())
}

/// The first unrecorded event that time alone causes by `now`: the expiry of a hold or request, the
/// end of a period, the renewals after it, or the return of units that a closed hold left with a
/// removed member. Apply it and call again until there is none.
///
/// In the order of time. At one instant a hold precedes a request and both precede the end of a
/// period, so that an expiry at the end of a period counts in it. Open renewals precede everything.
#[must_use]
pub fn due(state: &SchoolState, now: Timestamp) -> Option<Due> {
    if let Some((key, fact)) = period::due_renewals(state) {
        return Some(Due { key, fact });
    }
    if let Some(event) = allocation::due(state) {
        return Some(Due {
            key: CommandKey::Consequence(state.head),
            fact: Fact {
                occurred_at: state.last_at,
                event,
            },
        });
    }
    let now = state.not_before_last(now);
    let hold = usage::due(state, now).map(|(hold_id, fact)| Due {
        key: CommandKey::HoldExpiry(hold_id),
        fact,
    });
    let request = request::due(state, now).map(|(request_id, fact)| Due {
        key: CommandKey::RequestExpiry(request_id),
        fact,
    });
    let rollover = period::due_rollover(state, now).map(|(key, fact)| Due { key, fact });
    hold.into_iter()
        .chain(request)
        .chain(rollover)
        .min_by_key(|due| due.fact.occurred_at)
}

/// Applies one recorded event to the state.
pub fn evolve(state: &mut SchoolState, recorded: &Recorded) {
    match &recorded.event {
        Event::School(event) => school::evolve(state, recorded.seq, event),
        Event::Department(event) => department::evolve(state, event),
        Event::Allocation(event) => allocation::evolve(state, recorded.seq, event),
        Event::Request(event) => request::evolve(state, recorded.seq, event),
        Event::Usage(event) => usage::evolve(state, recorded.recorded_at, event),
        Event::Period(event) => period::evolve(state, recorded.seq, event),
    }
    state.head = recorded.seq;
    state.last_at = state.last_at.max(recorded.recorded_at);
}

/// The state at the instant `now`, with all due events applied, recorded or not: as the next
/// command finds it.
#[must_use]
pub fn at_instant(mut state: SchoolState, school_id: SchoolId, now: Timestamp) -> SchoolState {
    let now = state.not_before_last(now);
    while let Some(due) = due(&state, now) {
        let recorded = Recorded {
            school_id,
            seq: state.head.next(),
            event_id: due.key.first_event_id(),
            actor: Actor::SYSTEM,
            occurred_at: due.fact.occurred_at,
            recorded_at: now,
            event: due.fact.event,
        };
        evolve(&mut state, &recorded);
    }
    state
}

/// Folds all events of a stream into its state.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> SchoolState {
    let mut state = SchoolState::default();
    for event in events {
        evolve(&mut state, event);
    }
    state
}

/// A holder's account of a service, for the answer to a command.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountView {
    /// The holder.
    pub holder: Holder,
    /// The service.
    pub service: ServiceId,
    /// The account: the holder's own line, or the one that a member draws on in its place.
    pub line: Line,
}

/// The subscription and settings of a school, for the answer to a command.
#[derive(Clone, Debug, PartialEq)]
pub struct SchoolView {
    /// The school.
    pub school: School,
    /// The total of each service per period.
    pub totals: Quotas,
}

/// The subscription and settings, for an action on them.
#[must_use]
pub fn school_view(state: &SchoolState, action: &Action) -> Option<SchoolView> {
    let Action::School(SchoolCommand::SetSubscription(_) | SchoolCommand::ChangeSettings(_)) =
        action
    else {
        return None;
    };
    Some(SchoolView {
        school: state.school().ok()?.clone(),
        totals: state.totals(),
    })
}

/// The version of a command's subject: the event that last changed the request to close, or else
/// the subscription and settings. `None` if the actor may not see the subject or it does not exist.
#[must_use]
pub fn version(state: &SchoolState, command: &Command, context: &Context) -> Option<Seq> {
    match &command.action {
        Action::Request(closing) => request::version(state, command.actor, closing, context),
        Action::School(_) | Action::Department(_) | Action::Allocation(_) | Action::Usage(_) => {
            state.school().ok().map(|school| school.version)
        }
    }
}

/// The accounts that an action names.
#[must_use]
pub fn accounts(
    catalogue: &Catalogue,
    state: &SchoolState,
    action: &Action,
    context: &Context,
) -> Vec<AccountView> {
    let view = |holder, name: &str| {
        let service = catalogue.resolve(name)?.clone();
        let line = state.line(holder, &service);
        Some(AccountView {
            holder,
            service,
            line,
        })
    };
    match action {
        Action::School(_) | Action::Department(_) | Action::Request(_) => Vec::new(),
        Action::Allocation(AllocationCommand::Apply { rows, .. }) => rows
            .iter()
            .filter_map(|row| view(context.holder(&row.holder).ok()?, &row.service))
            .collect(),
        // The answer to an import consists of its events.
        Action::Allocation(
            AllocationCommand::Import { .. }
            | AllocationCommand::Suspend { .. }
            | AllocationCommand::Reactivate { .. },
        ) => Vec::new(),
        Action::Usage(command) => usage::account(state, command, context)
            .into_iter()
            .collect(),
    }
}

impl Action {
    /// The member whose quota the action would use, if it is a debit or a hold.
    #[must_use]
    pub const fn spender(&self) -> Option<&Owner> {
        if let Self::Usage(UsageCommand::Debit(Debit { owner, .. })) = self {
            Some(owner)
        } else if let Self::Usage(UsageCommand::PlaceHold(PlaceHold { owner, .. })) = self {
            Some(owner)
        } else {
            None
        }
    }
}

impl Action {
    /// What the decision of this action needs besides the state.
    #[must_use]
    pub fn needs(&self) -> Needs<'_> {
        match self {
            Self::School(command) => command.needs(),
            Self::Department(_) => Needs::default(),
            Self::Allocation(command) => command.needs(),
            Self::Request(command) => command.needs(),
            Self::Usage(command) => command.needs(),
        }
    }
}
