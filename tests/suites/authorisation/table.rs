//! The access table. A new operation needs a new row.
//!
//! Every row can use the path parameters `{school}`, `{service}`, `{department}` and `{member}`
//! ([`super::fixture`]): the department of the calling teacher, and as the member the teacher, or a
//! colleague where the caller may act for others. Other parameters, and those that a request
//! consumes, are a [`Resource`] of the row.

use ledger_core::Role::{self, Auditor, PlatformAdmin, Principal, PrincipalAdmin, Proxy, Teacher};
use serde_json::{Value, json};

use super::fixture::Fixture;
use super::row::{Resource, Row};

const PLATFORM: &[Role] = &[PlatformAdmin];
const SPENDERS: &[Role] = &[Proxy];
const MANAGERS: &[Role] = &[Principal, PrincipalAdmin, PlatformAdmin];
const ADMINISTRATORS: &[Role] = &[PrincipalAdmin, PlatformAdmin];
const READERS: &[Role] = &[Principal, PrincipalAdmin, Auditor, PlatformAdmin];
const BALANCE_READERS: &[Role] = &[Principal, PrincipalAdmin, Auditor, PlatformAdmin, Proxy];
const TEACHERS: &[Role] = &[Teacher];

/// The allowed callers and a valid request for every operation.
pub const TABLE: &[Row] = &[
    // Usage.
    Row::of("debit", SPENDERS).json(|fixture, n| fixture.debit(n)),
    Row::of("debit_batch", SPENDERS).text("application/x-ndjson", |fixture, n| {
        format!("{}\n", fixture.debit(n))
    }),
    Row::of("place_hold", SPENDERS).json(|fixture, n| fixture.hold(n)),
    Row::of("settle_hold", SPENDERS)
        .with(&[("id", Resource::OpenHold)])
        .json(|_, _| json!({"units": 1})),
    Row::of("release_hold", SPENDERS)
        .with(&[("id", Resource::OpenHold)])
        .json(|_, _| json!({"reason": "not needed"})),
    Row::of("report_usage", SPENDERS)
        .text("application/cloudevents+json", |fixture, n| fixture.report(n).to_string()),
    Row::of("report_usage_to_collector", SPENDERS)
        .text("application/cloudevents+json", |fixture, n| fixture.report(n).to_string()),
    Row::of("correct_usage", MANAGERS)
        .with(&[("id", Resource::Debit)])
        .json(|_, _| json!({"reason": "a test"})),
    Row::of("list_unattributed", READERS),
    Row::of("assign_usage", MANAGERS)
        .with(&[("event_id", Resource::UnattributedUsage)])
        .json(|fixture, _| json!({"member_id": fixture.teacher, "reason": "a test"})),
    // Schools, departments, members, allocations.
    Row::of("register_school", PLATFORM).json(|_, _| {
        json!({"name": "Another", "org_type": "k12", "tier": "enterprise", "time_zone": "UTC"})
    }),
    Row::of("read_school", READERS),
    Row::of("set_subscription", MANAGERS)
        .json(|_, n| json!({"totals": {"claude_messages": 1_000_000 + n}})),
    Row::of("change_settings", MANAGERS)
        .json(|_, n| json!({"default_member_quota": {"claude_messages": n}})),
    Row::of("list_departments", READERS),
    Row::of("open_department", MANAGERS).json(|_, _| json!({"name": "Arts"})),
    Row::shared("read_department", READERS, TEACHERS),
    Row::of("close_department", MANAGERS).with(&[("department", Resource::NewDepartment)]),
    Row::of("list_members", READERS),
    Row::of("enrol_member", MANAGERS).json(|_, _| json!({"role": "teacher"})),
    Row::shared("read_member", READERS, TEACHERS),
    of_new_member("change_member", MANAGERS, |_, _| json!({"role": "auditor"})),
    Row::of("remove_member", MANAGERS).with(&[("member", Resource::NewMember)]),
    of_new_member("erase_member", ADMINISTRATORS, |_, _| json!({"reason": "request 17"})),
    Row::of("set_allocation", MANAGERS)
        .json(|_, n| json!({"units": 10_000 + n, "reason": "a test"})),
    Row::of("set_department_allocation", MANAGERS)
        .with(&[("department", Resource::NewDepartment)])
        .json(|_, n| json!({"units": n, "reason": "a test"})),
    Row::of("allocate_batch", MANAGERS).json(|fixture, _| {
        json!({"reason": "a test", "items": [{"op": "add", "member_id": fixture.teacher,
            "service": "claude_messages", "units": 1}]})
    }),
    Row::of("export_allocations", READERS),
    Row::of("import_allocations", MANAGERS)
        .query("reason=a%20test")
        .text("text/csv", |fixture, n| {
            let (teacher, units) = (fixture.teacher, 10_000 + n);
            format!("member_id,service,units\n{teacher},claude_messages,{units}\n")
        }),
    of_new_member("suspend_member", MANAGERS, |_, _| json!({"reason": "on leave"})),
    of_new_member("reactivate_member", MANAGERS, |_, _| json!({"reason": "the leave ended"})),
    // Requests for units.
    Row::shared("file_request", MANAGERS, TEACHERS)
        .with(&[("nothing", Resource::NoRequest)])
        .json(|fixture, _| fixture.request()),
    decision("approve_request"),
    decision("reject_request"),
    Row::shared("withdraw_request", MANAGERS, TEACHERS)
        .with(&[("request", Resource::PendingRequest)]),
    Row::shared("list_requests", READERS, TEACHERS),
    Row::shared("read_request", READERS, TEACHERS)
        .with(&[("request", Resource::PendingRequest)]),
    // Reads.
    Row::of("read_school_balance", BALANCE_READERS),
    Row::shared("read_department_balance", BALANCE_READERS, TEACHERS),
    Row::shared("read_member_balance", BALANCE_READERS, TEACHERS),
    Row::shared("list_history", READERS, TEACHERS),
    Row::shared("read_usage", READERS, TEACHERS),
    // The log.
    Row::of("list_events", READERS),
    Row::of("follow_events", READERS),
    // API keys.
    Row::of("list_api_keys", ADMINISTRATORS),
    Row::of("make_api_key", ADMINISTRATORS).json(|_, _| json!({"label": "a proxy"})),
    Row::of("revoke_api_key", ADMINISTRATORS).with(&[("key_id", Resource::SchoolApiKey)]),
    Row::of("list_platform_api_keys", PLATFORM),
    Row::of("make_platform_api_key", PLATFORM).json(|_, _| json!({"label": "a proxy"})),
    Row::of("revoke_platform_api_key", PLATFORM).with(&[("key_id", Resource::PlatformApiKey)]),
    // Operations.
    Row::open("healthz"),
    Row::open("readyz"),
    Row::open("metrics"),
    Row::open("openapi_json"),
];

/// A command about a member who is created for it.
const fn of_new_member(
    operation: &'static str,
    all: &'static [Role],
    body: fn(&Fixture, usize) -> Value,
) -> Row {
    Row::of(operation, all)
        .with(&[("member", Resource::NewMember)])
        .json(body)
}

/// A decision on a pending request.
const fn decision(operation: &'static str) -> Row {
    Row::of(operation, MANAGERS)
        .with(&[("request", Resource::PendingRequest)])
        .json(|_, _| json!({"reason": "a test"}))
}
