//! Refused usage on its way into the log: counted, and written once the minute is over.
//!
//! Whoever has run out may ask a thousand times a second; an event for each would let him fill the
//! log. What is counted here and not yet written is lost when the process is killed: a refusal
//! promises nothing to anybody.

use std::collections::BTreeMap;
use std::time::Duration;

use ledger_core::usage::{RefusedFor, UsageCommand, UsageRefused};
use ledger_core::{Action, MemberId, SchoolId, ServiceId, Timestamp};
use tokio::time::Instant;

use super::envelope::Envelope;

/// How long refusals are counted before they are written: the minute that they fall into is over
/// then, by whatever clock, so that each minute is written once.
const COUNTED_FOR: Duration = Duration::from_secs(60);

/// The most different refusals that are counted at a time, about 200 bytes each. With more, all
/// are written at once, and a minute may be written twice; its sum is the same.
const COUNTED_MAX: usize = 10_000;

type What = (SchoolId, MemberId, ServiceId, RefusedFor, Timestamp);

#[derive(Debug)]
struct Counted {
    refused: UsageRefused,
    since: Instant,
    /// The clock of the last of them.
    last: Timestamp,
}

/// The refusals of a shard that are not in the log yet.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    counted: BTreeMap<What, Counted>,
    oldest: Option<Instant>,
}

impl Refusals {
    /// Counts one more, told at `now`.
    pub(super) fn note(&mut self, school_id: SchoolId, refused: UsageRefused, now: Timestamp) {
        let what = (
            school_id,
            refused.member_id,
            refused.service.clone(),
            refused.reason,
            refused.minute,
        );
        if let Some(counted) = self.counted.get_mut(&what) {
            let sum = &mut counted.refused;
            sum.times = sum.times.saturating_add(refused.times);
            sum.units = sum.units.saturating_add(refused.units);
            counted.last = counted.last.max(now);
            return;
        }
        let since = Instant::now();
        self.oldest.get_or_insert(since);
        let last = now;
        self.counted.insert(
            what,
            Counted {
                refused,
                since,
                last,
            },
        );
    }

    /// Returns when some are to be written; never, while there are none.
    pub(super) async fn due(&self) {
        match self.oldest {
            Some(_) if self.counted.len() >= COUNTED_MAX => {}
            Some(oldest) => tokio::time::sleep_until(oldest + COUNTED_FOR).await,
            None => std::future::pending().await,
        }
    }

    /// Takes out those that are to be written.
    pub(super) fn take_due(&mut self) -> Vec<(SchoolId, Envelope)> {
        if self.counted.len() >= COUNTED_MAX {
            return self.take_all();
        }
        let due: BTreeMap<_, _> = self
            .counted
            .extract_if(.., |_, counted| counted.since.elapsed() >= COUNTED_FOR)
            .collect();
        self.oldest = self.counted.values().map(|counted| counted.since).min();
        envelopes(due)
    }

    /// Takes out all.
    pub(super) fn take_all(&mut self) -> Vec<(SchoolId, Envelope)> {
        self.oldest = None;
        envelopes(std::mem::take(&mut self.counted))
    }
}

/// What records them. The ids are drawn here: nobody sends such a command twice.
fn envelopes(counted: BTreeMap<What, Counted>) -> Vec<(SchoolId, Envelope)> {
    counted
        .into_iter()
        .map(|((school_id, ..), counted)| {
            let action = Action::Usage(UsageCommand::NoteRefused(counted.refused));
            (school_id, Envelope::of_system(action, counted.last))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::Units;
    use uuid::Uuid;

    fn refused(minute: &str) -> (UsageRefused, Timestamp) {
        let now = Timestamp::new(minute.parse().unwrap());
        let refused = UsageRefused {
            member_id: MemberId(Uuid::from_u128(1)),
            department_id: None,
            service: ServiceId::new("claude_messages").unwrap(),
            reason: RefusedFor::QuotaExceeded,
            minute: now.start_of_minute(),
            times: Units::new(1).unwrap(),
            units: Units::new(5).unwrap(),
        };
        (refused, now)
    }

    fn written(envelopes: &[(SchoolId, Envelope)]) -> Vec<(String, i64, i64)> {
        let each = |(_, envelope): &(SchoolId, Envelope)| {
            let Action::Usage(UsageCommand::NoteRefused(refused)) = &envelope.command.action else {
                panic!("{envelope:?}");
            };
            let (times, units) = (refused.times.get(), refused.units.get());
            (refused.minute.to_string(), times, units)
        };
        envelopes.iter().map(each).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_minute_is_written_once_when_it_is_over() {
        let school = SchoolId(Uuid::from_u128(9));
        let mut refusals = Refusals::default();
        let note = |refusals: &mut Refusals, at: &str| {
            let (refused, now) = refused(at);
            refusals.note(school, refused, now);
        };
        note(&mut refusals, "2026-11-24T08:00:30Z");
        note(&mut refusals, "2026-11-24T08:00:59Z");
        assert!(refusals.take_due().is_empty());
        tokio::time::advance(Duration::from_secs(40)).await;
        note(&mut refusals, "2026-11-24T08:01:10Z");
        let started = Instant::now();
        refusals.due().await;
        assert_eq!(started.elapsed(), Duration::from_secs(20));
        let first = refusals.take_due();
        assert_eq!(
            written(&first),
            [("2026-11-24T08:00:00Z".to_owned(), 2, 10)]
        );
        let rest = refusals.take_all();
        assert_eq!(written(&rest), [("2026-11-24T08:01:00Z".to_owned(), 1, 5)]);
        assert!(refusals.take_all().is_empty());
    }
}
