//! What callers wrote here a moment ago: so that a read without `min_seq` shows its caller what he
//! has just done. A convenience within one process; who must be sure says `min_seq`.

use std::time::Duration;

use ledger_core::{ActorId, SchoolId, Seq};
use moka::future::Cache;

/// How long a write is remembered: read models are behind by milliseconds, rarely by seconds.
const REMEMBERED: Duration = Duration::from_secs(30);

/// The most writes that are remembered: 10,000 × about 150 bytes.
const REMEMBERED_MAX: u64 = 10_000;

/// Where callers' last writes left the streams. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OwnWrites {
    last: Cache<(SchoolId, ActorId), Seq>,
}

impl Default for OwnWrites {
    fn default() -> Self {
        let last = Cache::builder()
            .max_capacity(REMEMBERED_MAX)
            .time_to_live(REMEMBERED)
            .build();
        Self { last }
    }
}

impl OwnWrites {
    /// Remembers that the actor's command left the stream at `seq`.
    pub async fn note(&self, school_id: SchoolId, actor: ActorId, seq: Seq) {
        let entry = self.last.entry((school_id, actor));
        let _ = entry
            .and_upsert_with(|known| {
                let known = known.map_or(Seq::ZERO, moka::Entry::into_value);
                std::future::ready(known.max(seq))
            })
            .await;
    }

    /// Where the actor's last command left the stream, if it was a moment ago.
    pub async fn last(&self, school_id: SchoolId, actor: ActorId) -> Option<Seq> {
        self.last.get(&(school_id, actor)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[tokio::test]
    async fn the_furthest_write_of_each_actor_is_remembered() {
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
