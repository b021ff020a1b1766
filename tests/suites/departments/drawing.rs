//! A member without an allocation draws on the department's, where the settings allow it.

use serde_json::{Value, json};

use super::{Fixture, refusal_values};
use crate::fixture::{assert_refused, fields};

/// Ada and Bob are in a department of 50 units, of which Bob holds 20 and Ada holds none.
async fn shared_department() -> Fixture {
    let fixture = Fixture::start().await;
    for (member, units) in [(fixture.ada, 0), (fixture.bob, 20)] {
        let _ = fixture.allocate_to_member(member, units).await.ok();
    }
    let _ = fixture
        .allocate_to_department(fixture.languages, 50)
        .await
        .ok();
    for member in [fixture.ada, fixture.bob] {
        let _ = fixture.move_to(member, Some(fixture.languages)).await.ok();
    }
    fixture
}

const LINE: [&str; 5] = ["level", "allocated", "used", "held", "available"];

#[tokio::test]
async fn a_member_draws_on_their_department_only_where_the_settings_allow_it() {
    let fixture = shared_department().await;
    let (ada, bob, languages) = (fixture.ada, fixture.bob, fixture.languages);
    let refused = fixture.debit("1", ada, 1).await;
    assert_refused(&refused, 429, "quota-exceeded");
    let expected = json!(["quota-exceeded", "member", 0, 1, 0]);
    assert_eq!(refusal_values(&refused.body), expected);

    let enabled = fixture
        .change_settings(json!({"draw_on_department": true}))
        .await;
    let setting = |which: &str| enabled.body[which]["draw_on_department"].clone();
    assert_eq!(
        (setting("before"), setting("settings")),
        (json!(false), json!(true))
    );
    let school = fixture.read_after("", enabled.seq()).await;
    assert_eq!(school["settings"]["draw_on_department"], true);

    // Bob has 20 of the 50: members without an allocation share the other 30.
    let drawn = fixture.debit("1", ada, 5).await;
    assert_eq!(drawn.status, 201, "{}", drawn.body);
    let names = ["allocated", "used", "held", "available"];
    assert_eq!(fields(&drawn.body["balance"], names), json!([30, 5, 0, 25]));
    let line = fixture.member_balance(ada, drawn.seq()).await;
    assert_eq!(fields(&line, LINE), json!(["department", 30, 5, 0, 25]));
    let line = fixture.member_balance(bob, drawn.seq()).await;
    assert_eq!(fields(&line, LINE), json!(["member", 20, 0, 0, 20]));

    let too_much = fixture.debit("2", ada, 26).await;
    assert_refused(&too_much, 429, "quota-exceeded");
    let expected = json!(["quota-exceeded", "department", 30, 26, 25]);
    assert_eq!(refusal_values(&too_much.body), expected);
    assert_eq!(fields(&too_much.body, ["used", "held"]), json!([5, 0]));
    assert!(too_much.headers.contains_key("retry-after"));
    // Drawn units cannot be allocated to a member.
    let too_much = fixture.allocate_to_member(bob, 46).await;
    let expected = json!(["pool-exceeded", "department", 50, 26, 25]);
    assert_eq!(refusal_values(&too_much.body), expected);

    let spent = fixture.debit("3", bob, 20).await;
    let names = [
        "allocated",
        "to_members",
        "unallocated",
        "used",
        "held",
        "available",
    ];
    let line = fixture.department_balance(languages, spent.seq()).await;
    assert_eq!(fields(&line, names), json!([50, 20, 25, 25, 0, 25]));

    // A member with an allocation, or in no department, uses their own allocation.
    let allocated = fixture.allocate_to_member(ada, 3).await;
    let line = fixture.member_balance(ada, allocated.seq()).await;
    assert_eq!(fields(&line, LINE), json!(["member", 3, 0, 0, 3]));
    let _ = fixture.allocate_to_member(fixture.eve, 0).await.ok();
    let outsider = fixture.debit("4", fixture.eve, 1).await;
    assert_eq!(outsider.body["level"], "member");
    fixture.stop().await;
}

#[tokio::test]
async fn holds_on_a_department_are_settled_released_and_refunded_in_it() {
    let fixture = shared_department().await;
    fixture.enable_drawing().await;
    let (ada, languages) = (fixture.ada, fixture.languages);
    let post = async |path: &str, body: Value| {
        let answer = fixture.proxy.post(&fixture.path(path), body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.body);
        answer
    };
    for id in ["settled", "released", "open"] {
        let _ = post("/holds", fixture.school.debit(id, ada, 10)).await;
    }
    let full = fixture.debit("full", ada, 1).await;
    assert_eq!(refusal_values(&full.body)[1], "department");
    let settled = post("/holds/settled/settle", json!({"units": 12})).await;
    // All units are held; usage above the hold is recorded nevertheless.
    let names = ["allocated", "used", "held", "available"];
    assert_eq!(
        fields(&settled.body["balance"], names),
        json!([30, 12, 20, 0])
    );
    let _ = post("/holds/released/release", json!({})).await;
    // An open hold stays in its department when the member moves.
    let away = fixture.move_to(ada, Some(fixture.sciences)).await;
    let names = ["used", "held", "unallocated"];
    let line = fixture.department_balance(languages, away.seq()).await;
    assert_eq!(fields(&line, names), json!([12, 10, 8]));
    let open = post("/holds/open/settle", json!({"units": 4})).await;
    let line = fixture.department_balance(languages, open.seq()).await;
    assert_eq!(fields(&line, names), json!([16, 0, 14]));

    let correct = json!({"kind": "hold", "units": 5, "reason": "empty answers"});
    let refund = fixture.post("/debits/settled/correction", correct).await;
    assert_eq!(refund.status, 201, "{}", refund.body);
    let line = fixture.department_balance(languages, refund.seq()).await;
    assert_eq!(fields(&line, names), json!([11, 0, 19]));
    fixture.stop().await;
}

#[tokio::test]
async fn concurrent_debits_do_not_overspend_a_department() {
    let fixture = shared_department().await;
    fixture.enable_drawing().await;
    let _ = fixture.allocate_to_member(fixture.bob, 0).await.ok();
    // 60 calls of two members who share 50 units.
    let debits: Vec<_> = (0..60)
        .map(|n| {
            let member = if n % 2 == 0 { fixture.ada } else { fixture.bob };
            fixture.school.debit(&format!("d{n}"), member, 1)
        })
        .collect();
    let path = fixture.path("/debits/batch");
    let done = fixture.proxy.post(&path, json!(debits)).await;
    assert_eq!(fields(&done.body, ["accepted", "refused"]), json!([50, 10]));
    let results = done.body["results"].as_array().unwrap();
    let of_department = |result: &Value| result["problem"]["level"] == "department";
    assert!(results.iter().all(of_department), "{results:?}");
    let line = fixture
        .department_balance(fixture.languages, done.seq())
        .await;
    assert_eq!(fields(&line, ["used", "available"]), json!([50, 0]));
    fixture.stop().await;
}
