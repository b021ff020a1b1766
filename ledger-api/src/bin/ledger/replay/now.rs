//! What time has brought about by an instant: the log may not say so yet, and it is so all the
//! same. A read of the API counts it too.

use ledger_core::{Actor, Recorded, SchoolId, SchoolState, Timestamp, due, evolve};

/// The state as the next command finds it.
pub fn at(mut state: SchoolState, school_id: SchoolId, now: Timestamp) -> SchoolState {
    let now = state.not_before_last(now);
    while let Some(due) = due(&state, now) {
        let recorded = Recorded {
            school_id,
            seq: state.head().next(),
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
