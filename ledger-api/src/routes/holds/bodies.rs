//! What is asked of a hold.

use ledger_core::usage::{
    DEFAULT_TTL_SECONDS, PlaceHold, ReleaseHold, SettleHold, TTL_SECONDS_MAX, UsageCommand,
};
use ledger_core::{Action, Actor, Command, CommandKey, Key, MemberId, Timestamp};
use ledger_store::writer::Envelope;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::{RefOr, schema::Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::command::free_text;
use crate::http::fingerprint;
use crate::openapi::schema;
use crate::problem::Problem;
use crate::routes::call_body::{OneOwner, call_body, whose};
use crate::values::{ServiceName, SomeUnits, Subject, whole_number};

/// Units to reserve. One of `member_id` and `subject` says for whom.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "call-7", "member_id": "0198c0de-0000-7000-8000-000000000001",
    "service": "claude_messages", "units": 4, "ttl_seconds": 120
}))]
pub struct HoldBody {
    /// The caller's id of the hold, unique in the school for ever: sending it again is safe.
    #[schema(value_type = schema::Key)]
    id: Key,
    /// For whose usage.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    member_id: Option<MemberId>,
    /// For whose usage, by the id that another system knows the member by.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Subject>,
    /// Of which service.
    service: ServiceName,
    /// How many units.
    units: SomeUnits,
    /// How long they are held when nobody settles or releases: 300 s when not given, at most 24 h.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_seconds: Option<TtlSeconds>,
}

impl HoldBody {
    pub(super) fn into_envelope(
        mut self,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("hold", &[], &self)?;
        let owner = whose(self.member_id, self.subject.take())?;
        let hold = PlaceHold {
            hold_id: self.id.clone(),
            owner,
            service: self.service.0,
            units: self.units.0,
            ttl_seconds: self.ttl_seconds.map_or(DEFAULT_TTL_SECONDS, |ttl| ttl.0),
        };
        let action = Action::Usage(UsageCommand::PlaceHold(hold));
        let command = Command { actor, now, action };
        let key = CommandKey::Hold(self.id);
        Ok(Envelope::new(&key, fingerprint, command))
    }
}

/// How the body is documented.
pub type HoldDocument = OneOwner<HoldBody>;

call_body! {
    /// What a held call used.
    #[schema(example = json!({
        "units": 3, "model": "claude-sonnet-4", "input_tokens": 812, "output_tokens": 344,
        "cost_micros": 5400, "latency_ms": 900, "outcome": "success"
    }))]
    SettleBody {}
}

impl SettleBody {
    pub(super) fn into_envelope(
        mut self,
        hold_id: Key,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("settle", &[], &self)?;
        let settle = SettleHold {
            hold_id: hold_id.clone(),
            units: self.units.map(|units| units.0),
            occurred_at: self.occurred_at.map(|instant| instant.0),
            call: self.take_call(),
        };
        let action = Action::Usage(UsageCommand::Settle(settle));
        let command = Command { actor, now, action };
        let key = CommandKey::HoldClosing(hold_id);
        Ok(Envelope::new(&key, fingerprint, command))
    }
}

/// Why a hold is not needed any more.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "the teacher closed the page" }))]
pub struct ReleaseBody {
    /// Why, if there is something to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Reason>)]
    reason: Option<String>,
}

impl ReleaseBody {
    pub(super) fn into_envelope(
        self,
        hold_id: Key,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("release", &[], &self)?;
        let reason = self
            .reason
            .as_deref()
            .map(|text| free_text("reason", text))
            .transpose()?;
        let release = ReleaseHold {
            hold_id: hold_id.clone(),
            reason,
        };
        let action = Action::Usage(UsageCommand::Release(release));
        let command = Command { actor, now, action };
        let key = CommandKey::HoldClosing(hold_id);
        Ok(Envelope::new(&key, fingerprint, command))
    }
}

/// How long a hold lasts.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub struct TtlSeconds(i64);

impl<'de> Deserialize<'de> for TtlSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole_number(deserializer, 1, TTL_SECONDS_MAX).map(Self)
    }
}

impl PartialSchema for TtlSeconds {
    fn schema() -> RefOr<Schema> {
        schema::whole(1, TTL_SECONDS_MAX).into()
    }
}

impl ToSchema for TtlSeconds {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse_json;

    fn at(field: &str) -> serde_json::Value {
        let body = format!(r#"{{"id":"h","service":"s","subject":"t",{field}}}"#);
        parse_json::<HoldBody>(body.as_bytes())
            .unwrap_err()
            .to_json()["at"]
            .clone()
    }

    #[test]
    fn a_hold_is_of_at_least_a_unit_and_lasts_at_most_a_day() {
        assert_eq!(at(r#""units":0"#), "units");
        assert_eq!(at(r#""units":1,"ttl_seconds":0"#), "ttl_seconds");
        assert_eq!(at(r#""units":1,"ttl_seconds":86401"#), "ttl_seconds");
        let body = r#"{"id":"h","service":"s","subject":"t","units":1,"ttl_seconds":86400}"#;
        assert!(parse_json::<HoldBody>(body.as_bytes()).is_ok());
    }

    #[test]
    fn the_longest_life_in_the_documentation_is_the_rule() {
        assert_eq!(TTL_SECONDS_MAX, 86_400);
        assert_eq!(DEFAULT_TTL_SECONDS, 300);
    }
}
