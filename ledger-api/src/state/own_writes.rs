//! The positions of callers' recent writes, so that a read without `min_seq` includes them. A
//! convenience within one process: `min_seq` is the guarantee.

use std::time::Duration;

use ledger_core::{ActorId, SchoolId, Seq};
use moka::future::Cache;

/// The lifetime of an entry: read models lag by milliseconds, rarely by seconds.
const ENTRY_LIFETIME: Duration = Duration::from_secs(30);

/// The maximum number of entries: 10,000 × about 150 bytes.
const ENTRIES_MAX: u64 = 10_000;

/// The positions of actors' last writes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OwnWrites {
    last: Cache<(SchoolId, ActorId), Seq>,
}

impl Default for OwnWrites {
    fn default() -> Self {
        let last = Cache::builder()
            .max_capacity(ENTRIES_MAX)
            .time_to_live(ENTRY_LIFETIME)
            .build();
        Self { last }
    }
}

impl OwnWrites {
    /// Records that the actor's command left the stream at `seq`.
    pub async fn note(&self, school_id: SchoolId, actor: ActorId, seq: Seq) {
        let entry = self.last.entry((school_id, actor));
        let _ = entry
            .and_upsert_with(|last| {
                let last = last.map_or(Seq::ZERO, moka::Entry::into_value);
                std::future::ready(last.max(seq))
            })
            .await;
    }

    /// The position of the actor's last command, if it is recent.
    pub async fn last(&self, school_id: SchoolId, actor: ActorId) -> Option<Seq> {
        self.last.get(&(school_id, actor)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[tokio::test]
    async fn the_last_position_of_each_actor_is_kept() {
        let [one, other] = [1, 2].map(|n| ActorId(Uuid::from_u128(n)));
        let school = SchoolId(Uuid::from_u128(3));
        let writes = OwnWrites::default();
        for seq in [4, 7, 5] {
            writes.note(school, one, Seq(seq)).await;
        }
        assert_eq!(writes.last(school, one).await, Some(Seq(7)));
        assert_eq!(writes.last(school, other).await, None);
    }
}
