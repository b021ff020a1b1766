//! The reference: the same debit as hand-written SQL, with counters and a log.

use std::str::FromStr as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::installation::Installation;
use crate::report::Round;

const TABLES: &str = "
    CREATE TABLE school (
        school_id uuid, service text, total bigint, used bigint, PRIMARY KEY (school_id, service)
    );
    CREATE TABLE allocation (
        school_id uuid, member_id uuid, service text, allocated bigint, used bigint,
        PRIMARY KEY (school_id, member_id, service)
    );
    CREATE TABLE log (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, school_id uuid, debit_id text,
        member_id uuid, service text, units bigint, model text, input_tokens bigint,
        output_tokens bigint, cost_micros bigint, latency_ms bigint, outcome text,
        occurred_at timestamptz DEFAULT now(), UNIQUE (school_id, debit_id)
    );";

/// A database with the reference's tables.
#[derive(Clone, Debug)]
pub struct Baseline {
    url: String,
    school: Uuid,
    members: Vec<Uuid>,
}

/// Creates the tables, one school and its members.
pub async fn prepare(installation: &Installation, members: usize) -> anyhow::Result<Baseline> {
    let url = installation.create_database("bench_sql").await?;
    let school = Uuid::now_v7();
    let members: Vec<Uuid> = (0..members).map(|_| Uuid::now_v7()).collect();
    let mut conn = PgConnection::connect(&url).await?;
    sqlx::raw_sql(TABLES).execute(&mut conn).await?;
    sqlx::query("INSERT INTO school VALUES ($1, 'claude_messages', 1000000000, 0)")
        .bind(school)
        .execute(&mut conn)
        .await?;
    sqlx::query(
        "INSERT INTO allocation
         SELECT $1, member_id, 'claude_messages', 10000000, 0
           FROM unnest($2::uuid[]) AS m (member_id)",
    )
    .bind(school)
    .bind(&members)
    .execute(&mut conn)
    .await?;
    conn.close().await?;
    Ok(Baseline {
        url,
        school,
        members,
    })
}

/// Debits on several connections for the duration of a round.
pub async fn run(
    baseline: &Baseline,
    connections: usize,
    round: Duration,
) -> anyhow::Result<Round> {
    let options =
        PgConnectOptions::from_str(&baseline.url)?.options([("synchronous_commit", "on")]);
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(PgConnection::connect_with(&options).await?);
    }
    let started = Instant::now();
    let tasks: Vec<_> = open
        .into_iter()
        .enumerate()
        .map(|(n, conn)| tokio::spawn(debit_until(conn, baseline.clone(), n, started + round)))
        .collect();
    let mut total = Round::new()?;
    for task in tasks {
        let connection = task.await.context("a connection panicked")??;
        total.done += connection.done;
        total.latency_us.add(connection.latency_us)?;
    }
    total.duration = started.elapsed();
    Ok(total)
}

async fn debit_until(
    mut conn: PgConnection,
    baseline: Baseline,
    mut n: usize,
    end: Instant,
) -> anyhow::Result<Round> {
    let mut round = Round::new()?;
    while Instant::now() < end {
        n = n.wrapping_add(1);
        let started = Instant::now();
        let member = baseline.members[n % baseline.members.len()];
        debit(&mut conn, &baseline, member).await?;
        round.done += 1;
        round.record(started.elapsed())?;
    }
    conn.close().await?;
    Ok(round)
}

/// `BEGIN; UPDATE allocation; INSERT log; UPDATE school; COMMIT`.
async fn debit(conn: &mut PgConnection, baseline: &Baseline, member: Uuid) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    sqlx::query(
        "UPDATE allocation SET used = used + 1
          WHERE school_id = $1 AND member_id = $2 AND service = 'claude_messages'
            AND used + 1 <= allocated",
    )
    .bind(baseline.school)
    .bind(member)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO log (school_id, debit_id, member_id, service, units, model, input_tokens,
                          output_tokens, cost_micros, latency_ms, outcome)
         VALUES ($1, $2, $3, 'claude_messages', 1, 'claude-sonnet-4', 812, 344, 5400, 900,
                 'success')",
    )
    .bind(baseline.school)
    .bind(Uuid::new_v4().to_string())
    .bind(member)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "UPDATE school SET used = used + 1 WHERE school_id = $1 AND service = 'claude_messages'",
    )
    .bind(baseline.school)
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}
