//! Who waits for new events is woken in this process when they commit.
//!
//! Wake-ups are hints, one per committed batch: a receiver that lags has lost some, and other
//! processes' appends send none here, so everybody who listens also polls.

use std::sync::Arc;

use ledger_core::{SchoolId, Seq};
use tokio::sync::broadcast;

/// Batches that a slow receiver may fall behind before it must look for itself.
const BACKLOG: usize = 1_024;

/// The streams that moved and where their heads now are.
pub type Moved = Arc<[(SchoolId, Seq)]>;

/// Tells this process's listeners which streams moved. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Wakes {
    sender: broadcast::Sender<Moved>,
}

impl Default for Wakes {
    fn default() -> Self {
        Self {
            sender: broadcast::Sender::new(BACKLOG),
        }
    }
}

impl Wakes {
    /// Listens from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Moved> {
        self.sender.subscribe()
    }

    pub(crate) fn send(&self, moved: Moved) {
        // Nobody listening is no error: a process may only write.
        drop(self.sender.send(moved));
    }
}
