//! Reads: complete, ordered, as fresh as requested, and live.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use ledger_core::{Commitment, FreeText, Role};
use ledger_tests::books;
use ledger_tests::postgres::Postgres;
use ledger_tests::server::{HttpSchool, Person, Server, eventually};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use uuid::Uuid;

struct Fixture {
    postgres: Postgres,
    server: Server,
    school: HttpSchool,
    principal: Person,
    proxy: Person,
}

impl Fixture {
    async fn start() -> Self {
        let postgres = Postgres::start().await;
        let server = Server::start(&postgres).await;
        let school = HttpSchool::register(&server, 1_000, 3, 100).await;
        let principal = server.as_role(Role::Principal, Some(school.id));
        let proxy = server.as_role(Role::Proxy, Some(school.id));
        Self {
            postgres,
            server,
            school,
            principal,
            proxy,
        }
    }

    async fn debit(&self, id: &str, member: Uuid, more: &Value) -> i64 {
        let mut debit = self.school.debit(id, member, 1);
        for (name, value) in more.as_object().unwrap() {
            debit[name] = value.clone();
        }
        self.proxy
            .post(&self.school.path("/debits"), debit)
            .await
            .ok()["seq"]
            .as_i64()
            .unwrap()
    }
}

#[tokio::test]
async fn a_page_continues_after_the_one_before() {
    let fixture = Fixture::start().await;
    let mut path = fixture.school.path("/members?limit=2&min_seq=8");
    let mut seen = Vec::new();
    loop {
        let page = fixture.principal.get(&path).await;
        let members = page.body["members"].as_array().unwrap();
        seen.extend(
            members
                .iter()
                .map(|m| m["member_id"].as_str().unwrap().to_owned()),
        );
        let Some(link) = page.headers.get("link") else {
            assert_eq!(page.body["next"], Value::Null);
            break;
        };
        let link = link.to_str().unwrap();
        let (target, rel) = link.split_once("; ").unwrap();
        assert_eq!(rel, "rel=\"next\"");
        assert!(target.contains(page.body["next"].as_str().unwrap()));
        path = target.trim_matches(['<', '>']).to_owned();
    }
    let mut expected: Vec<_> = fixture.school.members.iter().map(Uuid::to_string).collect();
    expected.sort();
    assert_eq!(seen, expected);
    for wrong in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "cursor=x",
        "page=2",
        "limit=1&limit=1",
    ] {
        let answer = fixture
            .principal
            .get(&fixture.school.path(&format!("/members?{wrong}")))
            .await;
        assert_eq!(answer.problem(), "invalid-request", "{wrong}");
    }
    fixture.server.stop().await;
}

#[tokio::test]
async fn a_read_waits_for_min_seq_and_for_its_callers_own_writes() {
    let fixture = Fixture::start().await;
    let member = fixture.school.members[0];
    let allocation = fixture
        .school
        .path(&format!("/members/{member}/allocations/claude_messages"));
    let balance = fixture.school.path(&format!("/members/{member}/balance"));
    for units in 101..121 {
        let set = json!({"units": units, "reason": "r"});
        let set = fixture.principal.put(&allocation, set).await;
        let own = fixture.principal.get(&balance).await.ok();
        assert_eq!(own["services"][1]["allocated"], units, "own write");
        let seq = set.seq();
        let fresh = fixture
            .proxy
            .get(&format!("{balance}?min_seq={seq}"))
            .await
            .ok();
        assert_eq!(fresh["services"][1]["allocated"], units, "min_seq");
    }
    let ahead = fixture
        .proxy
        .get(&format!("{balance}?min_seq=1000000"))
        .await;
    assert_eq!(
        (ahead.status.as_u16(), ahead.problem().as_str()),
        (503, "projection-behind")
    );
    assert!(ahead.headers.contains_key("retry-after"));
    assert_eq!(ahead.body["asked_seq"], 1_000_000);

    // A read of an unknown school does not wait.
    let platform = fixture.server.as_role(Role::PlatformAdmin, None);
    for rest in [
        "",
        "/balance",
        "/members",
        "/history",
        "/requests",
        "/usage",
        "/events",
        "/stream",
        "/api-keys",
    ] {
        let query = if matches!(rest, "/stream" | "/api-keys") {
            ""
        } else {
            "?min_seq=7"
        };
        let path = format!("/v1/schools/{}{rest}{query}", Uuid::now_v7());
        let started = std::time::Instant::now();
        assert_eq!(
            platform.get(&path).await.problem(),
            "school-not-found",
            "{path}"
        );
        assert!(started.elapsed() < Duration::from_secs(4), "{path}");
    }
    fixture.server.stop().await;
}

#[tokio::test]
async fn the_history_lists_actor_change_and_reason_newest_first() {
    let fixture = Fixture::start().await;
    let [one, two, _] = <[Uuid; 3]>::try_from(fixture.school.members.clone()).unwrap();
    let transfer = json!({"reason": "helps out", "items": [{"op": "transfer", "member_id": one,
        "to_member_id": two, "service": "claude_messages", "units": 10}]});
    let _ = fixture
        .principal
        .post(&fixture.school.path("/allocations/batch"), transfer)
        .await
        .ok();
    let history = |query: &str| fixture.school.path(&format!("/history?{query}"));

    let page = fixture.principal.get(&history("limit=1")).await;
    assert!(page.headers.contains_key("link"));
    let entries = page.body["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "both sides of a transfer");
    assert!(entries.iter().all(|e| e["type"] == "units_transferred"));
    assert!(
        entries
            .iter()
            .all(|e| e["reason"] == "helps out" && e["cause"] == "batch")
    );
    assert!(entries.iter().all(|e| e["actor"]["role"] == "principal"));

    let of_two = fixture
        .principal
        .get(&history(&format!("member={two}")))
        .await
        .ok();
    let of_two = of_two["entries"].as_array().unwrap();
    assert_eq!(
        (
            &of_two[0]["before"]["allocated"],
            &of_two[0]["after"]["allocated"]
        ),
        (&json!(100), &json!(110))
    );
    let kinds = history("kind=member_enrolled&service=claude_messages");
    assert_eq!(
        fixture.principal.get(&kinds).await.ok()["entries"],
        json!([])
    );
    let kinds = fixture
        .principal
        .get(&history("kind=member_enrolled"))
        .await
        .ok();
    assert_eq!(kinds["entries"].as_array().unwrap().len(), 3);

    let teacher = fixture
        .server
        .person(Role::Teacher, Some(fixture.school.id), two);
    let own = teacher.get(&history("limit=1000")).await.ok();
    let own = own["entries"].as_array().unwrap();
    assert!(!own.is_empty() && own.iter().all(|e| e["member_id"] == json!(two)));
    let other = teacher.get(&history(&format!("member={one}"))).await;
    assert_eq!(other.problem(), "member-not-found");
    for (wrong, code) in [
        ("kind=usage_debited", "invalid-request"),
        ("service=video", "unknown-service"),
    ] {
        assert_eq!(
            fixture.principal.get(&history(wrong)).await.problem(),
            code,
            "{wrong}"
        );
    }
    fixture.server.stop().await;
}

#[tokio::test]
async fn usage_is_summed_by_the_requested_groups() {
    let fixture = Fixture::start().await;
    let [one, two, _] = <[Uuid; 3]>::try_from(fixture.school.members.clone()).unwrap();
    let day = |n: u32| format!("2026-03-{n:02}T10:00:00Z");
    for (id, member, model, at) in [
        ("1", one, "sonnet", day(2)),
        ("2", one, "haiku", day(2)),
        ("3", two, "haiku", day(3)),
    ] {
        let more = json!({"model": model, "occurred_at": at, "input_tokens": 10, "output_tokens": 5,
            "latency_ms": 100, "cost_micros": 7, "outcome": "success"});
        fixture.debit(id, member, &more).await;
    }
    let seq = fixture
        .debit("4", two, &json!({"occurred_at": day(31)}))
        .await;
    let usage = |person: &Person, query: &str| {
        let path = fixture
            .school
            .path(&format!("/usage?min_seq={seq}&{query}"));
        let person = person.clone();
        async move { person.get(&path).await }
    };
    let march = "from=2026-03-01&to=2026-03-31";
    let days = usage(&fixture.principal, march).await.ok();
    let rows = days["rows"].as_array().unwrap();
    let summary: Vec<_> = rows
        .iter()
        .map(|r| {
            (
                r["bucket"].as_str().unwrap(),
                r["requests"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        summary,
        [("2026-03-02", 2), ("2026-03-03", 1), ("2026-03-31", 1)]
    );
    assert_eq!(
        (&rows[0]["total_tokens"], &rows[0]["average_latency_ms"]),
        (&json!(30), &json!(100))
    );

    let month = format!("granularity=month&group_by=model,member&{march}");
    let month = usage(&fixture.principal, &month).await.ok();
    let rows = month["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 4, "a row for each member and model: {rows:?}");
    assert!(rows.iter().all(|r| r["bucket"] == "2026-03-01"));

    let teacher = fixture
        .server
        .person(Role::Teacher, Some(fixture.school.id), one);
    let own = usage(&teacher, &format!("granularity=month&{march}"))
        .await
        .ok();
    assert_eq!(own["rows"][0]["requests"], 2);
    assert_eq!(
        usage(&teacher, &format!("member={two}")).await.problem(),
        "member-not-found"
    );
    let empty = usage(&fixture.principal, "from=2026-04-01&to=2026-03-01")
        .await
        .ok();
    assert_eq!(
        (&empty["rows"], &empty["is_truncated"]),
        (&json!([]), &json!(false))
    );
    for wrong in [
        "granularity=week",
        "group_by=school",
        "from=yesterday",
        "until=2026-03-01",
    ] {
        assert_eq!(
            usage(&fixture.principal, wrong).await.problem(),
            "invalid-request",
            "{wrong}"
        );
    }
    fixture.server.stop().await;
}

#[tokio::test]
async fn the_log_is_complete_in_pages_and_as_lines() {
    let fixture = Fixture::start().await;
    let [one, ..] = fixture.school.members[..] else {
        panic!()
    };
    fixture.debit("1", one, &json!({})).await;
    let head = books::check(&fixture.postgres, fixture.school.id).await;
    let mut after = 0;
    let mut paged = Vec::new();
    loop {
        let path = fixture
            .school
            .path(&format!("/events?after={after}&limit=3"));
        let page = fixture.principal.get(&path).await.ok();
        let events = page["events"].as_array().unwrap();
        paged.extend(events.iter().cloned());
        let next = page["next_after"].as_i64().unwrap();
        if events.is_empty() {
            assert_eq!(next, after);
            break;
        }
        after = next;
    }
    let seqs: Vec<_> = paged.iter().map(|e| e["seq"].as_i64().unwrap()).collect();
    assert_eq!(seqs, (1..=head).collect::<Vec<_>>());

    let lines = |query: &str| {
        let path = fixture.school.path(&format!("/events?{query}"));
        let principal = fixture.principal.clone();
        async move {
            let accept = [("accept", "application/x-ndjson")];
            let response = principal.send_with(Method::GET, &path, &accept, None).await;
            assert_eq!(response.headers()["content-type"], "application/x-ndjson");
            let text = response.text().await.unwrap();
            assert!(text.is_empty() || text.ends_with('\n'));
            text.lines()
                .map(|l| serde_json::from_str(l).unwrap())
                .collect::<Vec<Value>>()
        }
    };
    assert_eq!(lines("").await, paged);
    assert_eq!(lines("after=2&limit=2").await, paged[2..4]);
    assert_eq!(lines(&format!("after={head}")).await, Vec::<Value>::new());

    // The commitment proves a reason that is still kept.
    let allocated = paged
        .iter()
        .find(|e| e["type"] == "units_allocated")
        .unwrap();
    let reason = &allocated["texts"]["reason"];
    let salt = hex(reason["salt"].as_str().unwrap());
    let text = FreeText::new(reason["text"].as_str().unwrap(), salt).unwrap();
    let commitment: Commitment =
        serde_json::from_value(allocated["data"]["reason"].clone()).unwrap();
    assert_eq!(text.commitment(), commitment);

    let types: BTreeSet<_> = paged.iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert!(types.contains("usage_debited") && types.contains("school_registered"));
    let html = [("accept", "text/html")];
    let path = fixture.school.path("/events");
    let refused = fixture
        .principal
        .send_with(Method::GET, &path, &html, None)
        .await;
    assert_eq!(refused.status(), 406);
    let ahead = fixture
        .principal
        .get(&fixture.school.path("/events?min_seq=1000"))
        .await;
    assert_eq!(ahead.problem(), "projection-behind");
    fixture.server.stop().await;
}

fn hex(digits: &str) -> [u8; 16] {
    let bytes: Vec<_> = (0..digits.len() / 2)
        .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    bytes.try_into().unwrap()
}

/// The server-sent events of a response, one by one.
struct Messages {
    response: Response,
    buffer: String,
}

impl Messages {
    async fn follow(person: &Person, path: &str, headers: &[(&str, &str)]) -> Self {
        let response = person.send_with(Method::GET, path, headers, None).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            buffer: String::new(),
        }
    }

    /// Returns the next message's id, event and data; `None` at the end of the stream.
    async fn next(&mut self) -> Option<(i64, String, Value)> {
        loop {
            if let Some((message, rest)) = self.buffer.split_once("\n\n") {
                let field = |name: &str| {
                    let value = message.lines().find_map(|line| line.strip_prefix(name));
                    value.map(|value| value.trim_start().to_owned())
                };
                let read = field("id:").map(|id| {
                    let data = serde_json::from_str(&field("data:").unwrap()).unwrap();
                    (id.parse().unwrap(), field("event:").unwrap(), data)
                });
                self.buffer = rest.to_owned();
                if read.is_some() {
                    return read;
                }
                continue; // a comment
            }
            let chunk = tokio::time::timeout(Duration::from_secs(30), self.response.chunk());
            let chunk = chunk.await.expect("a message within 30 seconds").unwrap()?;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[tokio::test]
async fn the_live_stream_is_complete_across_processes() {
    let fixture = Fixture::start().await;
    let other = Server::start(&fixture.postgres).await;
    let member = fixture.school.members[0];
    let path = fixture.school.path("/stream");
    let mut live = Messages::follow(&fixture.principal, &path, &[]).await;
    let mut all = Messages::follow(&fixture.principal, &format!("{path}?after=0"), &[]).await;
    assert_eq!(all.next().await.unwrap().1, "school_registered");

    let first = fixture.debit("here", member, &json!({})).await;
    let there = fixture.proxy.at(&other);
    let debit = fixture.school.debit("there", member, 1);
    let second = there
        .post(&fixture.school.path("/debits"), debit)
        .await
        .ok()["seq"]
        .as_i64()
        .unwrap();
    for (seq, key) in [(first, "here"), (second, "there")] {
        let (id, event, data) = live.next().await.unwrap();
        assert_eq!((id, event.as_str()), (seq, "usage_debited"));
        assert_eq!(
            (&data["seq"], &data["data"]["id"]),
            (&json!(seq), &json!(key))
        );
    }
    for seq in 2..=second {
        assert_eq!(all.next().await.unwrap().0, seq);
    }

    // After a disconnection the client continues at its last event.
    drop(live);
    let last = [("last-event-id", first.to_string())];
    let last: Vec<_> = last.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let mut again = Messages::follow(&fixture.principal, &format!("{path}?after=0"), &last).await;
    assert_eq!(again.next().await.unwrap().0, second);

    // A server that stops closes its streams and does not wait for the clients.
    let stopped = tokio::time::timeout(Duration::from_secs(20), fixture.server.stop());
    let (ended, stopped) = tokio::join!(again.next(), stopped);
    assert!(ended.is_none() && stopped.is_ok());
    other.stop().await;
}

#[tokio::test]
async fn a_stream_ends_when_the_token_expires() {
    let fixture = Fixture::start().await;
    let server = Server::start_with(&fixture.postgres, &[("LEDGER_JWT_LEEWAY_SECONDS", "0")]).await;
    let settings = ledger_auth::JwtSettings {
        hs256_secret: Some(secrecy::SecretString::from(ledger_tests::server::SECRET)),
        ..Default::default()
    };
    let issuer = ledger_auth::TokenIssuer::new(&settings).unwrap();
    let grant = ledger_auth::TokenGrant {
        role: Role::Auditor,
        school: Some(ledger_core::SchoolId(fixture.school.id)),
        subject: "auditor",
        ttl_seconds: 2,
    };
    let now = ledger_core::Timestamp::new(chrono::Utc::now());
    let token = issuer.issue(grant, now).unwrap();
    let auditor = server.bearer(secrecy::ExposeSecret::expose_secret(&token));
    let path = fixture.school.path("/stream");
    let mut live = Messages::follow(&auditor, &path, &[]).await;
    assert!(
        live.next().await.is_none(),
        "the stream ends with the token"
    );
    server.stop().await;
    fixture.server.stop().await;
}

#[tokio::test]
async fn a_long_export_blocks_no_other_request() {
    let fixture = Fixture::start().await;
    let member = fixture.school.members[0];
    let _ = fixture
        .principal
        .put(
            &fixture
                .school
                .path(&format!("/members/{member}/allocations/claude_messages")),
            json!({"units": 800, "reason": "r"}),
        )
        .await
        .ok();
    let debits: Vec<_> = (0..2_500)
        .map(|n| fixture.school.debit(&n.to_string(), member, 0))
        .collect();
    let batch = fixture.school.path("/debits/batch");
    let _ = fixture.proxy.post(&batch, Value::Array(debits)).await.ok();
    let head = books::check(&fixture.postgres, fixture.school.id).await;
    let path = fixture.school.path("/events");
    let accept = [("accept", "application/x-ndjson")];
    let response = fixture
        .principal
        .send_with(Method::GET, &path, &accept, None)
        .await;
    let mut body = response.bytes_stream();
    let mut lines = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.unwrap();
        lines += chunk.iter().filter(|byte| **byte == b'\n').count();
        // No transaction is open between two pages.
        if lines > 1_000 && lines < 1_100 {
            fixture.debit("meanwhile", member, &json!({})).await;
        }
    }
    assert_eq!(
        i64::try_from(lines).unwrap(),
        head,
        "up to the head when it was asked for"
    );
    eventually("nothing left open", || async {
        let open = "SELECT count(*) FROM pg_stat_activity
                     WHERE application_name = 'ledger_reader' AND state <> 'idle'";
        ledger_tests::postgres::number(&fixture.postgres.superuser().await, open).await == 0
    })
    .await;
    fixture.server.stop().await;
}
