//! Notifications of committed batches within this process.
//!
//! They are hints: a receiver that lags loses some, and appends of other processes send none, so
//! receivers also poll.

use std::sync::Arc;

use ledger_core::{SchoolId, Seq};
use tokio::sync::broadcast;

/// The number of batches that a slow receiver may lag behind before it loses some.
const BACKLOG: usize = 1_024;

/// The streams of a committed batch, with their new heads.
pub type Moved = Arc<[(SchoolId, Seq)]>;

/// Broadcasts committed batches within this process. Cheap to clone.
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
    /// Subscribes to subsequent batches.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Moved> {
        self.sender.subscribe()
    }

    pub(crate) fn send(&self, moved: Moved) {
        // A process without receivers is valid: it only writes.
        drop(self.sender.send(moved));
    }
}
