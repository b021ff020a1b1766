//! Corrections: usage is refunded, in full or in part, by a new event that names it.

use std::borrow::Cow;

use axum::extract::State;
use ledger_core::usage::{CorrectUsage, UsageCommand, UsageEvent};
use ledger_core::{
    Action, Attribute, CommandKey, Event, EventId, Key, MemberId, Seq, Timestamp, Units,
};
use ledger_store::writer::Receipt;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{AllOf, ObjectBuilder, OneOf, Schema};
use utoipa::openapi::{RefOr, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::auth::Allowed;
use crate::command::{RequestMeta, free_text};
use crate::http::{IdempotencyKey, Json, Path, UsagePath, Written, fingerprint};
use crate::openapi::{problems, schema};
use crate::problem::{Code, Problem};
use crate::state::AppState;
use crate::values::{Account, SomeUnits};
use ledger_auth::Correct;

/// What was given an id: a debit, a hold and a reported event may have the same one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageKind {
    /// A debit.
    #[default]
    Debit,
    /// A hold that was settled.
    Hold,
    /// A CloudEvent that reported usage; it needs its `source`, too.
    Event,
}

/// What is refunded, and why.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "units": 1, "reason": "the answer was empty" }))]
pub struct CorrectionBody {
    /// How many units; all that are not refunded yet when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    units: Option<SomeUnits>,
    /// Why.
    #[schema(value_type = schema::Reason)]
    reason: String,
    /// What the path's id was given to.
    #[serde(default)]
    #[schema(required = false)]
    kind: UsageKind,
    /// The `source` of a CloudEvent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Attribute>)]
    source: Option<Attribute>,
}

impl CorrectionBody {
    /// The id of the event that recorded the usage: it follows from what the caller named it by.
    fn usage_id(&self, id: &Attribute) -> Result<EventId, Problem> {
        let named = |key: fn(Key) -> CommandKey| {
            // Longer than any id of a debit or hold.
            let key_of = Key::new(id.as_str()).map(key);
            key_of.map_err(|error| Problem::new(Code::UsageNotFound, error.to_string()))
        };
        let key = match (self.kind, &self.source) {
            (UsageKind::Debit, None) => named(CommandKey::Debit)?,
            (UsageKind::Hold, None) => named(CommandKey::HoldClosing)?,
            (UsageKind::Event, Some(source)) => CommandKey::Reported {
                source: source.clone(),
                id: id.clone(),
            },
            (UsageKind::Event, None) => {
                return Err(Problem::invalid("source is required for an event").at("source"));
            }
            (UsageKind::Debit | UsageKind::Hold, Some(_)) => {
                return Err(Problem::invalid("source is allowed for an event only").at("source"));
            }
        };
        Ok(key.first_event_id())
    }
}

/// How the body is documented: a `source` goes with an event, and with nothing else.
#[derive(Debug)]
pub struct CorrectionDocument;

impl PartialSchema for CorrectionDocument {
    fn schema() -> RefOr<Schema> {
        let branch = |kinds: &[&str], source: Type| {
            ObjectBuilder::new()
                .property(
                    "kind",
                    ObjectBuilder::new()
                        .schema_type(Type::String)
                        .enum_values(Some(kinds.to_vec())),
                )
                .property("source", ObjectBuilder::new().schema_type(source))
        };
        let event = branch(&["event"], Type::String)
            .required("kind")
            .required("source");
        let mut either = OneOf::new();
        either.items = [event, branch(&["debit", "hold"], Type::Null)]
            .map(|branch| RefOr::T(Schema::Object(branch.build())))
            .to_vec();
        let mut both = AllOf::new();
        both.items = vec![CorrectionBody::schema(), RefOr::T(Schema::OneOf(either))];
        RefOr::T(Schema::AllOf(both))
    }
}

impl ToSchema for CorrectionDocument {
    fn name() -> Cow<'static, str> {
        CorrectionBody::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        CorrectionBody::schemas(schemas);
    }
}

/// Usage that was refunded.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CorrectionAnswer {
    /// The head of the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The correction's identity in the school; none when all was refunded already.
    #[schema(value_type = Option<Uuid>, required)]
    event_id: Option<EventId>,
    /// Whether it was done before, and this is what came of it then.
    replayed: bool,
    /// The event that recorded the usage.
    #[schema(value_type = Uuid)]
    usage_id: EventId,
    /// How many units were refunded now.
    #[schema(value_type = schema::Units)]
    units: Units,
    /// What was refunded, where something was.
    #[schema(required)]
    correction: Option<Correction>,
}

/// What a correction left.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Correction {
    /// Whose usage.
    #[schema(value_type = Uuid)]
    member_id: MemberId,
    /// How many units the usage was.
    #[schema(value_type = schema::Units)]
    usage_units: Units,
    /// How many of them are refunded by now.
    #[schema(value_type = schema::Units)]
    refunded: Units,
    /// The account in the open period.
    balance: Account,
    /// The start of the closed period in which the usage counts, and its account has the units
    /// back; none when it counts in the open one.
    #[schema(value_type = Option<schema::Instant>, required)]
    period_start: Option<Timestamp>,
}

impl CorrectionAnswer {
    fn of(usage_id: EventId, receipt: &Receipt) -> Result<Self, Problem> {
        let correction = match receipt.events.first().map(|recorded| &recorded.event) {
            Some(Event::Usage(UsageEvent::Corrected(event))) => Some(event),
            None => None,
            Some(_) => return Err(Problem::unlike("a correction", receipt)),
        };
        Ok(Self {
            seq: receipt.seq,
            event_id: correction.map(|_| receipt.event_id),
            replayed: receipt.replayed,
            usage_id,
            units: correction.map_or(Units::ZERO, |event| event.units),
            correction: correction.map(|event| {
                let at = &event.attribution;
                Correction {
                    member_id: at.account.member_id,
                    usage_units: event.usage_units,
                    refunded: event.refunded,
                    balance: Account::after(&at.account.service, &at.balance, &receipt.period),
                    period_start: at.period_start,
                }
            }),
        })
    }
}

problems!(CorrectionProblems: UsageNotFound, UsageUnattributed, CorrectionExceedsUsage);

/// Refunds usage, in full or in part, by a new event that names it.
///
/// Several corrections of the same usage may come; together they are never more than it. The day
/// and the member of the usage have so many units less; its requests, tokens and cost stay, since
/// the call was made.
#[utoipa::path(
    post,
    path = "/v1/schools/{school}/debits/{id}/correction",
    tag = "usage",
    params(UsagePath, IdempotencyKey),
    request_body = CorrectionDocument,
    responses(
        (status = 201, description = "The usage is refunded.", body = CorrectionAnswer),
        (status = 200, description = "It was before.", body = CorrectionAnswer),
        CorrectionProblems,
    ),
)]
pub async fn correct_usage(
    allowed: Allowed<Correct>,
    State(state): State<AppState>,
    Path(path): Path<UsagePath>,
    meta: RequestMeta,
    Json(body): Json<CorrectionBody>,
) -> Result<Written<CorrectionAnswer>, Problem> {
    let usage_id = body.usage_id(&path.id.0)?;
    let fingerprint = fingerprint("correct-usage", &[&usage_id], &body)?;
    let command = CorrectUsage {
        usage_id,
        units: body.units.map(|units| units.0),
        reason: free_text("reason", &body.reason)?,
    };
    let action = Action::Usage(UsageCommand::Correct(command));
    let envelope = meta.envelope(allowed.actor(), fingerprint, action);
    let receipt = state.submit(allowed.school, envelope).await?;
    let answer = CorrectionAnswer::of(usage_id, &receipt)?;
    Ok(match answer.event_id {
        Some(_) => Written::created(&receipt, answer),
        None => Written::ok(&receipt, answer),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse_json;

    fn usage_id(body: &str) -> Result<EventId, Problem> {
        let id = Attribute::new("a").unwrap();
        parse_json::<CorrectionBody>(body.as_bytes())?.usage_id(&id)
    }

    #[test]
    fn a_debit_a_hold_and_an_event_of_one_id_are_told_apart() {
        let ids = [
            usage_id(r#"{"reason": "x"}"#).unwrap(),
            usage_id(r#"{"reason": "x", "kind": "hold"}"#).unwrap(),
            usage_id(r#"{"reason": "x", "kind": "event", "source": "/a"}"#).unwrap(),
            usage_id(r#"{"reason": "x", "kind": "event", "source": "/b"}"#).unwrap(),
        ];
        let different: std::collections::BTreeSet<_> = ids.iter().map(|id| id.0).collect();
        assert_eq!(different.len(), 4);
        assert_eq!(
            ids[0],
            usage_id(r#"{"reason": "x", "kind": "debit"}"#).unwrap()
        );
    }

    #[test]
    fn an_event_needs_its_source_and_nothing_else_has_one() {
        for body in [
            r#"{"reason": "x", "kind": "event"}"#,
            r#"{"reason": "x", "source": "/a"}"#,
            r#"{"reason": "x", "kind": "hold", "source": "/a"}"#,
            r#"{"kind": "debit"}"#,
            r#"{"reason": "x", "units": 0}"#,
        ] {
            assert!(usage_id(body).is_err(), "{body}");
        }
    }
}
