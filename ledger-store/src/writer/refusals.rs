//! Aggregates refused usage by minute before it is appended to the log.
//!
//! A member without quota may send a thousand requests a second; an event for each would fill the
//! log. Counts that were not flushed are lost if the process is killed: a refusal is no promise.

use std::collections::BTreeMap;
use std::time::Duration;

use ledger_core::usage::{RefusedFor, UsageCommand, UsageRefused};
use ledger_core::{Action, MemberId, SchoolId, ServiceId, Timestamp};
use tokio::time::Instant;

use super::envelope::Envelope;

/// The age at which a count is flushed. Its minute is over by then, whatever the clock of the
/// command, so each minute is written once.
const FLUSH_AFTER: Duration = Duration::from_secs(60);

/// The maximum number of counts, about 200 bytes each. Above it all are flushed at once; then a
/// minute may be written twice, with the same sum.
const COUNTS_MAX: usize = 10_000;

/// The aggregation key.
type CountKey = (SchoolId, MemberId, ServiceId, RefusedFor, Timestamp);

#[derive(Debug)]
struct Count {
    /// The sums.
    refused: UsageRefused,
    /// When the first refusal was added.
    since: Instant,
    /// The latest time of the commands.
    last: Timestamp,
}

/// The refusals of a shard that are not in the log yet.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    counts: BTreeMap<CountKey, Count>,
    oldest: Option<Instant>,
}

impl Refusals {
    /// Adds a refusal of a command with the time `now`.
    pub(super) fn add(&mut self, school_id: SchoolId, refused: UsageRefused, now: Timestamp) {
        let key = (
            school_id,
            refused.member_id,
            refused.service.clone(),
            refused.reason,
            refused.minute,
        );
        if let Some(count) = self.counts.get_mut(&key) {
            let sum = &mut count.refused;
            sum.times = sum.times.saturating_add(refused.times);
            sum.units = sum.units.saturating_add(refused.units);
            count.last = count.last.max(now);
            return;
        }
        let since = Instant::now();
        self.oldest.get_or_insert(since);
        self.counts.insert(
            key,
            Count {
                refused,
                since,
                last: now,
            },
        );
    }

    /// Resolves when the oldest count is due to be flushed; pending while there are none.
    pub(super) async fn due(&self) {
        match self.oldest {
            Some(_) if self.counts.len() >= COUNTS_MAX => {}
            Some(oldest) => tokio::time::sleep_until(oldest + FLUSH_AFTER).await,
            None => std::future::pending().await,
        }
    }

    /// Removes and returns the counts that are due.
    pub(super) fn take_due(&mut self) -> Vec<(SchoolId, Envelope)> {
        if self.counts.len() >= COUNTS_MAX {
            return self.take_all();
        }
        let due: BTreeMap<_, _> = self
            .counts
            .extract_if(.., |_, count| count.since.elapsed() >= FLUSH_AFTER)
            .collect();
        self.oldest = self.counts.values().map(|count| count.since).min();
        envelopes(due)
    }

    /// Removes and returns all counts.
    pub(super) fn take_all(&mut self) -> Vec<(SchoolId, Envelope)> {
        self.oldest = None;
        envelopes(std::mem::take(&mut self.counts))
    }
}

/// Wraps the counts as commands.
fn envelopes(counts: BTreeMap<CountKey, Count>) -> Vec<(SchoolId, Envelope)> {
    counts
        .into_iter()
        .map(|((school_id, ..), count)| {
            let action = Action::Usage(UsageCommand::NoteRefused(count.refused));
            (school_id, Envelope::of_system(action, count.last))
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
    async fn a_minute_is_flushed_once_after_its_end() {
        let school = SchoolId(Uuid::from_u128(9));
        let mut refusals = Refusals::default();
        let add = |refusals: &mut Refusals, at: &str| {
            let (refused, now) = refused(at);
            refusals.add(school, refused, now);
        };
        add(&mut refusals, "2026-11-24T08:00:30Z");
        add(&mut refusals, "2026-11-24T08:00:59Z");
        assert!(refusals.take_due().is_empty());
        tokio::time::advance(Duration::from_secs(40)).await;
        add(&mut refusals, "2026-11-24T08:01:10Z");
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
