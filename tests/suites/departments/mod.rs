//! Does every level hold at once: what a department has out of the pool, what its members have out
//! of that, and what is spent of it; and does everybody see of it what is his to see?

mod allocating;
mod drawing;
mod moving;
mod opening;
mod reading;
mod rolling;
mod tables;

use ledger_core::Role;
use ledger_tests::books;
use ledger_tests::postgres::Postgres;
use ledger_tests::server::{Answer, HttpSchool, Person, Server};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

const CLAUDE: &str = "claude_messages";

/// A school of 1,000 Claude messages whose three teachers hold 100 each, and two departments that
/// hold nothing yet and that nobody is in.
struct World {
    postgres: Postgres,
    server: Server,
    school: HttpSchool,
    platform: Person,
    principal: Person,
    proxy: Person,
    ada: Uuid,
    bob: Uuid,
    eve: Uuid,
    languages: Uuid,
    sciences: Uuid,
}

impl World {
    async fn start() -> Self {
        let postgres = Postgres::start().await;
        let server = Server::start(&postgres).await;
        let school = HttpSchool::register(&server, 1_000, 3, 100).await;
        let [ada, bob, eve] = [0, 1, 2].map(|n| school.members[n]);
        let world = Self {
            platform: server.as_role(Role::PlatformAdmin, None),
            principal: server.as_role(Role::Principal, Some(school.id)),
            proxy: server.as_role(Role::Proxy, Some(school.id)),
            languages: Uuid::now_v7(),
            sciences: Uuid::now_v7(),
            postgres,
            server,
            school,
            ada,
            bob,
            eve,
        };
        for (id, name) in [(world.languages, "Languages"), (world.sciences, "Sciences")] {
            let open = json!({"department_id": id, "name": name});
            let _ = world.post("/departments", open).await.ok();
        }
        world
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let path = self.school.path(path);
        let answer = self.principal.try_send(method, &path, body.as_ref());
        answer.await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Sets what a member or a department holds; `whose` is the part of the path that names him.
    async fn set(&self, whose: &str, units: Value) -> Answer {
        let path = format!("/{whose}/allocations/{CLAUDE}");
        let body = json!({"units": units, "reason": "the plan"});
        self.send(Method::PUT, &path, Some(body)).await
    }

    /// Sets what a department holds.
    async fn fund(&self, department: Uuid, units: i64) -> Answer {
        self.set(&format!("departments/{department}"), json!(units))
            .await
    }

    /// Sets what a member holds.
    async fn give(&self, member: Uuid, units: i64) -> Answer {
        self.set(&format!("members/{member}"), json!(units)).await
    }

    /// Moves a member.
    async fn move_to(&self, member: Uuid, department: Option<Uuid>) -> Answer {
        let body = json!({"department_id": department});
        let path = format!("/members/{member}");
        self.send(Method::PATCH, &path, Some(body)).await
    }

    /// Changes many allocations.
    async fn batch(&self, items: Value) -> Answer {
        let body = json!({"reason": "the plan", "items": items});
        self.post("/allocations/batch", body).await
    }

    /// A call of a member's.
    async fn debit(&self, id: &str, member: Uuid, units: i64) -> Answer {
        let debit = self.school.debit(id, member, units);
        self.proxy.post(&self.school.path("/debits"), debit).await
    }

    /// Lets members draw on their departments, or not.
    async fn draw_on_department(&self, yes: bool) {
        let body = json!({"draw_on_department": yes});
        let answer = self.send(Method::PATCH, "/settings", Some(body)).await;
        let _ = answer.ok();
    }

    /// What stands of `claude_messages` in the balance of a department, a member or the school
    /// (an empty text), once the event at `seq` counts.
    async fn balance(&self, whose: &str, seq: i64) -> Value {
        let path = format!("{whose}/balance?min_seq={seq}");
        claude(&self.send(Method::GET, &path, None).await.ok())
    }

    async fn of_department(&self, department: Uuid, seq: i64) -> Value {
        self.balance(&format!("/departments/{department}"), seq)
            .await
    }

    async fn of_member(&self, member: Uuid, seq: i64) -> Value {
        self.balance(&format!("/members/{member}"), seq).await
    }

    /// Stops once the books are right: the read models are what `ledger replay` makes of the log.
    async fn stop(self) {
        let head = books::check(&self.postgres, self.school.id).await;
        let replayed = books::replay(&self.postgres, self.school.id).await;
        self.is_as_replayed(&replayed, &format!("min_seq={head}"))
            .await;
        self.server.stop().await;
    }

    /// Every balance that the API reads is the one that was replayed.
    async fn is_as_replayed(&self, replayed: &Value, query: &str) {
        let read = async |path: String| {
            let answer = self.send(Method::GET, &path, None).await.ok();
            answer["services"].clone()
        };
        let school = read(format!("/balance?{query}")).await;
        assert_eq!(school, replayed["services"], "the school, {query}");
        for (kind, id) in [("departments", "department_id"), ("members", "member_id")] {
            for one in replayed[kind].as_array().unwrap() {
                if one["status"] == "removed" {
                    continue;
                }
                let id = one[id].as_str().unwrap();
                let path = format!("/{kind}/{id}/balance?{query}");
                assert_eq!(read(path).await, one["services"], "{kind} {id}, {query}");
            }
        }
    }
}

/// The row of `claude_messages`.
fn claude(balance: &Value) -> Value {
    let mut services = balance["services"].as_array().unwrap().iter();
    services
        .find(|row| row["service"] == CLAUDE)
        .unwrap()
        .clone()
}

/// These members of an object, in this order.
fn told<const N: usize>(object: &Value, names: [&str; N]) -> Value {
    let values: Vec<_> = names.iter().map(|name| object[name].clone()).collect();
    json!(values)
}

/// The numbers of a refusal: its code, level, limit, what was asked and what could be had.
fn numbers(problem: &Value) -> Value {
    let code = problem["type"].as_str().unwrap().rsplit('/').next();
    let [level, limit, asked, available] =
        ["level", "limit", "asked", "available"].map(|name| &problem[name]);
    json!([code, level, limit, asked, available])
}

/// The status and the problem's code.
fn refused(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.problem())
}

/// What [`refused`] gives, written shortly.
fn as_refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
