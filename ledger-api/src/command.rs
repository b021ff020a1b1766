//! From a parsed request to the writer and back.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use ledger_core::{Action, Actor, Command, Fingerprint, FreeText, SchoolId, Seq};
use ledger_store::writer::{Envelope, Receipt, SideWrites};
use rand::Rng as _;

use crate::http::{IdempotencyKey, Now};
use crate::problem::Problem;
use crate::state::AppState;

/// A reason with the random salt of its commitment.
///
/// # Errors
/// [`crate::problem::Code::InvalidRequest`] when the text is blank or too long.
pub fn free_text(name: &str, text: &str) -> Result<FreeText, Problem> {
    let mut salt = [0; 16];
    rand::rng().fill(&mut salt);
    FreeText::new(text, salt)
        .map_err(|error| Problem::invalid(format!("{name}: {error}")).with("at", name))
}

/// When a request came in, and what makes it unique.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// When.
    pub now: Now,
    /// Its key.
    pub key: IdempotencyKey,
}

impl<S: Send + Sync> FromRequestParts<S> for Stamp {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(now) = Now::from_request_parts(parts, state).await;
        let key = IdempotencyKey::from_request_parts(parts, state).await?;
        Ok(Self { now, key })
    }
}

/// A command on its way to the writer.
#[derive(Debug)]
pub struct Issue {
    /// Whose stream.
    pub school_id: SchoolId,
    /// Who asks.
    pub actor: Actor,
    /// When, and under which key.
    pub stamp: Stamp,
    /// Of its body.
    pub fingerprint: Fingerprint,
    /// What is asked.
    pub action: Action,
    /// What is kept beside the log.
    pub side_writes: SideWrites,
    /// Decide and answer, append nothing.
    pub dry_run: bool,
    /// The version, of the request or the school, that it was decided on.
    pub if_version: Option<Seq>,
}

impl Issue {
    /// A command with nothing beside the log, whatever version the school has.
    #[must_use]
    pub const fn new(
        school_id: SchoolId,
        actor: Actor,
        stamp: Stamp,
        fingerprint: Fingerprint,
        action: Action,
    ) -> Self {
        Self {
            school_id,
            actor,
            stamp,
            fingerprint,
            action,
            side_writes: SideWrites::Nothing,
            dry_run: false,
            if_version: None,
        }
    }

    /// Has the command decided and written; its refusal is the caller's problem.
    ///
    /// # Errors
    /// The refusal, or that the log cannot be written.
    pub async fn send(self, state: &AppState) -> Result<Receipt, Problem> {
        let (school_id, actor, dry_run) = (self.school_id, self.actor, self.dry_run);
        let Stamp { now, key } = self.stamp;
        let command = Command {
            actor,
            now: now.0,
            action: self.action,
        };
        let envelope = Envelope::new(&key.0, self.fingerprint, command)
            .with_side_writes(self.side_writes)
            .with_dry_run(dry_run)
            .with_version(self.if_version);
        let receipt = state.writer.submit(school_id, envelope).await??;
        if !dry_run {
            state
                .own_writes
                .note(school_id, actor.id, receipt.seq)
                .await;
        }
        Ok(receipt)
    }
}
