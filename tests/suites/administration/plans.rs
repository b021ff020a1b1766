//! Which plan includes what: whoever asks for more is told which plan has it.

use ledger_core::Role;
use ledger_tests::server::{Answer, Person};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{CLAUDE, World, as_refused, refused};

/// A school of one kind, and a member of it.
struct School {
    path: String,
    id: Uuid,
    member: Uuid,
}

impl School {
    async fn register(world: &World, org_type: &str, tier: &str) -> Self {
        let body = json!({"name": "Small", "org_type": org_type, "tier": tier,
            "time_zone": "UTC"});
        let school = world.platform.post("/v1/schools", body).await.ok();
        let id = id(&school["school_id"]);
        let path = format!("/v1/schools/{id}");
        let members = format!("{path}/members");
        let member = json!({"role": "teacher"});
        let member = world.platform.post(&members, member).await.ok();
        Self {
            path,
            id,
            member: id_of_member(&member),
        }
    }

    async fn send(&self, who: &Person, method: Method, path: &str, body: &Value) -> Answer {
        let path = format!("{}{path}", self.path);
        who.try_send(method, &path, Some(body)).await.unwrap()
    }
}

fn id(value: &Value) -> Uuid {
    value.as_str().unwrap().parse().unwrap()
}

fn id_of_member(member: &Value) -> Uuid {
    id(&member["member_id"])
}

/// What a plan without allocations does not include, and what it takes.
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
async fn a_plan_without_allocations_names_the_least_that_has_what_is_asked() {
    let world = World::start().await;
    for (org_type, tier, with_basic, with_advanced) in [
        ("k12", "premium", json!("enterprise"), json!("enterprise")),
        ("preschool", "starter", json!("pro"), Value::Null),
        ("individual", "enterprise", Value::Null, Value::Null),
    ] {
        let school = School::register(&world, org_type, tier).await;
        for (method, path, body, needs) in commands(school.member) {
            let answer = school.send(&world.platform, method, &path, &body).await;
            let what = format!("{org_type} {path} {body}");
            assert_eq!(refused(&answer), as_refused(403, "plan-required"), "{what}");
            assert_eq!(answer.body["has"], "none", "{what}");
            assert_eq!(answer.body["needs"], needs, "{what}");
            let least = if needs == "basic" {
                &with_basic
            } else {
                &with_advanced
            };
            assert_eq!(&answer.body["tier"], least, "{what}");
        }
    }
    world.server.stop().await;
}

#[tokio::test]
async fn a_basic_plan_has_everything_but_transfers() {
    let world = World::start().await;
    let school = School::register(&world, "preschool", "professional").await;
    let colleague = json!({"role": "teacher"});
    let colleague = school
        .send(&world.platform, Method::POST, "/members", &colleague)
        .await
        .ok();
    for (method, path, mut body, needs) in commands(school.member) {
        if needs == "advanced" {
            body["items"] = json!([
                {"op": "add", "member_id": school.member, "service": "assessment_ai", "units": 1},
                {"op": "transfer", "member_id": school.member, "service": CLAUDE, "units": 1,
                    "to_member_id": colleague["member_id"]},
            ]);
            let answer = school.send(&world.platform, method, &path, &body).await;
            assert_eq!(refused(&answer), as_refused(422, "batch-refused"));
            let errors = answer.body["errors"].as_array().unwrap();
            assert_eq!(errors.len(), 1, "{errors:?}");
            assert_eq!(errors[0]["index"], 1);
            assert_eq!(errors[0]["needs"], "advanced");
            assert_eq!(errors[0]["tier"], Value::Null, "no preschool has it");
        } else {
            if path == "/allocations/batch" {
                body["items"].as_array_mut().unwrap().pop();
            }
            let _ = school
                .send(&world.platform, method, &path, &body)
                .await
                .ok();
        }
    }
    world.server.stop().await;
}

#[tokio::test]
async fn without_allocations_members_draw_on_the_pool_and_an_individual_is_one() {
    let world = World::start().await;
    for (org_type, tier, total) in [("k12", "free", 20), ("individual", "pro", 100)] {
        let school = School::register(&world, org_type, tier).await;
        let proxy = world.server.as_role(Role::Proxy, Some(school.id));
        let mut debit = json!({"id": "1", "member_id": school.member, "service": CLAUDE,
            "units": total});
        let all = school.send(&proxy, Method::POST, "/debits", &debit).await;
        assert_eq!(all.body["balance"]["allocated"], total, "{}", all.body);
        debit["id"] = json!("2");
        let more = school.send(&proxy, Method::POST, "/debits", &debit).await;
        assert_eq!(refused(&more), as_refused(429, "quota-exceeded"));
        assert_eq!(more.body["level"], "pool");
    }
    let school = School::register(&world, "individual", "free").await;
    let body = json!({"role": "teacher"});
    let second = school
        .send(&world.platform, Method::POST, "/members", &body)
        .await;
    let expected = as_refused(409, "individual-is-one-member");
    assert_eq!(refused(&second), expected);
    world.server.stop().await;
}
