//! The table. A new operation is a new row.
//!
//! What stands in the path is said by name: `{school}`, `{service}`, `{department}` and `{member}`
//! are there for every row ([`super::house`]), the department being the calling teacher's, the
//! member he himself, or a colleague for those who may do it to others; whatever else there is, or
//! must not be used twice, is a [`Thing`] that the row names.

use ledger_core::Role::{self, Auditor, PlatformAdmin, Principal, PrincipalAdmin, Proxy, Teacher};
use serde_json::json;

use super::row::{Row, Thing};

const PLATFORM: &[Role] = &[PlatformAdmin];
const SPENDERS: &[Role] = &[Proxy];
const MANAGERS: &[Role] = &[Principal, PrincipalAdmin, PlatformAdmin];
const ADMINISTRATORS: &[Role] = &[PrincipalAdmin, PlatformAdmin];
const READERS: &[Role] = &[Principal, PrincipalAdmin, Auditor, PlatformAdmin];
const BALANCE_READERS: &[Role] = &[Principal, PrincipalAdmin, Auditor, PlatformAdmin, Proxy];
const TEACHERS: &[Role] = &[Teacher];

/// Who may do what, and how it is asked for.
pub const TABLE: &[Row] = &[
    // Usage.
    Row::of("debit", SPENDERS).json(|house, n| house.debit(n)),
    Row::of("debit_batch", SPENDERS).text("application/x-ndjson", |house, n| {
        format!("{}\n", house.debit(n))
    }),
    Row::of("place_hold", SPENDERS).json(|house, n| house.hold(n)),
    Row::of("settle_hold", SPENDERS)
        .with(&[("id", Thing::OpenHold)])
        .json(|_, _| json!({"units": 1})),
    Row::of("release_hold", SPENDERS)
        .with(&[("id", Thing::OpenHold)])
        .json(|_, _| json!({"reason": "not needed"})),
    Row::of("report_usage", SPENDERS)
        .text("application/cloudevents+json", |house, n| house.report(n).to_string()),
    Row::of("report_usage_to_collector", SPENDERS)
        .text("application/cloudevents+json", |house, n| house.report(n).to_string()),
    Row::of("correct_usage", MANAGERS)
        .with(&[("id", Thing::Debit)])
        .json(|_, _| json!({"reason": "a test"})),
    Row::of("list_unattributed", READERS),
    Row::of("assign_usage", MANAGERS)
        .with(&[("event_id", Thing::ParkedUsage)])
        .json(|house, _| json!({"member_id": house.teacher, "reason": "a test"})),
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
    Row::of("close_department", MANAGERS).with(&[("department", Thing::NewDepartment)]),
    Row::of("list_members", READERS),
    Row::of("enrol_member", MANAGERS).json(|_, _| json!({"role": "teacher"})),
    Row::shared("read_member", READERS, TEACHERS),
    Row::of("change_member", MANAGERS)
        .with(&[("member", Thing::NewMember)])
        .json(|_, _| json!({"role": "auditor"})),
    Row::of("remove_member", MANAGERS).with(&[("member", Thing::NewMember)]),
    Row::of("erase_member", ADMINISTRATORS)
        .with(&[("member", Thing::NewMember)])
        .json(|_, _| json!({"reason": "request 17"})),
    Row::of("set_allocation", MANAGERS)
        .json(|_, n| json!({"units": 10_000 + n, "reason": "a test"})),
    Row::of("set_department_allocation", MANAGERS)
        .with(&[("department", Thing::NewDepartment)])
        .json(|_, n| json!({"units": n, "reason": "a test"})),
    Row::of("allocate_batch", MANAGERS).json(|house, _| {
        json!({"reason": "a test", "items": [{"op": "add", "member_id": house.teacher,
            "service": "claude_messages", "units": 1}]})
    }),
    Row::of("export_allocations", READERS),
    Row::of("import_allocations", MANAGERS)
        .query("reason=a%20test")
        .text("text/csv", |house, n| {
            let (teacher, units) = (house.teacher, 10_000 + n);
            format!("member_id,service,units\n{teacher},claude_messages,{units}\n")
        }),
    Row::of("suspend_member", MANAGERS)
        .with(&[("member", Thing::NewMember)])
        .json(|_, _| json!({"reason": "on leave"})),
    Row::of("reactivate_member", MANAGERS)
        .with(&[("member", Thing::NewMember)])
        .json(|_, _| json!({"reason": "back again"})),
    // Requests for units.
    Row::shared("file_request", MANAGERS, TEACHERS)
        .with(&[("nothing", Thing::NoRequest)])
        .json(|house, _| house.request()),
    Row::of("approve_request", MANAGERS)
        .with(&[("request", Thing::PendingRequest)])
        .json(|_, _| json!({"reason": "a test"})),
    Row::of("reject_request", MANAGERS)
        .with(&[("request", Thing::PendingRequest)])
        .json(|_, _| json!({"reason": "a test"})),
    Row::shared("withdraw_request", MANAGERS, TEACHERS)
        .with(&[("request", Thing::PendingRequest)]),
    Row::shared("list_requests", READERS, TEACHERS),
    Row::shared("read_request", READERS, TEACHERS)
        .with(&[("request", Thing::PendingRequest)]),
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
    Row::of("revoke_api_key", ADMINISTRATORS).with(&[("key_id", Thing::SchoolApiKey)]),
    Row::of("list_platform_api_keys", PLATFORM),
    Row::of("make_platform_api_key", PLATFORM).json(|_, _| json!({"label": "a proxy"})),
    Row::of("revoke_platform_api_key", PLATFORM).with(&[("key_id", Thing::PlatformApiKey)]),
    // Operations.
    Row::open("healthz"),
    Row::open("readyz"),
    Row::open("metrics"),
    Row::open("openapi_json"),
];
