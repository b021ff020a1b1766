//! The commands of one caller on their way through a shard.

use ledger_core::SchoolId;
use tokio::sync::oneshot;

use super::answer::{Answer, WriteError};
use super::envelope::Envelope;

/// Commands of one school with a common reply.
#[derive(Debug)]
pub(super) struct Submission {
    pub school_id: SchoolId,
    pub envelopes: Vec<Envelope>,
    pub reply: oneshot::Sender<Answers>,
}

impl Submission {
    pub fn answer(self, answers: Answers) {
        // An error means that the caller is gone.
        drop(self.reply.send(answers));
    }
}

/// The reply to a submission.
pub(super) type Answers = Result<Vec<Answer>, WriteError>;
