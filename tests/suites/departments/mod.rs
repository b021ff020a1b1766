//! Departments: the limits of pool, department and member hold together, and callers see only the
//! departments that they may.

mod allocating;
mod drawing;
mod moving;
mod opening;
mod reading;
mod rolling;
mod tables;

use std::ops::Deref;

use ledger_tests::books;
use ledger_tests::server::Answer;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fixture::{self, CLAUDE, claude, code};

/// A school of 1,000 Claude messages whose three teachers hold 100 each, and two departments
/// without units and members.
struct Fixture {
    base: fixture::Fixture,
    ada: Uuid,
    bob: Uuid,
    eve: Uuid,
    languages: Uuid,
    sciences: Uuid,
}

impl Deref for Fixture {
    type Target = fixture::Fixture;

    fn deref(&self) -> &Self::Target {
        &self.base
    }
}

impl Fixture {
    async fn start() -> Self {
        let base = fixture::Fixture::start(1_000, 3, 100).await;
        let [ada, bob, eve] = [0, 1, 2].map(|n| base.school.members[n]);
        let [languages, sciences] = [(); 2].map(|()| Uuid::now_v7());
        let fixture = Self {
            base,
            ada,
            bob,
            eve,
            languages,
            sciences,
        };
        for (id, name) in [(languages, "Languages"), (sciences, "Sciences")] {
            let open = json!({"department_id": id, "name": name});
            let opened = fixture.post("/departments", open).await;
            // Other callers read the department and its balance from here on.
            for path in [
                format!("/departments/{id}"),
                format!("/departments/{id}/balance"),
            ] {
                let _ = fixture.read_after(&path, opened.seq()).await;
            }
        }
        fixture
    }

    /// Sends a request as the principal.
    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let path = self.path(path);
        let answer = self.principal.try_send(method, &path, body.as_ref());
        answer.await.unwrap()
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// Sets the allocation of a holder: `members/{id}` or `departments/{id}`.
    async fn allocate(&self, holder: &str, units: i64) -> Answer {
        let path = format!("/{holder}/allocations/{CLAUDE}");
        let body = json!({"units": units, "reason": "the plan"});
        self.send(Method::PUT, &path, Some(body)).await
    }

    async fn allocate_to_department(&self, department: Uuid, units: i64) -> Answer {
        self.allocate(&format!("departments/{department}"), units)
            .await
    }

    async fn allocate_to_member(&self, member: Uuid, units: i64) -> Answer {
        self.allocate(&format!("members/{member}"), units).await
    }

    /// Moves a member into a department, or out of any.
    async fn move_to(&self, member: Uuid, department: Option<Uuid>) -> Answer {
        let body = json!({"department_id": department});
        self.patch(&format!("/members/{member}"), body).await
    }

    /// Changes many allocations.
    async fn batch(&self, items: Value) -> Answer {
        let body = json!({"reason": "the plan", "items": items});
        self.post("/allocations/batch", body).await
    }

    /// Lets members draw on their departments.
    async fn enable_drawing(&self) {
        let _ = self
            .change_settings(json!({"draw_on_department": true}))
            .await;
    }

    /// The Claude messages of the school's balance, once the event at `seq` is applied.
    async fn pool_balance(&self, seq: i64) -> Value {
        claude(&self.read_after("/balance", seq).await)
    }

    async fn department_balance(&self, department: Uuid, seq: i64) -> Value {
        let path = format!("/departments/{department}/balance");
        claude(&self.read_after(&path, seq).await)
    }

    /// Stops once the books are right and the read models equal the output of `ledger replay`.
    async fn stop(self) {
        let head = books::check(&self.postgres, self.school.id).await;
        let replayed = books::replay(&self.postgres, self.school.id).await;
        self.assert_equals_replay(&replayed, &format!("min_seq={head}"))
            .await;
        self.base.stop().await;
    }

    /// Asserts that every balance in the API is the replayed one.
    async fn assert_equals_replay(&self, replayed: &Value, query: &str) {
        let read = async |path: String| {
            let answer = self.send(Method::GET, &path, None).await.ok();
            answer["services"].clone()
        };
        let school = read(format!("/balance?{query}")).await;
        assert_eq!(school, replayed["services"], "the school, {query}");
        for (kind, id) in [("departments", "department_id"), ("members", "member_id")] {
            for holder in replayed[kind].as_array().unwrap() {
                if holder["status"] == "removed" {
                    continue;
                }
                let id = holder[id].as_str().unwrap();
                let path = format!("/{kind}/{id}/balance?{query}");
                assert_eq!(read(path).await, holder["services"], "{kind} {id}, {query}");
            }
        }
    }
}

/// The values of a refusal: code, level, limit, asked and available.
fn refusal_values(problem: &Value) -> Value {
    let [level, limit, asked, available] =
        ["level", "limit", "asked", "available"].map(|name| &problem[name]);
    json!([code(problem), level, limit, asked, available])
}
