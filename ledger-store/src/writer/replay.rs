//! Repeated commands: detects them and loads the events of the first execution.

use ledger_core::catalog::Event;
use ledger_core::usage::{UsageCommand, UsageEvent};
use ledger_core::{Action, Fingerprint, Recorded, Refusal, SchoolId, Seq};
use sqlx::PgConnection;

use super::answer::RefusedBy;
use super::envelope::Envelope;
use crate::error::StoreError;
use crate::feed;

/// The number of events per page while the events of a command are loaded; most have one.
const PAGE: i64 = 64;

/// Checks that a command is the one that appended `first` under the same key.
///
/// # Errors
/// The refusal of a different command.
pub(super) fn check(
    envelope: &Envelope,
    first: &Recorded,
    fingerprint: Option<Fingerprint>,
) -> Result<(), RefusedBy> {
    if let Some(refusal) = closed_differently(&envelope.command.action, &first.event) {
        return Err(RefusedBy::Rule(Box::new(refusal)));
    }
    if fingerprint == Some(envelope.fingerprint) || ignores_other_body(&envelope.command.action) {
        Ok(())
    } else {
        Err(RefusedBy::KeyReused)
    }
}

/// Returns whether a different body under the same key is ignored: the source of a report cannot
/// handle a refusal.
const fn ignores_other_body(action: &Action) -> bool {
    matches!(action, Action::Usage(UsageCommand::Report(_)))
}

/// Returns the refusal of a settle after a release, or the reverse. The two share a key.
fn closed_differently(action: &Action, event: &Event) -> Option<Refusal> {
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

/// Returns all events of the command whose first event is `first`: they follow without a gap.
pub(super) async fn events_of_command(
    conn: &mut PgConnection,
    school_id: SchoolId,
    first: Recorded,
) -> Result<Vec<Recorded>, StoreError> {
    if matches!(first.event, Event::Usage(_)) {
        return Ok(vec![first]); // a usage command has one event
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
