//! Plans: a command outside of the plan is refused with the cheapest tier that includes it.

use ledger_core::Role;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::start;
use crate::fixture::{CLAUDE, PlanSchool, assert_refused, assert_refused_for};

/// Commands that need allocation management, each with the level that it needs.
fn commands(member: Uuid) -> Vec<(Method, String, Value, &'static str)> {
    let of = |rest: &str| format!("/members/{member}{rest}");
    let item = |op: &str| json!({"op": op, "member_id": member, "service": CLAUDE, "units": 1});
    let batch = |items: Value| json!({"reason": "r", "items": items});
    let mut transfer = item("transfer");
    transfer["to_member_id"] = json!(Uuid::now_v7());
    let allocation = of("/allocations/claude_messages");
    let reason = json!({"reason": "r"});
    let settings = |body: Value| (Method::PATCH, "/settings".to_owned(), body, "basic");
    let batches = |items: Value, needs| {
        (
            Method::POST,
            "/allocations/batch".to_owned(),
            batch(items),
            needs,
        )
    };
    vec![
        (
            Method::PUT,
            allocation.clone(),
            json!({"units": 1, "reason": "r"}),
            "basic",
        ),
        (
            Method::PUT,
            allocation.clone(),
            json!({"priority": "high", "reason": "r"}),
            "basic",
        ),
        (
            Method::PUT,
            allocation,
            json!({"auto_renew": true, "reason": "r"}),
            "basic",
        ),
        batches(json!([item("set"), item("add")]), "basic"),
        batches(json!([item("set"), transfer]), "advanced"),
        (Method::POST, of("/suspend"), reason.clone(), "basic"),
        (Method::POST, of("/reactivate"), reason, "basic"),
        settings(json!({"max_individual_quota": {CLAUDE: 7}})),
        settings(json!({"default_member_quota": {CLAUDE: 7}})),
        (
            Method::POST,
            "/requests".to_owned(),
            json!({"member_id": member, "units": {CLAUDE: 1}, "justification": "exams",
                "urgency": "low"}),
            "basic",
        ),
    ]
}

#[tokio::test]
async fn a_plan_without_allocations_names_the_lowest_tier_that_includes_the_command() {
    let fixture = start().await;
    for (org_type, tier, with_basic, with_advanced) in [
        ("k12", "premium", json!("enterprise"), json!("enterprise")),
        ("preschool", "starter", json!("pro"), Value::Null),
        ("individual", "enterprise", Value::Null, Value::Null),
    ] {
        let school = PlanSchool::register(&fixture.platform, org_type, tier).await;
        for (method, path, body, needs) in commands(school.member) {
            let answer = school.send(&fixture.platform, method, &path, &body).await;
            let case = format!("{org_type} {path} {body}");
            assert_refused_for(&case, &answer, 403, "plan-required");
            assert_eq!(answer.body["has"], "none", "{case}");
            assert_eq!(answer.body["needs"], needs, "{case}");
            let lowest = if needs == "basic" {
                &with_basic
            } else {
                &with_advanced
            };
            assert_eq!(&answer.body["tier"], lowest, "{case}");
        }
    }
    fixture.stop().await;
}

#[tokio::test]
async fn a_basic_plan_includes_all_commands_except_transfers() {
    let fixture = start().await;
    let school = PlanSchool::register(&fixture.platform, "preschool", "professional").await;
    let colleague = json!({"role": "teacher"});
    let colleague = school
        .send(&fixture.platform, Method::POST, "/members", &colleague)
        .await
        .ok();
    for (method, path, mut body, needs) in commands(school.member) {
        if needs == "advanced" {
            body["items"] = json!([
                {"op": "add", "member_id": school.member, "service": "assessment_ai", "units": 1},
                {"op": "transfer", "member_id": school.member, "service": CLAUDE, "units": 1,
                    "to_member_id": colleague["member_id"]},
            ]);
            let answer = school.send(&fixture.platform, method, &path, &body).await;
            assert_refused(&answer, 422, "batch-refused");
            let errors = answer.body["errors"].as_array().unwrap();
            assert_eq!(errors.len(), 1, "{errors:?}");
            assert_eq!(errors[0]["index"], 1);
            assert_eq!(errors[0]["needs"], "advanced");
            assert_eq!(
                errors[0]["tier"],
                Value::Null,
                "no preschool tier includes it"
            );
        } else {
            if path == "/allocations/batch" {
                body["items"].as_array_mut().unwrap().pop();
            }
            let _ = school
                .send(&fixture.platform, method, &path, &body)
                .await
                .ok();
        }
    }
    fixture.stop().await;
}

#[tokio::test]
async fn without_allocations_members_draw_on_the_pool_and_an_individual_school_has_one_member() {
    let fixture = start().await;
    for (org_type, tier, total) in [("k12", "free", 20), ("individual", "pro", 100)] {
        let school = PlanSchool::register(&fixture.platform, org_type, tier).await;
        let proxy = fixture.server.as_role(Role::Proxy, Some(school.id));
        let mut debit = json!({"id": "1", "member_id": school.member, "service": CLAUDE,
            "units": total});
        let all = school.send(&proxy, Method::POST, "/debits", &debit).await;
        assert_eq!(all.body["balance"]["allocated"], total, "{}", all.body);
        debit["id"] = json!("2");
        let more = school.send(&proxy, Method::POST, "/debits", &debit).await;
        assert_refused(&more, 429, "quota-exceeded");
        assert_eq!(more.body["level"], "pool");
    }
    let school = PlanSchool::register(&fixture.platform, "individual", "free").await;
    let body = json!({"role": "teacher"});
    let second = school
        .send(&fixture.platform, Method::POST, "/members", &body)
        .await;
    assert_refused(&second, 409, "individual-is-one-member");
    fixture.stop().await;
}
