//! The two functions that everything else serves: [`decide`] and [`evolve`].

use crate::actor::Actor;
use crate::allocation::{self, AllocationCommand};
use crate::catalog::Event;
use crate::ids::{CommandKey, EventId, SchoolId, Seq};
use crate::plan::Catalogue;
use crate::refusal::Refusal;
use crate::school::{self, SchoolCommand};
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
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the hot one: a box would cost each debit"
)]
pub enum Action {
    /// Of the school itself and its members.
    School(SchoolCommand),
    /// Of allocations.
    Allocation(AllocationCommand),
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

/// Something that time alone brings about.
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
) -> Result<Vec<Fact>, Refusal> {
    let now = state.not_before_last(command.now);
    let events = match &command.action {
        Action::School(command) => school::decide(catalogue, state, now, command)?,
        Action::Allocation(command) => allocation::decide(catalogue, state, command)?,
        Action::Usage(command) => return usage::decide(catalogue, state, now, command),
    };
    Ok(events
        .into_iter()
        .map(|event| Fact {
            occurred_at: now,
            event,
        })
        .collect())
}

/// The first thing that time alone has brought about by `now` and that is not recorded yet.
/// Ask again after taking it in, until there is none.
#[must_use]
pub fn due(state: &SchoolState, now: Timestamp) -> Option<Due> {
    usage::due(state, now).map(|(hold_id, fact)| Due {
        key: CommandKey::HoldExpiry(hold_id),
        fact,
    })
}

/// Takes one recorded event into the state.
pub fn evolve(state: &mut SchoolState, recorded: &Recorded) {
    match &recorded.event {
        Event::School(event) => school::evolve(state, event),
        Event::Allocation(event) => allocation::evolve(state, event),
        Event::Usage(event) => usage::evolve(state, event),
    }
    state.head = recorded.seq;
    state.last_at = state.last_at.max(recorded.recorded_at);
}

/// What the events amount to, from the first one on.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> SchoolState {
    let mut state = SchoolState::default();
    for event in events {
        evolve(&mut state, event);
    }
    state
}
