//! Downgrades: units are reclaimed by priority, as the dry run shows; the history has the cause.

use ledger_tests::server::Answer;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{both_members, start};
use crate::fixture::{
    CLAUDE, Fixture, assert_refused, assert_refused_for, claude, fields, rows, send,
};

/// A school of 1,000 units. One member holds 100 at low priority and has used 40, the other holds
/// 100 at high priority.
struct Downgrade {
    fixture: Fixture,
    low: Uuid,
    high: Uuid,
}

impl Downgrade {
    async fn start() -> Self {
        let fixture = start().await;
        let [low, high] = both_members(&fixture);
        for (member, priority) in [(low, "low"), (high, "high")] {
            let path = fixture.path(&format!("/members/{member}/allocations/{CLAUDE}"));
            let terms = json!({"priority": priority, "reason": "the ranking"});
            let _ = fixture.principal.put(&path, terms).await.ok();
        }
        let _ = fixture.debit("1", low, 40).await.ok();
        Self { fixture, low, high }
    }

    async fn change_subscription(&self, key: &str, body: &Value) -> Answer {
        let path = self.fixture.path("/subscription");
        let key = [("idempotency-key", key)];
        send(&self.fixture.principal, Method::PUT, &path, &key, body).await
    }

    /// What both members hold, once the event at `seq` is applied.
    async fn allocated(&self, seq: i64) -> [Value; 2] {
        let mut amounts = Vec::new();
        for member in [self.low, self.high] {
            amounts.push(self.fixture.member_balance(member, seq).await["allocated"].clone());
        }
        amounts.try_into().unwrap()
    }
}

#[tokio::test]
async fn a_downgrade_reclaims_units_by_priority_as_its_dry_run_shows() {
    let downgrade = Downgrade::start().await;
    let mut body = json!({"totals": {CLAUDE: 130}, "reclaim": "by_priority", "dry_run": true});
    let plan = json!([
        {"member_id": downgrade.low, "service": CLAUDE, "priority": "low",
            "before": 100, "after": 40},
        {"member_id": downgrade.high, "service": CLAUDE, "priority": "high",
            "before": 100, "after": 90},
    ]);
    let dry = downgrade.change_subscription("a", &body).await;
    assert_eq!(dry.body["reclaimed"], plan, "{}", dry.body);
    assert_eq!(dry.body["event_id"], Value::Null);
    assert_eq!(dry.body["totals"][CLAUDE], 130);
    let unchanged = downgrade.allocated(dry.seq()).await;
    assert_eq!(unchanged, [json!(100), json!(100)]);

    body["dry_run"] = json!(false);
    let done = downgrade.change_subscription("b", &body).await;
    assert_eq!(done.body["reclaimed"], plan, "{}", done.body);
    assert_eq!(done.body["totals_before"][CLAUDE], 1_000);
    assert_eq!(
        done.seq(),
        dry.seq() + 3,
        "two revocations precede the new total"
    );
    assert_eq!(
        downgrade.allocated(done.seq()).await,
        [json!(40), json!(90)]
    );
    let again = downgrade.change_subscription("b", &body).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.body["reclaimed"], plan);
    assert_eq!(again.body["event_id"], done.body["event_id"]);

    let seq = done.seq();
    let history = async |kind: &str| {
        let path = format!("/history?kind={kind}");
        downgrade.fixture.read_after(&path, seq).await
    };
    let revocations = history("units_revoked").await;
    let expected = [
        json!(["downgrade", downgrade.high, seq - 1]),
        json!(["downgrade", downgrade.low, seq - 2]),
    ];
    let names = ["cause", "member_id", "seq"];
    assert_eq!(rows(&revocations["entries"], names), expected);
    let changes = history("subscription_changed").await;
    let change = &changes["entries"][0];
    assert_eq!(change["seq"], seq);
    assert_eq!(change["before"]["totals"][CLAUDE], 1_000);
    downgrade.fixture.check_and_stop().await;
}

#[tokio::test]
async fn a_total_below_what_can_be_reclaimed_is_refused_with_the_limit() {
    let downgrade = Downgrade::start().await;
    for (reclaim, total, code, limit) in [
        ("refuse", 199, "total-below-allocated", 200),
        ("refuse", 39, "total-below-usage", 40),
        ("by_priority", 39, "total-below-usage", 40),
    ] {
        let body = json!({"totals": {CLAUDE: total}, "reclaim": reclaim});
        let answer = downgrade
            .change_subscription(&format!("{reclaim} {total}"), &body)
            .await;
        assert_refused_for(&total, &answer, 422, code);
        assert_eq!(answer.body["limit"], limit);
    }
    let body = json!({"totals": {CLAUDE: 40}, "reclaim": "by_priority"});
    let smallest = downgrade.change_subscription("smallest", &body).await;
    assert_eq!(
        downgrade.allocated(smallest.seq()).await,
        [json!(40), json!(0)]
    );
    let unknown = json!({"totals": {CLAUDE: 40}, "reclaim": "by_age"});
    let unknown = downgrade.change_subscription("unknown", &unknown).await;
    assert_refused(&unknown, 400, "invalid-request");
    downgrade.fixture.stop().await;
}

#[tokio::test]
async fn a_plan_without_allocations_reclaims_all_unused_units() {
    let downgrade = Downgrade::start().await;
    let mut body = json!({"tier": "free"});
    let outstanding = downgrade.change_subscription("a", &body).await;
    assert_refused(&outstanding, 409, "allocations-outstanding");
    body["reclaim"] = json!("by_priority");
    let done = downgrade.change_subscription("b", &body).await;
    assert_eq!(done.body["management"], "none", "{}", done.body);
    let reclaimed = rows(&done.body["reclaimed"], ["after"]);
    assert_eq!(reclaimed, [json!([40]), json!([0])]);

    // From here on members draw on the pool, and earlier usage counts against it.
    let spent = downgrade.fixture.debit("2", downgrade.high, 960).await;
    assert_eq!(spent.body["balance"]["available"], 0, "{}", spent.body);
    let balance = downgrade.fixture.read_after("/balance", spent.seq()).await;
    let names = ["allocated", "used", "unallocated"];
    assert_eq!(fields(&claude(&balance), names), json!([40, 1_000, 0]));
    downgrade.fixture.stop().await;
}
