//! A school that buys less: units are taken back by priority, as the dry run said, and the history
//! says what for.

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::server::Answer;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{CLAUDE, World, as_refused, refused, send};

/// A school with 1,000 units; one member holds 100 at low priority and used 40, the other 100 at
/// high priority.
struct Downgrade {
    world: World,
    low: Uuid,
    high: Uuid,
}

impl Downgrade {
    async fn start() -> Self {
        let world = World::start().await;
        let [low, high] = <[Uuid; 2]>::try_from(world.school.members.clone()).unwrap();
        for (member, priority) in [(low, "low"), (high, "high")] {
            let path = world
                .school
                .path(&format!("/members/{member}/allocations/{CLAUDE}"));
            let terms = json!({"priority": priority, "reason": "the ranking"});
            let _ = world.principal.put(&path, terms).await.ok();
        }
        let proxy = world.server.as_role(Role::Proxy, Some(world.school.id));
        let debit = world.school.debit("1", low, 40);
        let _ = proxy.post(&world.school.path("/debits"), debit).await.ok();
        Self { world, low, high }
    }

    async fn put(&self, key: &str, body: &Value) -> Answer {
        let path = self.world.school.path("/subscription");
        let key = [("idempotency-key", key)];
        send(&self.world.principal, Method::PUT, &path, &key, body).await
    }

    async fn allocated(&self, seq: i64) -> [Value; 2] {
        let mut amounts = Vec::new();
        for member in [self.low, self.high] {
            amounts.push(self.world.balance(member, seq).await["allocated"].clone());
        }
        amounts.try_into().unwrap()
    }
}

#[tokio::test]
async fn units_are_taken_back_by_priority_as_the_dry_run_said() {
    let school = Downgrade::start().await;
    let mut body = json!({"totals": {CLAUDE: 130}, "reclaim": "by_priority", "dry_run": true});
    let plan = json!([
        {"member_id": school.low, "service": CLAUDE, "priority": "low", "before": 100, "after": 40},
        {"member_id": school.high, "service": CLAUDE, "priority": "high", "before": 100, "after": 90},
    ]);
    let dry = school.put("a", &body).await;
    assert_eq!(dry.body["reclaimed"], plan, "{}", dry.body);
    assert_eq!(dry.body["event_id"], Value::Null);
    assert_eq!(dry.body["totals"][CLAUDE], 130);
    let unchanged = school.allocated(dry.seq()).await;
    assert_eq!(unchanged, [json!(100), json!(100)]);

    body["dry_run"] = json!(false);
    let done = school.put("b", &body).await;
    assert_eq!(done.body["reclaimed"], plan, "{}", done.body);
    assert_eq!(done.body["totals_before"][CLAUDE], 1_000);
    assert_eq!(done.seq(), dry.seq() + 3, "two give, then the total falls");
    assert_eq!(school.allocated(done.seq()).await, [json!(40), json!(90)]);
    let again = school.put("b", &body).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.body["reclaimed"], plan);
    assert_eq!(again.body["event_id"], done.body["event_id"]);

    let history = "/history?kind=units_revoked";
    let path = school.world.school.path(history);
    let history = school.world.principal.get(&path).await.ok();
    let entries: Vec<_> = history["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (&entry["cause"], &entry["member_id"], &entry["seq"]))
        .collect();
    let (cause, seq) = (json!("downgrade"), done.seq());
    assert_eq!(
        entries,
        [
            (&cause, &json!(school.high), &json!(seq - 1)),
            (&cause, &json!(school.low), &json!(seq - 2)),
        ]
    );
    let changes = school
        .world
        .school
        .path("/history?kind=subscription_changed");
    let changes = school.world.principal.get(&changes).await.ok();
    let change = &changes["entries"][0];
    assert_eq!(change["seq"], seq);
    assert_eq!(change["before"]["totals"][CLAUDE], 1_000);
    books::check(&school.world.postgres, school.world.school.id).await;
    school.world.server.stop().await;
}

#[tokio::test]
async fn a_total_that_no_taking_back_reaches_is_refused_with_the_number() {
    let school = Downgrade::start().await;
    for (reclaim, total, code, limit) in [
        ("refuse", 199, "total-below-allocated", 200),
        ("refuse", 39, "total-below-usage", 40),
        ("by_priority", 39, "total-below-usage", 40),
    ] {
        let body = json!({"totals": {CLAUDE: total}, "reclaim": reclaim});
        let answer = school.put(&format!("{reclaim} {total}"), &body).await;
        assert_eq!(refused(&answer), as_refused(422, code), "{reclaim} {total}");
        assert_eq!(answer.body["limit"], limit);
    }
    let body = json!({"totals": {CLAUDE: 40}, "reclaim": "by_priority"});
    let least = school.put("least", &body).await;
    assert_eq!(school.allocated(least.seq()).await, [json!(40), json!(0)]);
    let unknown = json!({"totals": {CLAUDE: 40}, "reclaim": "by_age"});
    let unknown = school.put("unknown", &unknown).await;
    assert_eq!(refused(&unknown), as_refused(400, "invalid-request"));
    school.world.server.stop().await;
}

#[tokio::test]
async fn a_plan_without_allocations_takes_everything_unused_back() {
    let school = Downgrade::start().await;
    let mut body = json!({"tier": "free"});
    let outstanding = school.put("a", &body).await;
    let expected = as_refused(409, "allocations-outstanding");
    assert_eq!(refused(&outstanding), expected);
    body["reclaim"] = json!("by_priority");
    let done = school.put("b", &body).await;
    assert_eq!(done.body["management"], "none", "{}", done.body);
    let taken = done.body["reclaimed"].as_array().unwrap();
    assert_eq!(taken.len(), 2);
    assert_eq!(
        (&taken[0]["after"], &taken[1]["after"]),
        (&json!(40), &json!(0))
    );

    // From here on everybody draws on the pool, which what was used before is counted against.
    let proxy = school
        .world
        .server
        .as_role(Role::Proxy, Some(school.world.school.id));
    let debit = school.world.school.debit("2", school.high, 960);
    let debits = school.world.school.path("/debits");
    let spent = proxy.post(&debits, debit).await;
    assert_eq!(spent.body["balance"]["available"], 0, "{}", spent.body);
    let balance = format!("/balance?min_seq={}", spent.seq());
    let balance = school.world.school.path(&balance);
    let balance = school.world.principal.get(&balance).await.ok();
    let services = balance["services"].as_array().unwrap();
    let claude = services
        .iter()
        .find(|row| row["service"] == CLAUDE)
        .unwrap();
    for (name, units) in [("allocated", 40), ("used", 1_000), ("unallocated", 0)] {
        assert_eq!(claude[name], units, "{name}");
    }
    school.world.server.stop().await;
}
