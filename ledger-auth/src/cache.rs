//! A bounded map whose entries expire: a cache of the crate `moka`, with time as an argument.

use std::hash::Hash;

use ledger_core::Timestamp;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

/// Tolerance for entries inserted after "now". Requests read the clock before they wait for each
/// other, so small differences are normal. Without the limit, a clock set back by an hour would
/// keep a revoked key valid for an hour.
const STEP_BACK_SECONDS: i64 = 5;

/// A map of `V` by `K`. The least recently used entries are evicted.
pub(crate) struct ExpiringCache<K, V> {
    entries: Cache<K, Entry<V>>,
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    from: Timestamp,
    until: Timestamp,
}

impl<K, V> ExpiringCache<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(entries_max: u64) -> Self {
        let entries = Cache::builder()
            .max_capacity(entries_max)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { entries }
    }

    /// The value of `key`, if it is valid at `now`.
    pub(crate) fn get(&self, key: &K, now: Timestamp) -> Option<V> {
        let entry = self.entries.get(key)?;
        let is_valid = now < entry.until && now.plus_seconds(STEP_BACK_SECONDS) >= entry.from;
        is_valid.then_some(entry.value)
    }

    /// Inserts `value`, valid from `now` to before `until`.
    pub(crate) fn insert(&self, key: K, value: V, now: Timestamp, until: Timestamp) {
        let entry = Entry {
            value,
            from: now,
            until,
        };
        self.entries.insert(key, entry);
    }

    /// Removes every value with the property. Walks the whole map: for rare events.
    pub(crate) fn remove_if(&self, is_void: impl Fn(&V) -> bool) {
        for (key, entry) in &self.entries {
            if is_void(&entry.value) {
                self.entries.invalidate(&*key);
            }
        }
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
    fn the_size_is_bounded() {
        let cache = ExpiringCache::new(160);
        for key in 0..10_000 {
            cache.insert(key, key, at(100), at(110));
            assert_eq!(cache.get(&key, at(100)), Some(key), "the newest is cached");
        }
        cache.entries.run_pending_tasks();
        assert_eq!(cache.entries.entry_count(), 160);
    }

    #[test]
    fn values_can_be_removed_by_property() {
        let cache = ExpiringCache::new(100);
        for key in 0..10 {
            cache.insert(key, key, at(100), at(110));
        }
        cache.remove_if(|value| value % 2 == 0);
        for key in 0..10 {
            let expected = Some(key).filter(|key| key % 2 != 0);
            assert_eq!(cache.get(&key, at(100)), expected);
        }
    }
}
