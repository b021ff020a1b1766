//! Bodies of requests about holds.

use ledger_core::usage::{
    DEFAULT_TTL_SECONDS, PlaceHold, ReleaseHold, SettleHold, TTL_SECONDS_MAX, UsageCommand,
};
use ledger_core::{Actor, CommandKey, Key as CoreKey, Timestamp};
use ledger_store::writer::Envelope;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::Schema;
use uuid::Uuid;

use crate::command::{free_text, usage_envelope};
use crate::http::fingerprint;
use crate::problem::Problem;
use crate::routes::debits::call::{call_body, owner};
use crate::values::schema::{has_schema, whole};
use crate::values::{
    Constrained, Constraint, Instant, Key, Reason, ServiceName, SomeUnits, Subject, either,
    whole_number,
};

/// Units to reserve. Exactly one of `member_id` and `subject` names the member.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "call-7", "member_id": "0198c0de-0000-7000-8000-000000000001",
    "service": "claude_messages", "units": 4, "ttl_seconds": 120
}))]
pub struct HoldBody {
    /// The caller's id of the hold, unique in the school for ever: a repetition is safe.
    id: Key,
    /// The member.
    #[serde(skip_serializing_if = "Option::is_none")]
    member_id: Option<Uuid>,
    /// The member, by external id.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Subject>,
    service: ServiceName,
    units: SomeUnits,
    /// The lifetime of the hold in seconds; by default 5 minutes, at most 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_seconds: Option<TtlSeconds>,
}

/// The schema of a hold.
pub type HoldSchema = Constrained<HoldBody>;

impl Constraint for HoldBody {
    fn constraints() -> Vec<Schema> {
        vec![either("member_id", "subject")]
    }
}

impl HoldBody {
    pub(super) fn into_envelope(self, actor: Actor, now: Timestamp) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("hold", &[], &self)?;
        let hold = PlaceHold {
            hold_id: self.id.0.clone(),
            owner: owner(self.member_id, self.subject)?,
            service: self.service.0,
            units: self.units.0,
            ttl_seconds: self.ttl_seconds.map_or(DEFAULT_TTL_SECONDS, |ttl| ttl.0),
        };
        let (key, command) = (CommandKey::Hold(self.id.0), UsageCommand::PlaceHold(hold));
        Ok(usage_envelope(&key, fingerprint, actor, now, command))
    }
}

call_body! {
    /// The usage of a held call.
    #[serde(deny_unknown_fields)]
    #[schema(example = json!({
        "units": 3, "model": "claude-sonnet-4", "input_tokens": 812, "output_tokens": 344,
        "cost_micros": 5400, "latency_ms": 900, "outcome": "success"
    }))]
    SettleBody {
        /// The time of the call, at most 5 minutes ahead; by default now.
        #[serde(skip_serializing_if = "Option::is_none")]
        occurred_at: Option<Instant>,
    }
}

impl SettleBody {
    pub(super) fn into_envelope(
        mut self,
        hold_id: CoreKey,
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
        let (key, command) = (
            CommandKey::HoldClosing(hold_id),
            UsageCommand::Settle(settle),
        );
        Ok(usage_envelope(&key, fingerprint, actor, now, command))
    }
}

/// The reason of a release.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "the teacher closed the page" }))]
pub struct ReleaseBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
}

impl ReleaseBody {
    pub(super) fn into_envelope(
        self,
        hold_id: CoreKey,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Envelope, Problem> {
        let fingerprint = fingerprint("release", &[], &self)?;
        let reason = self.reason.map(|reason| free_text("reason", &reason.0));
        let release = ReleaseHold {
            hold_id: hold_id.clone(),
            reason: reason.transpose()?,
        };
        let (key, command) = (
            CommandKey::HoldClosing(hold_id),
            UsageCommand::Release(release),
        );
        Ok(usage_envelope(&key, fingerprint, actor, now, command))
    }
}

/// The lifetime of a hold in seconds.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub struct TtlSeconds(i64);

impl<'de> Deserialize<'de> for TtlSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole_number(deserializer, 1, TTL_SECONDS_MAX).map(Self)
    }
}

has_schema!(TtlSeconds = whole(1, TTL_SECONDS_MAX));

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
    fn a_hold_has_at_least_a_unit_and_lasts_at_most_a_day() {
        assert_eq!(at(r#""units":0"#), "units");
        assert_eq!(at(r#""units":1,"ttl_seconds":0"#), "ttl_seconds");
        assert_eq!(at(r#""units":1,"ttl_seconds":86401"#), "ttl_seconds");
        let body = r#"{"id":"h","service":"s","subject":"t","units":1,"ttl_seconds":86400}"#;
        assert!(parse_json::<HoldBody>(body.as_bytes()).is_ok());
    }

    #[test]
    fn the_documented_lifetimes_are_the_rule() {
        assert_eq!(TTL_SECONDS_MAX, 86_400);
        assert_eq!(DEFAULT_TTL_SECONDS, 300);
    }
}
