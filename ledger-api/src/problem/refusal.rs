//! Refusals of commands: a code and typed members for every reason.

use ledger_core::{Quota, Refusal, Rule, Shortfall, Tier};
use ledger_store::writer::{Refused, RefusedBy};

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
            .version(version),
        };
        problem.refused_at(refused.seq)
    }
}

impl From<Refusal> for Problem {
    #[expect(
        clippy::too_many_lines,
        reason = "one table with an arm for every refusal"
    )]
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let plain = |code| Self::new(code, detail.clone());
        match refusal {
            Refusal::SchoolNotFound => plain(Code::SchoolNotFound),
            Refusal::SchoolExists => plain(Code::SchoolExists),
            Refusal::MemberNotFound { .. } => plain(Code::MemberNotFound),
            Refusal::MemberExists { .. } => plain(Code::MemberExists),
            Refusal::DepartmentNotFound { department_id } => {
                plain(Code::DepartmentNotFound).department_id(department_id.to_string())
            }
            Refusal::DepartmentExists { department_id } => {
                plain(Code::DepartmentExists).department_id(department_id.to_string())
            }
            Refusal::DepartmentNotEmpty {
                department_id,
                members,
            } => plain(Code::DepartmentNotEmpty)
                .department_id(department_id.to_string())
                .members(i64::try_from(members).unwrap_or(i64::MAX)),
            Refusal::NilDepartment => plain(Code::InvalidRequest).at("department_id"),
            Refusal::TransferWithinDepartment => plain(Code::TransferWithinDepartment),
            Refusal::ExternalIdTaken { external_id } => {
                plain(Code::ExternalIdTaken).external_id(external_id.as_str())
            }
            Refusal::IndividualIsOneMember => plain(Code::IndividualIsOneMember),
            Refusal::MemberSuspended { .. } => plain(Code::MemberSuspended),
            Refusal::UnknownService { name } => plain(Code::UnknownService).service(name),
            Refusal::PlanRequired { has, needs, tier } => plain(Code::PlanRequired)
                .has(has.as_str())
                .needs(needs.as_str())
                .tier(tier.map(Tier::as_str).map(str::to_owned)),
            Refusal::AllocationsOutstanding { service, allocated } => {
                plain(Code::AllocationsOutstanding)
                    .service(service.as_str())
                    .allocated(allocated)
            }
            Refusal::Shortfall(shortfall) => Self::from(*shortfall),
            Refusal::NilMember => plain(Code::InvalidRequest).at("member_id"),
            Refusal::NothingAsked | Refusal::TransferToSelf | Refusal::RepeatedRow => {
                plain(Code::InvalidRequest)
            }
            Refusal::RepeatedService { service } => {
                plain(Code::InvalidRequest).service(service.as_str())
            }
            Refusal::Rows(rows) => {
                let errors = rows.into_iter().map(|row| {
                    let index = i64::try_from(row.index).unwrap_or(i64::MAX);
                    Self::from(row.refusal).index(index).to_json()
                });
                plain(Code::BatchRefused).errors(errors.collect::<Vec<_>>())
            }
            Refusal::AmountOutOfRange => plain(Code::AmountOutOfRange),
            Refusal::OccurredInFuture { .. } => plain(Code::InvalidRequest).at("occurred_at"),
            Refusal::HoldNotFound { hold_id } => {
                plain(Code::HoldNotFound).hold_id(hold_id.as_str())
            }
            Refusal::UsageNotFound { usage_id } => {
                plain(Code::UsageNotFound).usage_id(usage_id.to_string())
            }
            Refusal::UsageUnattributed { usage_id } => {
                plain(Code::UsageUnattributed).usage_id(usage_id.to_string())
            }
            Refusal::CorrectionExceedsUsage {
                units,
                refunded,
                asked,
            } => plain(Code::CorrectionExceedsUsage)
                .units(units)
                .refunded(refunded)
                .asked(Quota::from(asked)),
            Refusal::HoldClosed { hold_id } => plain(Code::HoldClosed).hold_id(hold_id.as_str()),
            Refusal::SelfServiceOff => plain(Code::SelfServiceOff),
            Refusal::RequestPending {
                request_id,
                service,
            } => plain(Code::RequestPending)
                .request_id(request_id.to_string())
                .service(service.as_str()),
            Refusal::RequestNotFound { request_id } => {
                plain(Code::RequestNotFound).request_id(request_id.to_string())
            }
            Refusal::RequestClosed { request_id, status } => plain(Code::RequestClosed)
                .request_id(request_id.to_string())
                .request_status(status.as_str()),
            Refusal::OwnRequest { request_id } => {
                plain(Code::OwnRequest).request_id(request_id.to_string())
            }
            Refusal::GrantAboveAsked {
                service,
                asked,
                granted,
            } => plain(Code::GrantAboveAsked)
                .service(service.as_str())
                .asked(Quota::from(asked))
                .granted(granted),
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
            .rule(shortfall.rule.as_str())
            .level(shortfall.level.as_str())
            .service(shortfall.service.as_str())
            .limit(shortfall.limit)
            .used(shortfall.used)
            .held(shortfall.held)
            .asked(shortfall.asked)
            .available(shortfall.available)
            .resets_at(shortfall.resets_at);
        if code == Code::QuotaExceeded {
            problem.rate_limited(&shortfall)
        } else {
            problem
        }
    }
}
