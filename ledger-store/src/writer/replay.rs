//! A command that the log holds already: its first outcome, from the events that it left.

use ledger_core::catalog::Event;
use ledger_core::usage::{UsageCommand, UsageEvent};
use ledger_core::{Action, Fingerprint, Recorded, Refusal, SchoolId, Seq};
use sqlx::PgConnection;

use super::answer::RefusedBy;
use super::envelope::Envelope;
use crate::error::StoreError;
use crate::feed;

/// Events read at a time while looking for the rest of a command's; most have one.
const PAGE: i64 = 64;

/// Whether the command under this key is the one that left `first`.
pub(super) fn check(
    envelope: &Envelope,
    first: &Recorded,
    fingerprint: Option<Fingerprint>,
) -> Result<(), RefusedBy> {
    if let Some(refusal) = closed_otherwise(&envelope.command.action, &first.event) {
        return Err(RefusedBy::Rule(Box::new(refusal)));
    }
    if fingerprint == Some(envelope.fingerprint) || first_one_wins(&envelope.command.action) {
        Ok(())
    } else {
        Err(RefusedBy::KeyReused)
    }
}

/// A report comes from somewhere that cannot be told that it is wrong: whatever else is said under
/// the id of one that is recorded, the first one stands.
const fn first_one_wins(action: &Action) -> bool {
    matches!(action, Action::Usage(UsageCommand::Report(_)))
}

/// Settling and releasing a hold share its key: the first of them closed it.
fn closed_otherwise(action: &Action, event: &Event) -> Option<Refusal> {
    let hold_id = action.needs().hold?;
    let is_same = match event {
        Event::Usage(UsageEvent::HoldSettled(_)) => {
            matches!(action, Action::Usage(UsageCommand::Settle(_)))
        }
        Event::Usage(UsageEvent::HoldReleased(_)) => {
            matches!(action, Action::Usage(UsageCommand::Release(_)))
        }
        Event::Usage(_)
        | Event::School(_)
        | Event::Department(_)
        | Event::Allocation(_)
        | Event::Request(_)
        | Event::Period(_) => false,
    };
    (!is_same).then(|| Refusal::HoldClosed {
        hold_id: hold_id.clone(),
    })
}

/// All events of the command whose first event this is: they follow it without a gap.
pub(super) async fn events_of_command(
    conn: &mut PgConnection,
    school_id: SchoolId,
    first: Recorded,
) -> Result<Vec<Recorded>, StoreError> {
    if matches!(first.event, Event::Usage(_)) {
        return Ok(vec![first]); // a usage command leaves one event
    }
    let command = first.event_id;
    let mut events = vec![first];
    loop {
        let after = events.last().map_or(Seq::ZERO, |event| event.seq);
        let page = feed::read_after(conn, school_id, after, PAGE, None).await?;
        let read = page.len();
        for event in page {
            if event.event_id != command.at_index(events.len()) {
                return Ok(events);
            }
            events.push(event);
        }
        if i64::try_from(read).unwrap_or(i64::MAX) < PAGE {
            return Ok(events);
        }
    }
}
