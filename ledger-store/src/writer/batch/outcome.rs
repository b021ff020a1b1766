//! What becomes of the commands of a batch.

use std::collections::BTreeMap;
use std::ops::Range;

use ledger_core::{EventId, Period, Recorded, SchoolId, Seq};

use super::Batch;
use crate::writer::answer::{Answer, Receipt, StateView, WriteError};
use crate::writer::shard::Answers;
use crate::writer::state_cache::Cached;

/// What a committed batch leaves: answers in the order of the submissions, the states as they are
/// now, and the heads that moved.
pub(in crate::writer) struct Written {
    pub answers: Vec<Answers>,
    pub states: Vec<(SchoolId, Cached)>,
    pub moved: Vec<(SchoolId, Seq)>,
}

/// A command's outcome before the commit.
pub(super) enum Outcome {
    /// Its events stand at `range` of the batch's.
    Appended {
        range: Range<usize>,
        event_id: EventId,
        period: Period,
        view: StateView,
    },
    /// The events of an earlier command of this batch, which it repeats.
    Repeated {
        range: Range<usize>,
        event_id: EventId,
        period: Period,
        view: StateView,
    },
    /// An answer that needs no commit.
    Ready(Box<Answer>),
}

pub(super) type Outcomes = Result<Vec<Outcome>, WriteError>;

impl Batch {
    /// The batch is committed: its events become receipts.
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
        // A repeated command needs the events once more; of all others they are handed on.
        let repeated: BTreeMap<usize, Vec<Recorded>> = outcomes
            .iter()
            .flatten()
            .flatten()
            .filter_map(|outcome| match outcome {
                Outcome::Repeated { range, .. } => Some((
                    range.start,
                    events[range.clone()].iter().flatten().cloned().collect(),
                )),
                Outcome::Appended { .. } | Outcome::Ready(_) => None,
            })
            .collect();
        let mut answer = |outcome| {
            let (events, event_id, period, view, replayed) = match outcome {
                Outcome::Appended {
                    range,
                    event_id,
                    period,
                    view,
                } => (
                    events[range].iter_mut().filter_map(Option::take).collect(),
                    event_id,
                    period,
                    view,
                    false,
                ),
                Outcome::Repeated {
                    range,
                    event_id,
                    period,
                    view,
                } => {
                    let events = repeated.get(&range.start).cloned().unwrap_or_default();
                    (events, event_id, period, view, true)
                }
                Outcome::Ready(answer) => {
                    if answer.is_err() {
                        metrics::counter!("ledger_refusals_total").increment(1);
                    }
                    return *answer;
                }
            };
            let seq = events
                .last()
                .map_or(Seq::ZERO, |event: &Recorded| event.seq);
            Ok(Receipt {
                seq,
                event_id,
                events,
                replayed,
                period,
                view,
            })
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
