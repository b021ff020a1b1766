//! A bounded map whose entries expire.
//!
//! Not moka: its clock cannot be an argument, and its asynchronous `get` is an await. A hit here is
//! one read lock, one look-up and one clone. Sharded, so that an insert blocks few readers.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ledger_core::Timestamp;

/// About one per core of a usual machine.
const SHARDS: usize = 16;

/// Tolerance for entries inserted after "now". Requests read the clock before they wait for each
/// other, so small differences are normal. Without the limit, a clock set back by an hour would
/// keep a revoked key valid for an hour.
const STEP_BACK_SECONDS: i64 = 5;

/// A map of `V` by `K` with about `entries_max` entries at most: an insert into a full shard
/// removes the expired entries, or else an arbitrary one.
#[derive(Debug)]
pub(crate) struct ExpiringCache<K, V> {
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
    fn is_valid_at(&self, now: Timestamp) -> bool {
        now < self.until && now.plus_seconds(STEP_BACK_SECONDS) >= self.from
    }
}

impl<K: Copy + Eq + Hash, V: Clone> ExpiringCache<K, V> {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::new(),
            shard_entries_max: entries_max.div_ceil(SHARDS).max(1),
        }
    }

    /// The value of `key`, if it is valid at `now`.
    pub(crate) fn get(&self, key: &K, now: Timestamp) -> Option<V> {
        let shard = self.read(key);
        let entry = shard.get(key)?;
        entry.is_valid_at(now).then(|| entry.value.clone())
    }

    /// Inserts `value`, valid from `now` to before `until`.
    pub(crate) fn insert(&self, key: K, value: V, now: Timestamp, until: Timestamp) {
        if until <= now {
            return;
        }
        let mut shard = self.write(&key);
        if shard.len() >= self.shard_entries_max && !shard.contains_key(&key) {
            shard.retain(|_, entry| entry.is_valid_at(now));
        }
        if shard.len() >= self.shard_entries_max && !shard.contains_key(&key) {
            // The hasher is random, so that no caller can choose the entry.
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

    /// Removes every value with the property. Walks the whole map: for rare events.
    pub(crate) fn remove_if(&self, is_void: impl Fn(&V) -> bool) {
        for shard in &self.shards {
            shard
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|_, entry| !is_void(&entry.value));
        }
    }

    /// The number of entries, expired ones included.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).len())
            .sum()
    }

    // A poisoned lock is used: no code here can panic in the middle of a change.
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
        reason = "any bits of a hash will do"
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
    fn an_entry_expires_at_its_instant() {
        let cache = ExpiringCache::new(10);
        cache.insert("key", 1, at(100), at(110));
        assert_eq!(cache.get(&"key", at(100)), Some(1));
        assert_eq!(cache.get(&"key", at(109)), Some(1));
        assert_eq!(cache.get(&"key", at(110)), None);
        assert_eq!(cache.get(&"other", at(100)), None);
    }

    #[test]
    fn a_clock_set_back_does_not_extend_an_entry() {
        let cache = ExpiringCache::new(10);
        cache.insert("key", 1, at(100), at(110));
        assert_eq!(cache.get(&"key", at(95)), Some(1));
        assert_eq!(cache.get(&"key", at(94)), None);
    }

    #[test]
    fn an_expired_entry_is_not_inserted() {
        let cache = ExpiringCache::new(10);
        cache.insert("key", 1, at(100), at(100));
        assert_eq!(cache.len(), 0);
    }

    #[test]
    fn the_size_is_bounded() {
        let cache = ExpiringCache::new(160);
        for key in 0..10_000 {
            cache.insert(key, key, at(100), at(110));
            assert_eq!(cache.get(&key, at(100)), Some(key), "the newest is cached");
        }
        assert!(cache.len() <= 160, "{}", cache.len());
        cache.insert(-1, -1, at(110), at(120));
        assert!(cache.len() <= 160 - 9, "expired entries are removed");
    }

    #[test]
    fn values_can_be_removed_by_property() {
        let cache = ExpiringCache::new(100);
        for key in 0..10 {
            cache.insert(key, key, at(100), at(110));
        }
        cache.remove_if(|value| value % 2 == 0);
        assert_eq!(cache.len(), 5);
        assert_eq!(cache.get(&4, at(100)), None);
        assert_eq!(cache.get(&5, at(100)), Some(5));
    }
}
