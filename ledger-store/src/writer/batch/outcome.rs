//! The outcomes of the commands of a batch.

use std::collections::BTreeMap;
use std::ops::Range;

use ledger_core::{EventId, Period, Recorded, SchoolId, Seq};

use super::Batch;
use crate::writer::answer::{Answer, Receipt, StateView, WriteError};
use crate::writer::state_cache::Cached;
use crate::writer::submission::Answers;

/// The result of a committed batch: answers in the order of the submissions, the new states, and
/// the heads that moved.
pub(in crate::writer) struct Written {
    pub answers: Vec<Answers>,
    pub states: Vec<(SchoolId, Cached)>,
    pub moved: Vec<(SchoolId, Seq)>,
}

/// The outcome of a command before the commit.
pub(super) enum Outcome {
    /// The events at `range` of the batch: appended by this command, or by the earlier command that
    /// it replays.
    Events {
        range: Range<usize>,
        event_id: EventId,
        period: Period,
        view: StateView,
        replayed: bool,
    },
    /// An answer that is independent of the commit.
    Ready(Box<Answer>),
}

pub(super) type Outcomes = Result<Vec<Outcome>, WriteError>;

impl Outcome {
    /// Returns the range of the events that the command itself appended.
    pub fn appended(&self) -> Option<Range<usize>> {
        match self {
            Self::Events {
                range,
                replayed: false,
                ..
            } => Some(range.clone()),
            Self::Events { .. } | Self::Ready(_) => None,
        }
    }
}

impl Batch {
    /// Turns the outcomes into answers after the commit.
    pub(super) fn finish(self, outcomes: Vec<Outcomes>) -> Written {
        let moved: Vec<_> = self
            .moved_heads()
            .iter()
            .map(|head| (head.school_id, head.after))
            .collect();
        let mut events: Vec<Option<Recorded>> = self
            .events
            .into_iter()
            .map(|new| Some(new.recorded))
            .collect();
        let replayed = replayed_events(&outcomes, &events);
        let mut answer = |outcome| match outcome {
            Outcome::Events {
                range,
                event_id,
                period,
                view,
                replayed: is_replayed,
            } => {
                let events: Vec<Recorded> = if is_replayed {
                    replayed.get(&range.start).cloned().unwrap_or_default()
                } else {
                    events[range].iter_mut().filter_map(Option::take).collect()
                };
                Ok(Receipt {
                    seq: events.last().map_or(Seq::ZERO, |event| event.seq),
                    event_id,
                    events,
                    replayed: is_replayed,
                    period,
                    view,
                })
            }
            Outcome::Ready(answer) => {
                if answer.is_err() {
                    metrics::counter!("ledger_refusals_total").increment(1);
                }
                *answer
            }
        };
        let answers = outcomes
            .into_iter()
            .map(|outcomes| outcomes.map(|all| all.into_iter().map(&mut answer).collect()))
            .collect();
        let states = self
            .streams
            .into_iter()
            .filter(|(_, stream)| stream.head.is_some())
            .map(|(school_id, stream)| (school_id, stream.cached))
            .collect();
        Written {
            answers,
            states,
            moved,
        }
    }
}

/// Copies the events of replayed commands, by the start of their range. All others are moved.
fn replayed_events(
    outcomes: &[Outcomes],
    events: &[Option<Recorded>],
) -> BTreeMap<usize, Vec<Recorded>> {
    let all = outcomes.iter().flatten().flatten();
    all.filter_map(|outcome| match outcome {
        Outcome::Events {
            range,
            replayed: true,
            ..
        } => {
            let events = events[range.clone()].iter().flatten().cloned().collect();
            Some((range.start, events))
        }
        Outcome::Events { .. } | Outcome::Ready(_) => None,
    })
    .collect()
}
