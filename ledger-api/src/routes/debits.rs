//! Debits: units are checked and spent in one step.

use axum::extract::State;
use ledger_core::usage::{Debit, UsageCommand, UsageEvent};
use ledger_core::{Action, Actor, Command, CommandKey, Event, EventId, Key, MemberId, Seq};
use ledger_core::{Timestamp, Units};
use ledger_store::writer::{Envelope, Receipt};
use serde::Serialize;
use utoipa::ToSchema;

use super::call_body::{OneOwner, call_body, whose};
use crate::auth::Allowed;
use crate::http::{Json, Now, SchoolPath, Written, fingerprint};
use crate::openapi::{problems, schema};
use crate::problem::Problem;
use crate::state::AppState;
use crate::values::{Account, ServiceName, Subject};
use ledger_auth::Spend;

call_body! {
    /// A call to spend units for. One of `member_id` and `subject` says whose it is.
    #[schema(example = json!({
        "id": "chatcmpl-88f8", "member_id": "0198c0de-0000-7000-8000-000000000001",
        "service": "claude_messages", "units": 1, "model": "claude-sonnet-4",
        "input_tokens": 812, "output_tokens": 344, "cached_tokens": 0, "cost_micros": 5400,
        "latency_ms": 900, "outcome": "success"
    }))]
    DebitBody {
        /// The caller's id of the call, unique in the school for ever: sending it again is safe.
        #[schema(value_type = schema::Key)]
        id: Key,
        /// Whose usage.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<Uuid>)]
        member_id: Option<MemberId>,
        /// Whose usage, by the id that another system knows the member by.
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<Subject>,
        /// Of which service.
        service: ServiceName,
    }
}

impl DebitBody {
    /// The debit on its way to the writer; the same alone and in a batch.
    ///
    /// # Errors
    /// [`crate::problem::Code::InvalidRequest`] unless it says once whose usage it is.
    pub(super) fn into_envelope(
        mut self,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("debit", &[], &self)?;
        let owner = whose(self.member_id, self.subject.take())?;
        let call = self.take_call();
        let debit = Debit {
            id: self.id.clone(),
            owner,
            service: self.service.0,
            units: self.units.map(|units| units.0),
            occurred_at: self.occurred_at.map(|instant| instant.0),
            call,
        };
        let action = Action::Usage(UsageCommand::Debit(debit));
        let command = Command { actor, now, action };
        let key = CommandKey::Debit(self.id);
        Ok(Envelope::new(&key, fingerprint, command))
    }
}

/// How the body is documented.
pub type DebitDocument = OneOwner<DebitBody>;

/// Units that were spent.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "seq": 42, "event_id": "5f0e24a1-c3d7-5b35-9b35-8d1f6a520c7e", "replayed": false, "units": 1,
    "balance": {
        "service": "claude_messages", "allocated": 50, "used": 7, "held": 0, "available": 43,
        "resets_at": "2026-12-01T00:00:00Z"
    }
}))]
pub struct DebitAnswer {
    /// The position of the debit in the school's log.
    #[schema(value_type = schema::Seq)]
    pub(super) seq: Seq,
    /// The debit's identity in the school.
    #[schema(value_type = Uuid)]
    pub(super) event_id: EventId,
    /// Whether it was done before, and this is what came of it then.
    pub(super) replayed: bool,
    /// How many units were spent.
    #[schema(value_type = schema::Units)]
    pub(super) units: Units,
    /// The account as the debit left it.
    pub(super) balance: Account,
}

impl DebitAnswer {
    pub(super) fn of(receipt: &Receipt) -> Result<Self, Problem> {
        let Some(Event::Usage(UsageEvent::Debited(debited))) =
            receipt.events.first().map(|recorded| &recorded.event)
        else {
            return Err(Problem::unlike("a debit", receipt));
        };
        Ok(Self {
            seq: receipt.seq,
            event_id: receipt.event_id,
            replayed: receipt.replayed,
            units: debited.units,
            balance: Account::after(&debited.account.service, &debited.balance, &receipt.period),
        })
    }
}

problems!(
    DebitProblems: MemberSuspended, MemberNotFound, UnknownService, AmountOutOfRange, QuotaExceeded,
);

/// Spends units for a call: checks and records it in one step.
///
/// The same `id` with the same body again answers what came of it the first time.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/debits",
    tag = "usage",
    params(SchoolPath),
    request_body = DebitDocument,
    responses(
        (status = 201, description = "The units are spent.", body = DebitAnswer),
        (status = 200, description = "They were spent before.", body = DebitAnswer),
        DebitProblems,
    ),
)]
pub async fn debit(
    allowed: Allowed<Spend>,
    State(state): State<AppState>,
    Now(now): Now,
    Json(body): Json<DebitBody>,
) -> Result<Written<DebitAnswer>, Problem> {
    let request = body.into_envelope(allowed.credential.actor, now)?;
    let receipt = state.writer.submit(allowed.school, request).await??;
    Ok(Written::created(&receipt, DebitAnswer::of(&receipt)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse_json;
    use crate::problem::Code;

    const ACTOR: Actor = Actor::SYSTEM;

    fn read(body: &str) -> Result<Envelope, Problem> {
        let now = Timestamp::new("2026-11-24T08:00:00Z".parse().unwrap());
        parse_json::<DebitBody>(body.as_bytes())?.into_envelope(ACTOR, now)
    }

    fn at(body: &str) -> serde_json::Value {
        let problem = read(body).unwrap_err();
        assert_eq!(problem.code, Code::InvalidRequest);
        problem.to_json()["at"].clone()
    }

    const WHO: &str = r#""member_id":"0198c0de-0000-7000-8000-000000000001""#;

    #[test]
    fn a_debit_needs_an_id_a_service_and_whose_it_is() {
        assert!(
            read(&format!(
                r#"{{"id":"a","service":"claude_messages",{WHO}}}"#
            ))
            .is_ok()
        );
        assert!(read(r#"{"id":"a","service":"claude_messages","subject":"t@x"}"#).is_ok());
        assert_eq!(at(r#"{"id":"a","service":"s"}"#), "member_id");
        assert_eq!(
            at(&format!(
                r#"{{"id":"a","service":"s","subject":"t",{WHO}}}"#
            )),
            "subject"
        );
    }

    #[test]
    fn a_problem_names_the_field_at_fault() {
        let body = |field: &str| format!(r#"{{"id":"a","service":"s",{WHO},{field}}}"#);
        assert_eq!(at(&body(r#""units":-1"#)), "units");
        assert_eq!(at(&body(r#""input_tokens":1000000000001"#)), "input_tokens");
        assert_eq!(at(&body(r#""outcome":"fine""#)), "outcome");
        assert_eq!(at(&body(r#""occurred_at":"yesterday""#)), "occurred_at");
        assert_eq!(at(&body(r#""model":"""#)), "model");
        assert_eq!(at(r#"{"id":"a\n","service":"s"}"#), "id");
    }

    #[test]
    fn the_fingerprint_is_of_what_was_understood() {
        let fingerprint = |body: &str| read(body).unwrap().fingerprint;
        let plain = fingerprint(&format!(r#"{{"id":"a","service":"s",{WHO},"units":1}}"#));
        let turned = format!(r#"{{ "units":1, {WHO}, "model":null, "service":"s", "id":"a" }}"#);
        assert_eq!(plain, fingerprint(&turned));
        let other = format!(r#"{{"id":"a","service":"s",{WHO},"units":2}}"#);
        assert_ne!(plain, fingerprint(&other));
    }
}
