//! The two functions that everything else serves: [`decide`] and [`evolve`].

use crate::actor::Actor;
use crate::allocation::{self, AllocationCommand, Holder, Line};
use crate::catalog::Event;
use crate::context::Context;
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
use crate::usage::{self, UsageCommand};

/// What somebody asks of a school, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// Who asks.
    pub actor: Actor,
    /// The clock at the edge; one that is behind the stream counts as the stream's last instant.
    pub now: Timestamp,
    /// What is asked.
    pub action: Action,
}

/// What can be asked, by noun.
#[derive(Clone, Debug, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "the large one is the hot one: a box would cost each debit"
)]
pub enum Action {
    /// Of the school itself and its members.
    School(SchoolCommand),
    /// Of departments and who is in them.
    Department(DepartmentCommand),
    /// Of allocations.
    Allocation(AllocationCommand),
    /// Of requests for units.
    Request(RequestCommand),
    /// Of usage.
    Usage(UsageCommand),
}

/// Something that a decision brings about.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// When it happened in the world; when it was recorded is the append's to say.
    pub occurred_at: Timestamp,
    /// What happened.
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

/// An event as it stands in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Whose stream.
    pub school_id: SchoolId,
    /// Where in the stream.
    pub seq: Seq,
    /// Its identity in the school.
    pub event_id: EventId,
    /// Who brought it about.
    pub actor: Actor,
    /// When it happened in the world.
    pub occurred_at: Timestamp,
    /// When it was recorded; never before the event that precedes it.
    pub recorded_at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// Something that comes about without anybody asking for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// The key of its event.
    pub key: CommandKey,
    /// What happens, with the due time.
    pub fact: Fact,
}

/// What the command brings about, or why it is refused. No events: it is so already.
///
/// The state must have taken in everything that is [`due`] by the command's `now`.
///
/// # Errors
/// The [`Refusal`] that explains itself.
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

/// The first thing that nobody asks for, that has come about by `now` and is not recorded yet: a
/// hold or a request ran out, a period ended, an allocation was renewed or lapsed with it, or a hold
/// that closed left units with a member who is gone. Time never runs backwards here either. Ask
/// again after taking it in, until there is none.
///
/// In the order of time; of what comes about at the same instant, a hold comes before a request and
/// both before the end of a period: what runs out at its very end does so in it. What a roll leaves
/// to be told comes before anything else.
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
    let roll = period::due_rollover(state, now).map(|(key, fact)| Due { key, fact });
    hold.into_iter()
        .chain(request)
        .chain(roll)
        .min_by_key(|due| due.fact.occurred_at)
}

/// Takes one recorded event into the state.
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

/// The state at the instant `now`, also where nobody has recorded yet what time has brought about
/// by then: as the next command finds it.
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

/// What the events amount to, from the first one on.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> SchoolState {
    let mut state = SchoolState::default();
    for event in events {
        evolve(&mut state, event);
    }
    state
}

/// What a holder has of a service, as a command's answer shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountView {
    /// Whose.
    pub holder: Holder,
    /// Of which service.
    pub service: ServiceId,
    /// The account: the holder's own line, or what is drawn on instead of a member's.
    pub line: Line,
}

/// What a school bought and its own rules, as a command's answer shows them.
#[derive(Clone, Debug, PartialEq)]
pub struct SchoolView {
    /// The school.
    pub school: School,
    /// Units of each service in a period.
    pub totals: Quotas,
}

/// The school that an action is about, when it is about what it bought or its own rules.
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

/// The event that last changed what a command is about: the request that it closes, or else what
/// the school bought and its own rules. Nothing when there is none that the actor may know of.
#[must_use]
pub fn version(state: &SchoolState, command: &Command, context: &Context) -> Option<Seq> {
    match &command.action {
        Action::Request(closing) => request::version(state, command.actor, closing, context),
        Action::School(_) | Action::Department(_) | Action::Allocation(_) | Action::Usage(_) => {
            state.school().ok().map(|school| school.version)
        }
    }
}

/// The accounts that an action is about.
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
        // The answer to an import is made of its events alone.
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
        match self {
            Self::Usage(UsageCommand::Debit(debit)) => Some(&debit.owner),
            Self::Usage(UsageCommand::PlaceHold(hold)) => Some(&hold.owner),
            Self::Usage(_)
            | Self::School(_)
            | Self::Department(_)
            | Self::Allocation(_)
            | Self::Request(_) => None,
        }
    }
}
