//! An erased person is in no read, and the log is unchanged, byte for byte.

use ledger_core::school::SchoolCommand;
use ledger_core::{Action, MemberId, Role};
use ledger_store::writer::WriterSettings;
use ledger_tests::books;
use ledger_tests::postgres::{Postgres, number};
use ledger_tests::school::{School, allocate, enrol, envelope, fresh, writer};
use ledger_tests::server::{Answer, HttpSchool, Person, Server, token};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

/// A school with two colleagues and Thandi, whose e-mail address is an external id.
struct Fixture {
    postgres: Postgres,
    server: Server,
    superuser: PgPool,
    school: HttpSchool,
    admin: Person,
    thandi: Uuid,
}

const THANDI: &str = "thandi@x.example";

impl Fixture {
    async fn start() -> Self {
        let postgres = Postgres::start().await;
        let server = Server::start(&postgres).await;
        let school = HttpSchool::register(&server, 1_000, 2, 100).await;
        let admin = server.as_role(Role::PrincipalAdmin, Some(school.id));
        let body = json!({"role": "teacher", "display_name": "Thandi", "email": THANDI,
            "external_ids": [THANDI, "hr-17"]});
        let member = admin.post(&school.path("/members"), body).await.ok();
        Self {
            superuser: postgres.superuser().await,
            thandi: member["member_id"].as_str().unwrap().parse().unwrap(),
            postgres,
            server,
            school,
            admin,
        }
    }

    /// A person of the school, by an external id.
    fn by_external_id(&self, role: Role, subject: &str) -> Person {
        let token = token(role, Some(self.school.id), subject);
        self.server.bearer(&token)
    }

    async fn change(&self, who: &Person, member: Uuid, what: &str, why: &str) -> Answer {
        let path = self.school.path(&format!("/members/{member}/{what}"));
        let answer = who.post(&path, json!({"reason": why})).await;
        assert!(answer.status.is_success(), "{}", answer.body);
        answer
    }

    async fn erase(&self, member: Uuid, key: &str) -> Answer {
        let path = self.school.path(&format!("/members/{member}/erase"));
        let body = json!({"reason": "request 17"});
        let key = [("idempotency-key", key)];
        let response = self.admin.send_with(Method::POST, &path, &key, Some(&body));
        Answer::of(response.await).await.unwrap()
    }

    /// Count and hash of the log up to an event.
    async fn log(&self, up_to: i64) -> (i64, String) {
        sqlx::query_as(
            "SELECT count(*), md5(string_agg(e::text, E'\n' ORDER BY e.seq))
               FROM event AS e WHERE e.school_id = $1 AND e.seq <= $2",
        )
        .bind(self.school.id)
        .bind(up_to)
        .fetch_one(&self.superuser)
        .await
        .unwrap()
    }

    async fn history(&self, query: &str) -> Vec<Value> {
        let path = self.school.path(&format!("/history?{query}"));
        let history = self.admin.get(&path).await.ok();
        history["entries"].as_array().unwrap().clone()
    }

    /// All stored texts.
    async fn texts(&self) -> Vec<String> {
        sqlx::query_scalar("SELECT body FROM free_text WHERE school_id = $1 ORDER BY body")
            .bind(self.school.id)
            .fetch_all(&self.superuser)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn an_erased_member_is_in_no_read_and_the_log_is_unchanged() {
    let fixture = Fixture::start().await;
    let (thandi, colleague) = (fixture.thandi, fixture.school.members[0]);
    fixture
        .change(&fixture.admin, thandi, "suspend", "an operation")
        .await;
    fixture
        .change(&fixture.admin, thandi, "reactivate", "well again")
        .await;
    fixture
        .change(&fixture.admin, colleague, "suspend", "a sabbatical")
        .await;
    let teacher = fixture.by_external_id(Role::Teacher, THANDI);
    let asked = json!({"member_id": thandi, "units": {"claude_messages": 5},
        "justification": "my own class", "urgency": "low"});
    let asked = teacher.post(&fixture.school.path("/requests"), asked).await;
    let request = asked.body["request_id"].as_str().unwrap().to_owned();
    let head = asked.seq();
    let before = fixture.log(head).await;
    assert_eq!(before.0, head, "all of it");

    let erased = fixture.erase(thandi, "a").await;
    assert!(erased.body["event_id"].is_string(), "{}", erased.body);
    assert_eq!(erased.seq(), head + 1, "the erasure is an event");
    assert_eq!(fixture.log(head).await, before, "byte for byte");
    let texts = fixture.texts().await;
    assert!(texts.contains(&"a sabbatical".to_owned()), "{texts:?}");
    for gone in ["an operation", "well again", "my own class"] {
        assert!(!texts.contains(&gone.to_owned()), "{gone}");
    }
    let left = sqlx::query_scalar::<_, i64>(
        "SELECT count(*) FROM member_directory
          WHERE member_id = $1 AND (display_name IS NOT NULL OR email IS NOT NULL)",
    );
    let left = left.bind(thandi).fetch_one(&fixture.superuser).await;
    assert_eq!(left.unwrap(), 0);

    // Directory, history, log and request contain the id and no personal data.
    let min_seq = format!("min_seq={}", erased.seq());
    let path = fixture.school.path(&format!("/members/{thandi}?{min_seq}"));
    let member = fixture.admin.get(&path).await.ok();
    for name in ["display_name", "email"] {
        assert_eq!(member[name], Value::Null, "{name}");
    }
    assert_eq!(member["external_ids"], json!([]));
    assert!(member["erased_at"].is_string(), "{member}");
    let history = fixture.history(&format!("member={thandi}&{min_seq}")).await;
    let (newest, older) = history.split_first().unwrap();
    assert_eq!(newest["type"], "member_erased");
    assert_eq!(newest["actor"]["role"], "principal_admin");
    assert_eq!(newest["reason"], "request 17");
    assert!(older.iter().all(|entry| entry["reason"] == Value::Null));
    let committed = older.iter().filter(|e| e["reason_commitment"].is_string());
    assert_eq!(committed.count(), 3, "{older:?}");
    let path = fixture.school.path("/events?limit=1000");
    let events = fixture.admin.get(&path).await.ok();
    let with_texts = events["events"].as_array().unwrap().iter();
    let with_texts = with_texts.filter(|e| e["data"]["member_id"] == json!(thandi));
    let with_texts: Vec<_> = with_texts.filter(|e| e["texts"].is_object()).collect();
    assert_eq!(with_texts.len(), 1, "{with_texts:?}");
    assert_eq!(with_texts[0]["type"], "member_erased");
    let request = fixture
        .school
        .path(&format!("/requests/{request}?{min_seq}"));
    let request = fixture.admin.get(&request).await.ok();
    assert_eq!(request["justification"], Value::Null, "{request}");

    // The external ids identify no member; the member id still has its books.
    let proxy = fixture.server.as_role(Role::Proxy, Some(fixture.school.id));
    let debits = fixture.school.path("/debits");
    let by_subject = json!({"id": "1", "subject": "hr-17", "service": "claude_messages"});
    let by_subject = proxy.post(&debits, by_subject).await;
    assert_eq!(by_subject.problem(), "member-not-found");
    books::check(&fixture.postgres, fixture.school.id).await;
    fixture.server.stop().await;
}

#[tokio::test]
async fn another_erasure_deletes_later_texts() {
    let fixture = Fixture::start().await;
    let first = fixture.erase(fixture.thandi, "a").await;
    let repeated = fixture.erase(fixture.thandi, "a").await;
    assert_eq!(repeated.headers["idempotent-replayed"], "true");
    assert_eq!(repeated.body["event_id"], first.body["event_id"]);
    fixture
        .change(&fixture.admin, fixture.thandi, "suspend", "late")
        .await;
    let once_more = fixture.erase(fixture.thandi, "c").await;
    assert!(once_more.body["event_id"].is_string());
    assert!(!fixture.texts().await.contains(&"late".to_owned()));

    let path = fixture
        .school
        .path(&format!("/members/{}/erase", fixture.thandi));
    let blank = fixture.admin.post(&path, json!({"reason": " "})).await;
    assert_eq!(blank.problem(), "invalid-request");
    let without = fixture.admin.try_send(Method::POST, &path, None).await;
    assert!(without.unwrap().ok()["event_id"].is_string());
    let nobody = fixture.erase(Uuid::now_v7(), "d").await;
    assert_eq!(nobody.problem(), "member-not-found");
    fixture.server.stop().await;
}

#[tokio::test]
async fn texts_of_an_erased_author_are_deleted_under_each_of_their_ids() {
    let fixture = Fixture::start().await;
    let members = fixture.school.path("/members");
    let body = json!({"role": "principal", "external_ids": ["pat@x.example"]});
    let pat = fixture.admin.post(&members, body).await.ok();
    let pat: Uuid = pat["member_id"].as_str().unwrap().parse().unwrap();
    let [ada, ben] = <[Uuid; 2]>::try_from(fixture.school.members.clone()).unwrap();
    let by_mail = fixture.by_external_id(Role::Principal, "pat@x.example");
    fixture
        .change(&by_mail, ada, "suspend", "written by mail")
        .await;
    let by_id = fixture.by_external_id(Role::Principal, &pat.to_string());
    fixture
        .change(&by_id, ben, "suspend", "written by id")
        .await;
    fixture
        .change(&fixture.admin, ada, "reactivate", "by another")
        .await;

    let path = fixture.school.path(&format!("/members/{pat}"));
    let gone = fixture.admin.try_send(Method::DELETE, &path, None).await;
    let _ = gone.unwrap().ok();
    let _ = fixture.erase(pat, "a").await;
    let texts = fixture.texts().await;
    for (text, kept) in [
        ("written by mail", false),
        ("written by id", false),
        ("by another", true),
    ] {
        assert_eq!(texts.contains(&text.to_owned()), kept, "{text}: {texts:?}");
    }
    // The token is still valid, so the author can write under an id that no member has.
    let last = fixture
        .change(&by_mail, ada, "suspend", "written afterwards")
        .await;
    let _ = fixture.erase(pat, "b").await;
    assert!(
        !fixture
            .texts()
            .await
            .contains(&"written afterwards".to_owned())
    );
    let query = format!("kind=member_suspended&min_seq={}", last.seq());
    let suspended = fixture.history(&query).await;
    assert_eq!(suspended.len(), 3);
    assert!(suspended.iter().all(|entry| entry["reason"] == Value::Null));
    fixture.server.stop().await;
}

#[tokio::test]
async fn the_subject_of_assigned_usage_is_deleted_too() {
    let fixture = Fixture::start().await;
    let proxy = fixture.server.as_role(Role::Proxy, Some(fixture.school.id));
    for (id, subject) in [("1", "thandi@old.example"), ("2", "another@x.example")] {
        let report = json!({"specversion": "1.0", "id": id, "source": "/gateway",
            "type": "claude_messages", "subject": subject});
        let reported = proxy.post("/v1/events", report).await;
        assert!(reported.status.is_success(), "{}", reported.body);
        if id == "2" {
            break; // stays unattributed
        }
        let path = format!("/unattributed?min_seq={}", reported.seq());
        let list = fixture.admin.get(&fixture.school.path(&path)).await.ok();
        let usage = list["usage"][0]["event_id"].as_str().unwrap();
        let path = fixture
            .school
            .path(&format!("/unattributed/{usage}/assign"));
        let body = json!({"member_id": fixture.thandi, "reason": "an old address"});
        let _ = fixture.admin.post(&path, body).await.ok();
    }
    let _ = fixture.erase(fixture.thandi, "a").await;
    let texts = fixture.texts().await;
    for (text, kept) in [
        ("thandi@old.example", false),
        ("an old address", false),
        ("another@x.example", true),
    ] {
        assert_eq!(texts.contains(&text.to_owned()), kept, "{text}: {texts:?}");
    }
    books::check(&fixture.postgres, fixture.school.id).await;
    fixture.server.stop().await;
}

#[tokio::test]
async fn the_name_of_an_individuals_school_is_deleted_with_the_person() {
    let fixture = Fixture::start().await;
    let platform = fixture.server.as_role(Role::PlatformAdmin, None);
    let body = json!({"name": "Nomsa Dlamini", "org_type": "individual", "tier": "free",
        "time_zone": "UTC"});
    let school = platform.post("/v1/schools", body).await.ok();
    let school = format!("/v1/schools/{}", school["school_id"].as_str().unwrap());
    let body = json!({"role": "teacher", "display_name": "Nomsa Dlamini"});
    let member = platform.post(&format!("{school}/members"), body).await.ok();
    let member = member["member_id"].as_str().unwrap();
    let path = format!("{school}/members/{member}/erase");
    let erased = platform.post(&path, json!({})).await;
    let read = format!("{school}?min_seq={}", erased.seq());
    assert_eq!(platform.get(&read).await.ok()["name"], Value::Null);
    let kept = "SELECT count(*) FROM school_directory WHERE name = 'Nomsa Dlamini'";
    assert_eq!(number(&fixture.superuser, kept).await, 0);

    // The name of a school with several members is not personal data.
    let erased = fixture.erase(fixture.thandi, "a").await;
    let read = format!("?min_seq={}", erased.seq());
    let read = fixture.admin.get(&fixture.school.path(&read)).await.ok();
    assert_eq!(read["name"], "Test School");
    fixture.server.stop().await;
}

/// Commands of one batch are applied in order.
#[tokio::test]
async fn texts_after_an_erasure_in_the_same_batch_are_kept() {
    let postgres = Postgres::start().await;
    let (writer, tasks) = writer(&postgres.database(), WriterSettings::default());
    let school = School::register(&writer, 100, 0, 0).await;
    let ada = MemberId(Uuid::now_v7());
    let school_command = |command| envelope(fresh(), Action::School(command));
    let remove = || school_command(SchoolCommand::RemoveMember { member_id: ada });
    let erase = SchoolCommand::EraseMember {
        member_id: ada,
        reason: None,
    };
    let answers = writer.submit_all(
        school.id,
        vec![
            enrol(ada, Role::Teacher, &["mail", "badge"]),
            allocate(ada, 5),
            remove(),
            enrol(ada, Role::Teacher, &["mail"]),
            school_command(erase),
            remove(),
            enrol(ada, Role::Teacher, &["badge"]),
            allocate(ada, 7),
        ],
    );
    for answer in answers.await.unwrap() {
        answer.unwrap();
    }
    let pool = postgres.superuser().await;
    let ids = "SELECT external_id FROM member_external_id ORDER BY external_id";
    let ids: Vec<String> = sqlx::query_scalar(ids).fetch_all(&pool).await.unwrap();
    assert_eq!(ids, ["badge"]);
    let texts = "SELECT count(*) FROM free_text WHERE member_id IS NOT NULL";
    assert_eq!(
        number(&pool, texts).await,
        1,
        "of the allocation after the erasure"
    );
    let erased = "SELECT count(*) FROM member_directory WHERE erased_at IS NOT NULL";
    assert_eq!(
        number(&pool, erased).await,
        0,
        "the member is enrolled again"
    );
    drop(writer);
    tasks.finish().await;
}
