//! The one place where errors become HTTP: problem details (RFC 9457), a page for each code in
//! docs/problems. Inner text never leaves: what the caller cannot act on is logged here.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use ledger_core::{Key, Refusal, Rule, Seq, Shortfall};
use ledger_projections::{FreshnessError, ReadError};
use ledger_store::StoreError;
use ledger_store::writer::{Receipt, Refused, RefusedBy, WriteError};
use serde_json::{Map, Value, json};

use crate::auth::{ApiKeyError, AuthError};

/// Where the problem types are documented.
pub const TYPE_BASE: &str = "https://allocation-ledger.example/problems/";

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal $status:ident $title:literal;)*) => {
        /// What kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The last part of the problem's `type`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The status that the problem is answered with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// The same for every problem of the code.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

codes! {
    /// The request is not of the documented form.
    InvalidRequest = "invalid-request" BAD_REQUEST "The request is not of the documented form";
    /// Something of a report is no CloudEvent.
    InvalidEvent = "invalid-event" BAD_REQUEST "This is no CloudEvent that reports usage";
    /// No credential, or one that is not valid.
    Unauthenticated = "unauthenticated" UNAUTHORIZED "A valid credential is needed";
    /// The credential's role may not do this.
    Forbidden = "forbidden" FORBIDDEN "The role may not do this";
    /// The member is suspended.
    MemberSuspended = "member-suspended" FORBIDDEN "The member is suspended";
    /// The plan does not include this.
    PlanRequired = "plan-required" FORBIDDEN "The school's plan does not include this";
    /// No such path.
    NotFound = "not-found" NOT_FOUND "There is nothing here";
    /// No such school, or not for this credential.
    SchoolNotFound = "school-not-found" NOT_FOUND "There is no such school";
    /// No such member.
    MemberNotFound = "member-not-found" NOT_FOUND "There is no such member";
    /// No such hold.
    HoldNotFound = "hold-not-found" NOT_FOUND "There is no such hold";
    /// No such usage.
    UsageNotFound = "usage-not-found" NOT_FOUND "There is no such usage";
    /// No such API key.
    ApiKeyNotFound = "api-key-not-found" NOT_FOUND "There is no such API key";
    /// The path has no such method.
    MethodNotAllowed = "method-not-allowed" METHOD_NOT_ALLOWED "The path has no such method";
    /// Nothing that the caller accepts can be sent.
    NotAcceptable = "not-acceptable" NOT_ACCEPTABLE "No accepted format can be sent";
    /// The school exists.
    SchoolExists = "school-exists" CONFLICT "The school is registered already";
    /// The member exists.
    MemberExists = "member-exists" CONFLICT "The member is enrolled already";
    /// Somebody else has the external id.
    ExternalIdTaken = "external-id-taken" CONFLICT "Another member has the external id";
    /// An individual school has one member.
    IndividualIsOneMember = "individual-is-one-member" CONFLICT "An individual school has one member";
    /// The hold is closed.
    HoldClosed = "hold-closed" CONFLICT "The hold is closed already";
    /// Usage that counts for nobody.
    UsageUnattributed = "usage-unattributed" CONFLICT "The usage is nobody's yet";
    /// Members hold allocations.
    AllocationsOutstanding = "allocations-outstanding" CONFLICT "Members still hold allocations";
    /// There are as many API keys as there may be.
    ApiKeyLimit = "api-key-limit" CONFLICT "There are as many API keys as there may be";
    /// The thing was changed in between.
    PreconditionFailed = "precondition-failed" PRECONDITION_FAILED "It was changed in between";
    /// The body is too large.
    BodyTooLarge = "body-too-large" PAYLOAD_TOO_LARGE "The body is too large";
    /// The body is of another media type.
    UnsupportedMediaType = "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE "The body has another media type";
    /// No such service.
    UnknownService = "unknown-service" UNPROCESSABLE_ENTITY "There is no such service";
    /// The key was used for another body.
    IdempotencyKeyReused = "idempotency-key-reused" UNPROCESSABLE_ENTITY "The key was used for another request";
    /// An amount does not fit into 64 bits.
    AmountOutOfRange = "amount-out-of-range" UNPROCESSABLE_ENTITY "The amount does not fit";
    /// More is asked back than the usage was.
    CorrectionExceedsUsage = "correction-exceeds-usage" UNPROCESSABLE_ENTITY "More is asked back than was used";
    /// The pool does not reach.
    PoolExceeded = "pool-exceeded" UNPROCESSABLE_ENTITY "The pool does not reach";
    /// More than one member may hold.
    MemberCapExceeded = "member-cap-exceeded" UNPROCESSABLE_ENTITY "A member may not hold as much";
    /// Less than is used and held.
    AllocationBelowUsage = "allocation-below-usage" UNPROCESSABLE_ENTITY "More is used and held";
    /// A total below what is used and held.
    TotalBelowUsage = "total-below-usage" UNPROCESSABLE_ENTITY "More is used and held";
    /// A total below what is allocated.
    TotalBelowAllocated = "total-below-allocated" UNPROCESSABLE_ENTITY "More is allocated";
    /// Rows of a batch are refused.
    BatchRefused = "batch-refused" UNPROCESSABLE_ENTITY "Rows of the batch are refused";
    /// The quota does not reach.
    QuotaExceeded = "quota-exceeded" TOO_MANY_REQUESTS "The quota does not reach";
    /// Too many requests of one credential.
    RateLimited = "rate-limited" TOO_MANY_REQUESTS "Too many requests";
    /// It took too long.
    Timeout = "timeout" GATEWAY_TIMEOUT "It took too long";
    /// The read model is behind.
    ProjectionBehind = "projection-behind" SERVICE_UNAVAILABLE "The read model is behind";
    /// Too many commands wait.
    Overloaded = "overloaded" SERVICE_UNAVAILABLE "Too many commands wait";
    /// The database is away.
    Unavailable = "unavailable" SERVICE_UNAVAILABLE "The ledger cannot reach its database";
    /// The ledger failed.
    Internal = "internal" INTERNAL_SERVER_ERROR "The ledger failed";
}

/// A problem, ready to be answered.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this kind; `detail` tells the caller what to do.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            members: Map::new(),
            headers: Vec::new(),
        }
    }

    /// The request is not of the documented form.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }

    /// The writer's answer is not that of the command: a bug, which is logged.
    #[must_use]
    pub fn unlike(command: &str, receipt: &Receipt) -> Self {
        tracing::error!(event.id = %receipt.event_id, "the writer's answer is not that of {command}");
        Self::new(
            Code::Internal,
            "the ledger failed; its operator finds the cause in its log",
        )
    }

    /// Adds a typed member to the problem's object.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header to the answer; one that HTTP cannot carry is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.headers.push((name, value));
        }
        self
    }

    /// The seconds after which trying again makes sense.
    #[must_use]
    pub fn retry_after(self, seconds: i64) -> Self {
        self.with_header(header::RETRY_AFTER, seconds.max(1))
    }

    /// The head of the stream that a command was refused on.
    #[must_use]
    pub fn at_seq(self, seq: Seq) -> Self {
        self.with_header(crate::convention::LEDGER_SEQ, seq.0)
    }

    /// The problem as JSON, as it stands in an answer or inside a batch's result.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert(
            "type".to_owned(),
            format!("{TYPE_BASE}{}", self.code.as_str()).into(),
        );
        object.insert("title".to_owned(), self.code.title().into());
        object.insert("status".to_owned(), self.code.status().as_u16().into());
        object.insert("detail".to_owned(), self.detail.clone().into());
        object.extend(self.members.clone());
        Value::Object(object)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.to_json().to_string();
        let mut response = (self.code.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        response
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let problem = match refused.reason {
            RefusedBy::Rule(refusal) => Self::from(*refusal),
            RefusedBy::KeyReused => Self::new(
                Code::IdempotencyKeyReused,
                "this id or Idempotency-Key was used for another request; use a new one",
            ),
            RefusedBy::VersionMoved { version } => Self::new(
                Code::PreconditionFailed,
                format!("it is at version {version} by now: read it again, then decide"),
            )
            .with("version", version.0),
        };
        problem.at_seq(refused.seq)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let plain = |code| Self::new(code, detail.clone());
        match refusal {
            Refusal::SchoolNotFound => plain(Code::SchoolNotFound),
            Refusal::SchoolExists => plain(Code::SchoolExists),
            Refusal::MemberNotFound { .. } => plain(Code::MemberNotFound),
            Refusal::MemberExists { .. } => plain(Code::MemberExists),
            Refusal::ExternalIdTaken { external_id } => {
                plain(Code::ExternalIdTaken).with("external_id", external_id)
            }
            Refusal::IndividualIsOneMember => plain(Code::IndividualIsOneMember),
            Refusal::MemberSuspended { .. } => plain(Code::MemberSuspended),
            Refusal::UnknownService { name } => plain(Code::UnknownService).with("service", name),
            Refusal::PlanRequired { has, needs, tier } => plain(Code::PlanRequired)
                .with("has", has.as_str())
                .with("needs", needs.as_str())
                .with("tier", tier.map(ledger_core::Tier::as_str)),
            Refusal::AllocationsOutstanding { service, allocated } => {
                plain(Code::AllocationsOutstanding)
                    .with("service", service.as_str())
                    .with("allocated", json!(allocated))
            }
            Refusal::Shortfall(shortfall) => Self::from(*shortfall),
            Refusal::NothingAsked | Refusal::TransferToSelf | Refusal::RepeatedRow => {
                plain(Code::InvalidRequest)
            }
            Refusal::Rows(rows) => {
                let errors: Vec<Value> = rows
                    .into_iter()
                    .map(|row| {
                        let mut error = Self::from(row.refusal).to_json();
                        error["index"] = row.index.into();
                        error
                    })
                    .collect();
                plain(Code::BatchRefused).with("errors", errors)
            }
            Refusal::AmountOutOfRange => plain(Code::AmountOutOfRange),
            Refusal::OccurredInFuture { .. } => {
                plain(Code::InvalidRequest).with("at", "occurred_at")
            }
            Refusal::HoldNotFound { hold_id } => {
                plain(Code::HoldNotFound).with("hold_id", Key::as_str(&hold_id))
            }
            Refusal::UsageNotFound { usage_id } => {
                plain(Code::UsageNotFound).with("usage_id", usage_id.to_string())
            }
            Refusal::UsageUnattributed { usage_id } => {
                plain(Code::UsageUnattributed).with("usage_id", usage_id.to_string())
            }
            Refusal::CorrectionExceedsUsage {
                units,
                refunded,
                asked,
            } => plain(Code::CorrectionExceedsUsage)
                .with("units", units.get())
                .with("refunded", refunded.get())
                .with("asked", asked.get()),
            Refusal::HoldClosed { hold_id } => {
                plain(Code::HoldClosed).with("hold_id", Key::as_str(&hold_id))
            }
        }
    }
}

impl From<Shortfall> for Problem {
    fn from(shortfall: Shortfall) -> Self {
        let code = match shortfall.rule {
            Rule::QuotaExceeded => Code::QuotaExceeded,
            Rule::PoolExceeded => Code::PoolExceeded,
            Rule::MemberCapExceeded => Code::MemberCapExceeded,
            Rule::AllocationBelowUsage => Code::AllocationBelowUsage,
            Rule::TotalBelowUsage => Code::TotalBelowUsage,
            Rule::TotalBelowAllocated => Code::TotalBelowAllocated,
        };
        let problem = Self::new(code, shortfall.to_string())
            .with("rule", shortfall.rule.as_str())
            .with("level", shortfall.level.as_str())
            .with("service", shortfall.service.as_str())
            .with("limit", json!(shortfall.limit))
            .with("used", json!(shortfall.used))
            .with("held", json!(shortfall.held))
            .with("asked", json!(shortfall.asked))
            .with("available", json!(shortfall.available))
            .with("resets_at", json!(shortfall.resets_at));
        if code == Code::QuotaExceeded {
            problem.with_rate_limit(&shortfall)
        } else {
            problem
        }
    }
}

impl Problem {
    /// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10), and
    /// `Retry-After`: when what was used starts again from zero.
    fn with_rate_limit(self, shortfall: &Shortfall) -> Self {
        let seconds = (shortfall.resets_at.get() - Utc::now())
            .num_seconds()
            .max(1);
        let service = shortfall.service.as_str();
        let left = shortfall
            .available
            .finite()
            .map_or(i64::MAX, ledger_core::Units::get);
        let quota = shortfall
            .limit
            .finite()
            .map_or(i64::MAX, ledger_core::Units::get);
        self.retry_after(seconds)
            .with_header(
                HeaderName::from_static("ratelimit-policy"),
                format!("\"{service}\";q={quota}"),
            )
            .with_header(
                HeaderName::from_static("ratelimit"),
                format!("\"{service}\";r={left};t={seconds}"),
            )
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Overloaded => {
                Self::new(Code::Overloaded, "too many commands wait; send it again").retry_after(1)
            }
            WriteError::Stopped => {
                Self::new(Code::Unavailable, "the ledger is stopping; send it again").retry_after(1)
            }
            WriteError::Store(error) => Self::from(&*error),
        }
    }
}

impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Self {
        tracing::error!(error = error as &dyn std::error::Error, "the log failed");
        if error.is_transient() {
            Self::new(
                Code::Unavailable,
                "the ledger cannot reach its database; sending the same request again is safe",
            )
            .retry_after(1)
        } else {
            Self::new(
                Code::Internal,
                "the ledger failed; its operator finds the cause in its log",
            )
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::from(&error)
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        if let AuthError::Database(_) = error {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "no credential was looked up"
            );
        }
        let code = Code::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == error.code());
        let mut problem = Self::new(code.unwrap_or(Code::Internal), error.to_string());
        if let Some(challenge) = error.challenge() {
            problem = problem.with_header(header::WWW_AUTHENTICATE, challenge);
        }
        match error.retry_after_seconds() {
            Some(seconds) => problem.retry_after(i64::try_from(seconds).unwrap_or(i64::MAX)),
            None => problem,
        }
    }
}

impl From<ApiKeyError> for Problem {
    fn from(error: ApiKeyError) -> Self {
        match error {
            ApiKeyError::Label => Self::invalid(error.to_string()).with("at", "label"),
            ApiKeyError::TooMany => Self::new(Code::ApiKeyLimit, error.to_string()),
            ApiKeyError::NotFound => Self::new(Code::ApiKeyNotFound, error.to_string()),
            ApiKeyError::Database { doing, source } => Self::from(StoreError::at(doing)(source)),
        }
    }
}

impl From<FreshnessError> for Problem {
    fn from(error: FreshnessError) -> Self {
        match error {
            FreshnessError::ProjectionBehind { at, asked } => {
                let detail = format!("the read model is at {at}, {asked} was asked for; ask again");
                Self::new(Code::ProjectionBehind, detail)
                    .with("at_seq", at.0)
                    .with("asked_seq", asked.0)
                    .retry_after(1)
            }
            FreshnessError::Database(source) => {
                Self::from(StoreError::at("asking how far a read model is")(source))
            }
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Database { doing, source } => Self::from(StoreError::at(doing)(source)),
            ReadError::Log(error) => Self::from(error),
            ReadError::Unreadable(_) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a read model failed"
                );
                Self::new(
                    Code::Internal,
                    "the ledger failed; its operator finds the cause in its log",
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_a_refused_credential_is_a_problem() {
        for error in [
            AuthError::Missing,
            AuthError::ApiKey,
            AuthError::Forbidden {
                permission: "spend",
                role: ledger_core::Role::Teacher,
            },
            AuthError::SchoolNotFound,
            AuthError::MemberNotFound,
            AuthError::RateLimited {
                retry_after_seconds: 2,
            },
            AuthError::KeysUnavailable,
        ] {
            let status = error.status();
            assert_eq!(Problem::from(error).code.status(), status);
        }
    }
}
