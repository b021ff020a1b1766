//! A bounded map whose entries end at an instant.
//!
//! Not moka, whose clock cannot be an argument and whose `get` (under its `future` feature) is an
//! await: a hit here is one read lock, one look-up and one clone. Sharded, so that inserting into
//! one part holds up no reader of another.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ledger_core::Timestamp;

/// As many parts as a machine of today has cores to contend for them.
const SHARDS: usize = 16;

/// How far the clock may jump back before entries made later than "now" are void. Requests read
/// the clock before they wait for one another, so that a little is ordinary; and no more, or a
/// clock set back by an hour would keep a revoked key alive for one.
const STEP_BACK_SECONDS: i64 = 5;

/// A bounded map of `V` by `K`. It never holds more than about `entries_max`: an insert into a
/// full part drops what has ended, else some entry or other, which then is looked up again.
#[derive(Debug)]
pub(super) struct ExpiringCache<K, V> {
    shards: Box<[RwLock<Shard<K, V>>]>,
    hasher: RandomState,
    shard_entries_max: usize,
}

type Shard<K, V> = HashMap<K, Entry<V>>;

#[derive(Debug)]
struct Entry<V> {
    value: V,
    from: Timestamp,
    until: Timestamp,
}

impl<V> Entry<V> {
    fn holds_at(&self, now: Timestamp) -> bool {
        now < self.until && now.plus_seconds(STEP_BACK_SECONDS) >= self.from
    }
}

impl<K: Copy + Eq + Hash, V: Clone> ExpiringCache<K, V> {
    pub(super) fn new(entries_max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::new(),
            shard_entries_max: entries_max.div_ceil(SHARDS).max(1),
        }
    }

    /// What `key` stands for at `now`.
    pub(super) fn get(&self, key: &K, now: Timestamp) -> Option<V> {
        let shard = self.read(key);
        let entry = shard.get(key)?;
        entry.holds_at(now).then(|| entry.value.clone())
    }

    /// Keeps `value` from `now` until just before `until`.
    pub(super) fn insert(&self, key: K, value: V, now: Timestamp, until: Timestamp) {
        if until <= now {
            return;
        }
        let mut shard = self.write(&key);
        if shard.len() >= self.shard_entries_max && !shard.contains_key(&key) {
            shard.retain(|_, entry| entry.holds_at(now));
        }
        if shard.len() >= self.shard_entries_max && !shard.contains_key(&key) {
            // The hasher is random, so that nobody can choose whose entry this is.
            if let Some(some_key) = shard.keys().next().copied() {
                shard.remove(&some_key);
            }
        }
        let entry = Entry {
            value,
            from: now,
            until,
        };
        shard.insert(key, entry);
    }

    /// Forgets every value that `is_void`. Walks the whole map: for rare events.
    pub(super) fn forget(&self, is_void: impl Fn(&V) -> bool) {
        for shard in &self.shards {
            shard
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|_, entry| !is_void(&entry.value));
        }
    }

    /// How many entries there are, ended ones included.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).len())
            .sum()
    }

    // A poisoned lock is used all the same: no code here can panic half-way through a change.
    fn read(&self, key: &K) -> RwLockReadGuard<'_, Shard<K, V>> {
        self.shard(key)
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, key: &K) -> RwLockWriteGuard<'_, Shard<K, V>> {
        self.shard(key)
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low bits of a hash are as good as all of them"
    )]
    fn shard(&self, key: &K) -> &RwLock<Shard<K, V>> {
        &self.shards[self.hasher.hash_one(key) as usize % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::at;

    #[test]
    fn an_entry_ends_at_its_instant() {
        let cache = ExpiringCache::new(10);
        cache.insert("key", 1, at(100), at(110));
        assert_eq!(cache.get(&"key", at(100)), Some(1));
        assert_eq!(cache.get(&"key", at(109)), Some(1));
        assert_eq!(cache.get(&"key", at(110)), None);
        assert_eq!(cache.get(&"other", at(100)), None);
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_lengthen_an_entry() {
        let cache = ExpiringCache::new(10);
        cache.insert("key", 1, at(100), at(110));
        assert_eq!(cache.get(&"key", at(95)), Some(1));
        assert_eq!(cache.get(&"key", at(94)), None);
    }

    #[test]
    fn what_has_ended_is_not_kept() {
        let cache = ExpiringCache::new(10);
        cache.insert("key", 1, at(100), at(100));
        assert_eq!(cache.len(), 0);
    }

    #[test]
    fn its_size_is_bounded() {
        let cache = ExpiringCache::new(160);
        for key in 0..10_000 {
            cache.insert(key, key, at(100), at(110));
            assert_eq!(cache.get(&key, at(100)), Some(key), "the newest is there");
        }
        assert!(cache.len() <= 160, "{}", cache.len());
        cache.insert(-1, -1, at(110), at(120));
        assert!(cache.len() <= 160 - 9, "what ended made room");
    }

    #[test]
    fn some_can_be_forgotten() {
        let cache = ExpiringCache::new(100);
        for key in 0..10 {
            cache.insert(key, key, at(100), at(110));
        }
        cache.forget(|value| value % 2 == 0);
        assert_eq!(cache.len(), 5);
        assert_eq!(cache.get(&4, at(100)), None);
        assert_eq!(cache.get(&5, at(100)), Some(5));
    }
}
