//! From a parsed request to the writer: the origin of a command, envelopes, submission.

use std::ops::Deref;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use ledger_core::usage::UsageCommand;
use ledger_core::{Action, Actor, Command, CommandKey, Fingerprint, FreeText, SchoolId, Timestamp};
use ledger_store::writer::{Envelope, Receipt};
use rand::Rng as _;

use crate::auth::{Permit, SchoolPermit};
use crate::http::IdempotencyKey;
use crate::openapi::{Description, Input};
use crate::problem::Problem;
use crate::state::{AppState, Caller};

/// Adds the random salt of its commitment to a text.
///
/// # Errors
/// [`crate::problem::Code::InvalidRequest`] when the text is blank or too long.
pub fn free_text(name: &str, text: &str) -> Result<FreeText, Problem> {
    let mut salt = [0; 16];
    rand::rng().fill(&mut salt);
    FreeText::new(text, salt).map_err(|error| Problem::invalid(format!("{name}: {error}")).at(name))
}

/// The actor of a command, and the arrival and the idempotency key of its request.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The actor.
    pub actor: Actor,
    /// The arrival of the request.
    pub now: Timestamp,
    /// The idempotency key.
    pub key: IdempotencyKey,
}

impl Origin {
    /// Wraps an action of this request for the writer.
    #[must_use]
    pub fn envelope(&self, fingerprint: Fingerprint, action: Action) -> Envelope {
        let command = Command {
            actor: self.actor,
            now: self.now,
            action,
        };
        Envelope::new(&self.key.0, fingerprint, command)
    }
}

/// A [`Caller`] whose request is a command with an `Idempotency-Key`.
#[derive(Debug)]
pub struct Issuer<P> {
    caller: Caller<P>,
    /// The origin of the command.
    pub origin: Origin,
}

impl<P> Deref for Issuer<P> {
    type Target = Caller<P>;

    fn deref(&self) -> &Caller<P> {
        &self.caller
    }
}

impl<P> FromRequestParts<AppState> for Issuer<P>
where
    P: Permit + FromRequestParts<AppState, Rejection = Problem> + Send,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let key = IdempotencyKey::from_request_parts(parts, state).await?;
        let (actor, now) = (caller.actor(), caller.now);
        let origin = Origin { actor, now, key };
        Ok(Self { caller, origin })
    }
}

impl<P: Input> Input for Issuer<P> {
    fn describe(description: &mut Description<'_>) {
        P::describe(description);
        IdempotencyKey::describe(description);
    }
}

impl<P: SchoolPermit> Issuer<P> {
    /// As [`AppState::submit`], in the school of the path.
    ///
    /// # Errors
    /// Those of [`AppState::submit`].
    pub async fn submit(&self, envelope: Envelope) -> Result<Receipt, Problem> {
        self.state.submit(self.school(), envelope).await
    }
}

impl<P: SchoolPermit> Caller<P> {
    /// Submits a usage command to the writer. Its position is not remembered for the next read:
    /// a proxy spends far more often than it reads.
    ///
    /// # Errors
    /// The refusal, or that the log cannot be written.
    pub async fn spend(&self, envelope: Envelope) -> Result<Receipt, Problem> {
        Ok(self.state.writer.submit(self.school(), envelope).await??)
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
