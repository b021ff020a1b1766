//! Who has no allocation of his own draws on his department's, where the school lets him.

use reqwest::Method;
use serde_json::{Value, json};

use super::{World, as_refused, numbers, refused, told};

/// Ada and Bob are in a department of 50 units, of which Bob holds 20 and Ada nothing.
async fn shared() -> World {
    let world = World::start().await;
    for (member, units) in [(world.ada, 0), (world.bob, 20)] {
        let _ = world.give(member, units).await.ok();
    }
    let _ = world.fund(world.languages, 50).await.ok();
    for member in [world.ada, world.bob] {
        let _ = world.move_to(member, Some(world.languages)).await.ok();
    }
    world
}

const LINE: [&str; 5] = ["level", "allocated", "used", "held", "available"];

#[tokio::test]
async fn a_member_draws_on_his_department_only_where_the_school_lets_him() {
    let world = shared().await;
    let (ada, bob, languages) = (world.ada, world.bob, world.languages);
    let no = world.debit("1", ada, 1).await;
    assert_eq!(refused(&no), as_refused(429, "quota-exceeded"));
    let expected = json!(["quota-exceeded", "member", 0, 1, 0]);
    assert_eq!(numbers(&no.body), expected);

    let on = json!({"draw_on_department": true});
    let on = world.send(Method::PATCH, "/settings", Some(on)).await;
    let changed = json!([false, true]);
    let said = on.body.clone();
    let told_of = |which: &str| said[which]["draw_on_department"].clone();
    assert_eq!(json!([told_of("before"), told_of("settings")]), changed);
    let school = format!("?min_seq={}", on.seq());
    let school = world.send(Method::GET, &school, None).await.ok();
    assert_eq!(school["settings"]["draw_on_department"], true);

    // Bob's 20 are his: 30 of the 50 are there for whoever has none.
    let yes = world.debit("1", ada, 5).await;
    assert_eq!(yes.status, 201, "{}", yes.body);
    let names = ["allocated", "used", "held", "available"];
    assert_eq!(told(&yes.body["balance"], names), json!([30, 5, 0, 25]));
    let line = world.of_member(ada, yes.seq()).await;
    assert_eq!(told(&line, LINE), json!(["department", 30, 5, 0, 25]));
    let line = world.of_member(bob, yes.seq()).await;
    assert_eq!(told(&line, LINE), json!(["member", 20, 0, 0, 20]));

    let too_much = world.debit("2", ada, 26).await;
    assert_eq!(refused(&too_much), as_refused(429, "quota-exceeded"));
    let expected = json!(["quota-exceeded", "department", 30, 26, 25]);
    assert_eq!(numbers(&too_much.body), expected);
    assert_eq!(told(&too_much.body, ["used", "held"]), json!([5, 0]));
    assert!(too_much.headers.contains_key("retry-after"));
    // Nobody in it can be given what was drawn.
    let too_much = world.give(bob, 46).await;
    let expected = json!(["pool-exceeded", "department", 50, 26, 25]);
    assert_eq!(numbers(&too_much.body), expected);

    let spent = world.debit("3", bob, 20).await;
    let names = [
        "allocated",
        "to_members",
        "unallocated",
        "used",
        "held",
        "available",
    ];
    let line = world.of_department(languages, spent.seq()).await;
    assert_eq!(told(&line, names), json!([50, 20, 25, 25, 0, 25]));

    // With an allocation of his own he draws on that; who is in no department on his own anyway.
    let given = world.give(ada, 3).await;
    let line = world.of_member(ada, given.seq()).await;
    assert_eq!(told(&line, LINE), json!(["member", 3, 0, 0, 3]));
    let _ = world.give(world.eve, 0).await.ok();
    let nobody = world.debit("4", world.eve, 1).await;
    assert_eq!(nobody.body["level"], "member");
    world.stop().await;
}

#[tokio::test]
async fn holds_on_a_department_are_settled_released_and_refunded_there() {
    let world = shared().await;
    world.draw_on_department(true).await;
    let (ada, languages) = (world.ada, world.languages);
    let post = async |path: &str, body: Value| {
        let answer = world.proxy.post(&world.school.path(path), body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.body);
        answer
    };
    for id in ["settled", "released", "open"] {
        let _ = post("/holds", world.school.debit(id, ada, 10)).await;
    }
    let full = world.debit("full", ada, 1).await;
    assert_eq!(numbers(&full.body)[1], "department");
    let settled = post("/holds/settled/settle", json!({"units": 12})).await;
    // Everything is held: what exceeds the hold is recorded all the same.
    let names = ["allocated", "used", "held", "available"];
    assert_eq!(
        told(&settled.body["balance"], names),
        json!([30, 12, 20, 0])
    );
    let _ = post("/holds/released/release", json!({})).await;
    // He moves away, and the open hold stays where it was placed.
    let away = world.move_to(ada, Some(world.sciences)).await;
    let names = ["used", "held", "unallocated"];
    let line = world.of_department(languages, away.seq()).await;
    assert_eq!(told(&line, names), json!([12, 10, 8]));
    let open = post("/holds/open/settle", json!({"units": 4})).await;
    let line = world.of_department(languages, open.seq()).await;
    assert_eq!(told(&line, names), json!([16, 0, 14]));

    let correct = json!({"kind": "hold", "units": 5, "reason": "empty answers"});
    let refund = world.post("/debits/settled/correction", correct).await;
    assert_eq!(refund.status, 201, "{}", refund.body);
    let line = world.of_department(languages, refund.seq()).await;
    assert_eq!(told(&line, names), json!([11, 0, 19]));
    world.stop().await;
}

#[tokio::test]
async fn many_debits_at_once_overspend_no_department() {
    let world = shared().await;
    world.draw_on_department(true).await;
    let _ = world.give(world.bob, 0).await.ok();
    // 60 calls of two members who share 50 units.
    let debits: Vec<_> = (0..60)
        .map(|n| {
            let member = if n % 2 == 0 { world.ada } else { world.bob };
            world.school.debit(&format!("d{n}"), member, 1)
        })
        .collect();
    let path = world.school.path("/debits/batch");
    let done = world.proxy.post(&path, json!(debits)).await;
    assert_eq!(told(&done.body, ["accepted", "refused"]), json!([50, 10]));
    let results = done.body["results"].as_array().unwrap();
    let of_department = |result: &Value| result["problem"]["level"] == "department";
    assert!(results.iter().all(of_department), "{results:?}");
    let line = world.of_department(world.languages, done.seq()).await;
    assert_eq!(told(&line, ["used", "available"]), json!([50, 0]));
    world.stop().await;
}
