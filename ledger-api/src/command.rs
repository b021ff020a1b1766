//! From a parsed request to the writer: request metadata, envelopes, submission.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use ledger_core::usage::UsageCommand;
use ledger_core::{Action, Actor, Command, CommandKey, Fingerprint, FreeText, SchoolId, Timestamp};
use ledger_store::writer::{Envelope, Receipt};
use rand::Rng as _;

use crate::http::{IdempotencyKey, Now};
use crate::problem::Problem;
use crate::state::AppState;

/// Adds the random salt of its commitment to a text.
///
/// # Errors
/// [`crate::problem::Code::InvalidRequest`] when the text is blank or too long.
pub fn free_text(name: &str, text: &str) -> Result<FreeText, Problem> {
    let mut salt = [0; 16];
    rand::rng().fill(&mut salt);
    FreeText::new(text, salt).map_err(|error| Problem::invalid(format!("{name}: {error}")).at(name))
}

/// The metadata of a request that becomes a command.
#[derive(Clone, Debug)]
pub struct RequestMeta {
    /// The arrival of the request.
    pub now: Now,
    /// The idempotency key.
    pub key: IdempotencyKey,
}

impl<S: Send + Sync> FromRequestParts<S> for RequestMeta {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(now) = Now::from_request_parts(parts, state).await;
        let key = IdempotencyKey::from_request_parts(parts, state).await?;
        Ok(Self { now, key })
    }
}

impl RequestMeta {
    /// Wraps an action of this request for the writer.
    #[must_use]
    pub fn envelope(&self, actor: Actor, fingerprint: Fingerprint, action: Action) -> Envelope {
        let command = Command {
            actor,
            now: self.now.0,
            action,
        };
        Envelope::new(&self.key.0, fingerprint, command)
    }
}

/// Wraps a usage command, whose key is in its body or its path.
#[must_use]
pub fn usage_envelope(
    key: &CommandKey,
    fingerprint: Fingerprint,
    actor: Actor,
    now: Timestamp,
    command: UsageCommand,
) -> Envelope {
    let action = Action::Usage(command);
    Envelope::new(key, fingerprint, Command { actor, now, action })
}

impl AppState {
    /// Submits a command to the writer and remembers where it left the stream, for the actor's
    /// next read.
    ///
    /// # Errors
    /// The refusal, or that the log cannot be written.
    pub async fn submit(&self, school: SchoolId, envelope: Envelope) -> Result<Receipt, Problem> {
        let (actor, dry_run) = (envelope.command.actor.id, envelope.dry_run);
        let receipt = self.writer.submit(school, envelope).await??;
        if !dry_run {
            self.own_writes.note(school, actor, receipt.seq).await;
        }
        Ok(receipt)
    }
}
