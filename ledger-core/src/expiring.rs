//! Values that expire, by id and by expiry.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A value with an expiry.
pub trait Expires {
    /// The expiry.
    fn expires_at(&self) -> Timestamp;
}

/// Values by id and by expiry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<K, V>", into = "BTreeMap<K, V>")]
#[serde(bound(
    serialize = "K: Ord + Clone + Serialize, V: Expires + Clone + Serialize",
    deserialize = "K: Ord + Clone + Deserialize<'de>, V: Expires + Deserialize<'de>"
))]
pub struct Expiring<K, V> {
    by_id: BTreeMap<K, V>,
    by_expiry: BTreeSet<(Timestamp, K)>,
}

impl<K, V> Default for Expiring<K, V> {
    fn default() -> Self {
        Self {
            by_id: BTreeMap::new(),
            by_expiry: BTreeSet::new(),
        }
    }
}

impl<K: Ord + Clone, V: Expires> Expiring<K, V> {
    /// The value of an id.
    #[must_use]
    pub fn get(&self, id: &K) -> Option<&V> {
        self.by_id.get(id)
    }

    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Every value, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.by_id.iter()
    }

    /// The value with the earliest expiry.
    #[must_use]
    pub fn first_to_expire(&self) -> Option<(&K, &V)> {
        let (_, id) = self.by_expiry.first()?;
        self.by_id.get_key_value(id)
    }

    pub(crate) fn insert(&mut self, id: K, value: V) {
        self.remove(&id);
        self.by_expiry.insert((value.expires_at(), id.clone()));
        self.by_id.insert(id, value);
    }

    pub(crate) fn remove(&mut self, id: &K) -> Option<V> {
        let value = self.by_id.remove(id)?;
        self.by_expiry.remove(&(value.expires_at(), id.clone()));
        Some(value)
    }
}

impl<K: Ord + Clone, V: Expires> From<BTreeMap<K, V>> for Expiring<K, V> {
    fn from(by_id: BTreeMap<K, V>) -> Self {
        let by_expiry = by_id
            .iter()
            .map(|(id, value)| (value.expires_at(), id.clone()))
            .collect();
        Self { by_id, by_expiry }
    }
}

impl<K, V> From<Expiring<K, V>> for BTreeMap<K, V> {
    fn from(values: Expiring<K, V>) -> Self {
        values.by_id
    }
}
