//! What a command is refused for: a code and typed members for every reason.

use axum::http::HeaderName;
use chrono::Utc;
use ledger_core::{Key, Refusal, Rule, Shortfall};
use ledger_store::writer::{Refused, RefusedBy};
use serde_json::{Value, json};

use super::code::Code;
use super::document::Problem;

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let problem = match refused.reason {
            RefusedBy::Rule(refusal) => Self::from(*refusal),
            RefusedBy::KeyReused => Self::new(
                Code::IdempotencyKeyReused,
                "the id or Idempotency-Key was used for another request; use a new one",
            ),
            RefusedBy::VersionMoved { version } => Self::new(
                Code::PreconditionFailed,
                format!("the current version is {version}; read the resource again"),
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
            Refusal::DepartmentNotFound { department_id } => {
                plain(Code::DepartmentNotFound).with("department_id", department_id.to_string())
            }
            Refusal::DepartmentExists { department_id } => {
                plain(Code::DepartmentExists).with("department_id", department_id.to_string())
            }
            Refusal::DepartmentNotEmpty {
                department_id,
                members,
            } => plain(Code::DepartmentNotEmpty)
                .with("department_id", department_id.to_string())
                .with("members", members),
            Refusal::NilDepartment => plain(Code::InvalidRequest).with("at", "department_id"),
            Refusal::TransferWithinDepartment => plain(Code::TransferWithinDepartment),
            Refusal::ExternalIdTaken { external_id } => {
                plain(Code::ExternalIdTaken).with("external_id", external_id.as_str())
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
            Refusal::NilMember => plain(Code::InvalidRequest).with("at", "member_id"),
            Refusal::NothingAsked | Refusal::TransferToSelf | Refusal::RepeatedRow => {
                plain(Code::InvalidRequest)
            }
            Refusal::RepeatedService { service } => {
                plain(Code::InvalidRequest).with("service", service.as_str())
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
            Refusal::SelfServiceOff => plain(Code::SelfServiceOff),
            Refusal::RequestPending {
                request_id,
                service,
            } => plain(Code::RequestPending)
                .with("request_id", request_id.to_string())
                .with("service", service.as_str()),
            Refusal::RequestNotFound { request_id } => {
                plain(Code::RequestNotFound).with("request_id", request_id.to_string())
            }
            Refusal::RequestClosed { request_id, status } => plain(Code::RequestClosed)
                .with("request_id", request_id.to_string())
                .with("request_status", status.as_str()),
            Refusal::OwnRequest { request_id } => {
                plain(Code::OwnRequest).with("request_id", request_id.to_string())
            }
            Refusal::GrantAboveAsked {
                service,
                asked,
                granted,
            } => plain(Code::GrantAboveAsked)
                .with("service", service.as_str())
                .with("asked", asked.get())
                .with("granted", granted.get()),
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
        let seconds = (shortfall.resets_at.get() - Utc::now()).num_seconds();
        let seconds = u64::try_from(seconds).unwrap_or(0).max(1);
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
