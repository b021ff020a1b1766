//! The states that a shard keeps: as many as fit into its memory, the least recently used go first.

use ledger_core::{SchoolId, SchoolState, Seq};
use lru::LruCache;

/// A school's state is weighed again when its stream has grown by so many events: weighing walks
/// over all members.
const WEIGH_EVERY: i64 = 1_000;

/// A state with what the shard knows about it.
#[derive(Debug)]
pub(super) struct Cached {
    pub state: SchoolState,
    /// The position of the newest snapshot that is known to be on disk.
    pub snapshot: Seq,
    /// Batches in a row that found the stream as it was left, and no command that was done before.
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

    /// Looks at a state.
    pub(super) fn peek(&self, school_id: SchoolId) -> Option<&Cached> {
        self.states.peek(&school_id)
    }

    /// Takes a state out to work on it; it comes back by [`StateCache::put`] when all went well.
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
        // The one just used stays, however large it is.
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
    fn the_least_recently_used_state_goes_when_memory_is_full() {
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
