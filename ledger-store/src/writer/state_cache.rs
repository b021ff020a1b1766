//! The cached states of a shard: least recently used ones are evicted above a memory limit.

use ledger_core::{SchoolId, SchoolState, Seq};
use lru::LruCache;

/// The number of events after which the size of a state is estimated again: that visits all
/// members.
const WEIGH_EVERY: i64 = 1_000;

/// A cached state.
#[derive(Debug)]
pub(super) struct Cached {
    pub state: SchoolState,
    /// The position of the newest snapshot that was written.
    pub snapshot: Seq,
    /// The number of consecutive batches without events of another process and without repeated
    /// commands.
    pub calm_batches: u32,
    weight: usize,
    weighed_at: Seq,
}

impl Cached {
    pub(super) fn new(state: SchoolState, snapshot: Seq) -> Self {
        let (weight, weighed_at) = (state.weight(), state.head());
        Self {
            state,
            snapshot,
            calm_batches: 0,
            weight,
            weighed_at,
        }
    }

    pub(super) const fn weight(&self) -> usize {
        self.weight
    }
}

#[derive(Debug)]
pub(super) struct StateCache {
    states: LruCache<SchoolId, Cached>,
    weight: usize,
    weight_max: usize,
}

impl StateCache {
    pub(super) fn new(weight_max: usize) -> Self {
        Self {
            states: LruCache::unbounded(),
            weight: 0,
            weight_max,
        }
    }

    /// Returns a state without marking it as used.
    pub(super) fn peek(&self, school_id: SchoolId) -> Option<&Cached> {
        self.states.peek(&school_id)
    }

    /// Removes a state for a batch, which returns it by [`StateCache::put`] if it succeeds.
    pub(super) fn take(&mut self, school_id: SchoolId) -> Option<Cached> {
        let cached = self.states.pop(&school_id)?;
        self.weight -= cached.weight;
        Some(cached)
    }

    pub(super) fn put(&mut self, school_id: SchoolId, mut cached: Cached) {
        let head = cached.state.head();
        if head.0 - cached.weighed_at.0 >= WEIGH_EVERY || cached.weighed_at == Seq::ZERO {
            cached.weight = cached.state.weight();
            cached.weighed_at = head;
        }
        self.weight += cached.weight;
        self.states.push(school_id, cached);
        // The state just used stays, whatever its size.
        while self.weight > self.weight_max && self.states.len() > 1 {
            if let Some((_, evicted)) = self.states.pop_lru() {
                self.weight -= evicted.weight;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn school(n: u128) -> SchoolId {
        SchoolId(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn the_least_recently_used_state_is_evicted_above_the_limit() {
        let one = SchoolState::default().weight();
        let mut cache = StateCache::new(2 * one);
        for n in 1..=2 {
            cache.put(school(n), Cached::new(SchoolState::default(), Seq::ZERO));
        }
        let first = cache.take(school(1)).unwrap();
        cache.put(school(1), first);
        cache.put(school(3), Cached::new(SchoolState::default(), Seq::ZERO));
        assert!(cache.take(school(2)).is_none());
        assert!(cache.take(school(1)).is_some());
        assert!(cache.take(school(3)).is_some());
        assert_eq!(cache.weight, 0);
    }
}
