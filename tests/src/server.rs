//! Server processes, and callers of their HTTP API.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use chrono::Utc;
use ledger_auth::{JwtSettings, TokenGrant, TokenIssuer};
use ledger_core::{Role, SchoolId, Timestamp};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

use crate::postgres::Postgres;

/// The secret of the suites' tokens.
pub const SECRET: &str = "a secret of the suites, of more than 32 bytes";

const START_LIMIT: Duration = Duration::from_secs(60);

/// The path of the built executable, in the folder above the test programs.
///
/// # Panics
/// If the workspace is not built; `make test` builds it.
#[must_use]
pub fn executable() -> PathBuf {
    let mut path = std::env::current_exe().expect("this program's path");
    path.pop();
    path.pop();
    path.push("ledger");
    assert!(
        path.exists(),
        "{} is missing: cargo build --workspace",
        path.display()
    );
    path
}

/// A running `ledger serve`.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:…`
    pub base: String,
}

impl Server {
    /// Starts a server on this Postgres; returns when it listens.
    pub async fn start(postgres: &Postgres) -> Self {
        Self::start_with(postgres, &[]).await
    }

    /// The same with further settings.
    ///
    /// # Panics
    /// If it does not become ready.
    pub async fn start_with(postgres: &Postgres, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(executable())
            .arg("serve")
            .env("DATABASE_URL", postgres.url())
            .env("LEDGER_LISTEN", "127.0.0.1:0")
            .env("LEDGER_JWT_SECRET", SECRET)
            .env("LEDGER_RATE_LIMIT_PEOPLE_PER_SECOND", "0")
            .env("LEDGER_LOG_FILTER", "error")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("ledger serve starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let base = tokio::time::timeout(START_LIMIT, async {
            loop {
                let line = lines
                    .next_line()
                    .await
                    .expect("its output")
                    .expect("a line");
                if let Some(base) = line.strip_prefix("ledger: listening on ") {
                    return base.to_owned();
                }
            }
        })
        .await
        .expect("ledger serve becomes ready");
        Self { child, base }
    }

    /// Kills it, as a crash would.
    ///
    /// # Panics
    /// If it has ended.
    pub async fn kill_9(mut self) {
        self.child.kill().await.expect("it runs");
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If it has ended.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().expect("it runs").cast_signed());
        kill(pid, signal).expect("a signal");
    }

    /// Stops it with SIGTERM; returns when it has ended.
    ///
    /// # Panics
    /// If it has ended, or ends with an error.
    pub async fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.child.wait().await.expect("its status");
        assert!(status.success(), "ledger serve ended with {status}");
    }

    /// A caller of a role, with a new subject.
    #[must_use]
    pub fn as_role(&self, role: Role, school: Option<Uuid>) -> Person {
        self.person(role, school, Uuid::now_v7())
    }

    /// A caller with this subject.
    #[must_use]
    pub fn person(&self, role: Role, school: Option<Uuid>, subject: Uuid) -> Person {
        Person {
            http: reqwest::Client::new(),
            base: self.base.clone(),
            token: token(role, school, &subject.to_string()),
        }
    }

    /// A caller with this token, which need not be valid.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Person {
        let (http, base) = (reqwest::Client::new(), self.base.clone());
        Person {
            http,
            base,
            token: token.to_owned(),
        }
    }
}

/// A token that the suites' servers accept.
///
/// # Panics
/// If the role requires a school and there is none.
#[must_use]
pub fn token(role: Role, school: Option<Uuid>, subject: &str) -> String {
    let settings = JwtSettings {
        hs256_secret: Some(SecretString::from(SECRET)),
        ..JwtSettings::default()
    };
    let grant = TokenGrant {
        role,
        school: school.map(SchoolId),
        subject,
        ttl_seconds: 3_600,
    };
    TokenIssuer::new(&settings)
        .expect("settings")
        .issue(grant, Timestamp::new(Utc::now()))
        .expect("a token")
        .expose_secret()
        .to_owned()
}

/// A caller of the API with a token.
#[derive(Clone, Debug)]
pub struct Person {
    http: reqwest::Client,
    /// The base URL of the server.
    pub base: String,
    token: String,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body, or null if it is not JSON.
    pub body: Value,
}

impl Answer {
    /// Reads a response to its end.
    ///
    /// # Errors
    /// If the connection breaks.
    pub async fn of(response: reqwest::Response) -> Result<Self, reqwest::Error> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
        Ok(Self {
            status,
            headers,
            body,
        })
    }

    /// The last part of the problem's type, or the status if there is no problem.
    #[must_use]
    pub fn problem(&self) -> String {
        let code = self.body["type"]
            .as_str()
            .and_then(|t| t.rsplit('/').next());
        code.map_or_else(|| self.status.to_string(), str::to_owned)
    }

    /// The body of a response that must be a success.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{}: {}", self.status, self.body);
        self.body
    }

    /// `Ledger-Seq`.
    ///
    /// # Panics
    /// If it is missing.
    #[must_use]
    pub fn seq(&self) -> i64 {
        self.headers["ledger-seq"]
            .to_str()
            .expect("text")
            .parse()
            .expect("a number")
    }
}

impl Person {
    /// The same caller on another server.
    #[must_use]
    pub fn at(&self, server: &Server) -> Self {
        Self {
            base: server.base.clone(),
            ..self.clone()
        }
    }

    /// A caller with this token on the server at `base`.
    #[must_use]
    pub fn with_token(base: &str, token: &str) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: base.to_owned(),
            token: token.to_owned(),
        }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// If there is no response.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token)
            .timeout(Duration::from_secs(40));
        if let Some(body) = body {
            request = request.json(body);
        }
        Answer::of(request.send().await?).await
    }

    /// Sends a request with further headers.
    ///
    /// # Panics
    /// If there is no response.
    pub async fn send_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> reqwest::Response {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.expect("an answer")
    }

    /// Sends a body that is not JSON.
    ///
    /// # Panics
    /// If there is no response.
    pub async fn send_text(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token)
            .body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("an answer");
        Answer::of(response).await.expect("all of the answer")
    }

    /// `GET`.
    ///
    /// # Panics
    /// If there is no response.
    pub async fn get(&self, path: &str) -> Answer {
        self.try_send(Method::GET, path, None)
            .await
            .expect("an answer")
    }

    /// `POST`.
    ///
    /// # Panics
    /// If there is no response.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.try_send(Method::POST, path, Some(&body))
            .await
            .expect("an answer")
    }

    /// `PUT`.
    ///
    /// # Panics
    /// If there is no response.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.try_send(Method::PUT, path, Some(&body))
            .await
            .expect("an answer")
    }

    /// `PATCH`.
    ///
    /// # Panics
    /// If there is no response.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.try_send(Method::PATCH, path, Some(&body))
            .await
            .expect("an answer")
    }
}

/// A school registered over HTTP, whose members have `allocated` units of `claude_messages` each.
#[derive(Clone, Debug)]
pub struct HttpSchool {
    /// Its id.
    pub id: Uuid,
    /// Its members.
    pub members: Vec<Uuid>,
}

impl HttpSchool {
    /// Registers the school.
    ///
    /// # Panics
    /// If a step is refused.
    pub async fn register(server: &Server, total: i64, members: usize, allocated: i64) -> Self {
        let admin = server.as_role(Role::PlatformAdmin, None);
        let school = json!({"name": "Test School", "org_type": "k12", "tier": "enterprise",
            "time_zone": "Africa/Johannesburg", "totals": {"claude_messages": total}});
        let id = admin.post("/v1/schools", school).await.ok()["school_id"].clone();
        let id: Uuid = id.as_str().expect("an id").parse().expect("a UUID");
        let school = Self {
            id,
            members: (0..members).map(|_| Uuid::now_v7()).collect(),
        };
        let none = json!({"claude_messages": 0, "content_generation": 0, "assessment_ai": 0});
        let settings = json!({"max_individual_quota": {"claude_messages": "unlimited"},
            "default_member_quota": none});
        let _ = admin.patch(&school.path("/settings"), settings).await.ok();
        for member in &school.members {
            let body = json!({"member_id": member, "role": "teacher"});
            let _ = admin.post(&school.path("/members"), body).await.ok();
            let path = school.path(&format!("/members/{member}/allocations/claude_messages"));
            let body = json!({"units": allocated, "reason": "for the test"});
            let _ = admin.put(&path, body).await.ok();
        }
        school
    }

    /// A path of this school.
    #[must_use]
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/schools/{}{rest}", self.id)
    }

    /// The body of a debit.
    #[must_use]
    pub fn debit(&self, id: &str, member: Uuid, units: i64) -> Value {
        json!({"id": id, "member_id": member, "service": "claude_messages", "units": units})
    }
}

/// Polls until `done` returns true.
///
/// # Panics
/// If that takes more than a minute.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut done: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut poll = tokio::time::interval(Duration::from_millis(20));
    while !done().await {
        assert!(Instant::now() < deadline, "timed out: {what}");
        poll.tick().await;
    }
}
