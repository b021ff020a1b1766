//! `ledger-bench`: throughput, latency and memory of the ledger, as ratios within one run.
//!
//! Everything runs on this machine: a private Postgres in a temporary folder, `ledger serve` as a
//! separate process, and the load generator. The reference is the same debit as hand-written SQL
//! on the same Postgres in the same run. Rounds of the two alternate and the median round counts,
//! so that other load on the machine affects both alike.

mod baseline;
mod installation;
mod load;
mod memory;
mod reads;
mod report;

use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use installation::Installation;
use load::{Load, Pace};
use report::{Report, median, median_by_p99};

/// Measure this machine, as ratios within one run
#[derive(Parser, Clone, Debug)]
#[command(name = "ledger-bench", version, args_conflicts_with_subcommands = true)]
struct Bench {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    writes: Writes,
}

#[derive(Subcommand, Clone, Debug)]
enum What {
    /// Measure every read of a school of many events while debits run
    Reads(reads::Reads),
}

/// Debits, allocations and memory.
#[derive(Args, Clone, Debug)]
struct Writes {
    /// Seconds of each round.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds of each kind; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Connections that debit over HTTP at the same time.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Connections that run the same debit as SQL.
    #[arg(long, default_value_t = 32)]
    sql_connections: usize,
    /// Members of the one school that is debited.
    #[arg(long, default_value_t = 100)]
    members: usize,
    /// Schools of 100 members and 3 services that are loaded to weigh the server; 0 leaves it out.
    #[arg(long, default_value_t = 1_000)]
    schools: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let report = Bench::parse().report().await?;
    print!("{report}");
    Ok(())
}

impl Bench {
    async fn report(self) -> anyhow::Result<Report> {
        let installation = Installation::start().await?;
        let outcome = match &self.what {
            Some(What::Reads(reads)) => reads::measure(reads, &installation).await,
            None => measure(&self.writes, &installation).await,
        };
        installation.stop().await?;
        outcome
    }
}

async fn measure(args: &Writes, installation: &Installation) -> anyhow::Result<Report> {
    let round = Duration::from_secs(args.seconds);
    let school = installation
        .school(args.members)
        .await
        .context("setting the school up")?;
    let sql = baseline::prepare(installation, args.members).await?;
    let mut report = Report::default();

    let mut by_sql = Vec::new();
    let mut by_http = Vec::new();
    for _ in 0..args.rounds {
        by_sql.push(baseline::run(&sql, args.sql_connections, round).await?);
        let load = Load::debits(installation, &school);
        by_http.push(load.run(args.connections, Pace::Closed, round)?);
    }
    let sql = median(&by_sql);
    let http = median(&by_http);
    report.row(
        &format!(
            "the same debit as SQL, {} connections",
            args.sql_connections
        ),
        &sql,
    );
    report.row(
        &format!("debits over HTTP, {} connections", args.connections),
        &http,
    );
    report.ratio(
        "debits over HTTP / as SQL",
        http.per_second() / sql.per_second(),
    );

    let half = Pace::PerSecond(http.per_second() / 2.0);
    let mut halves = Vec::new();
    let mut allocations = Vec::new();
    for _ in 0..args.rounds {
        installation.settle().await?;
        let (debited, allocated) = load::run_both(
            (Load::debits(installation, &school), args.connections, half),
            (
                Load::allocations(installation, &school),
                4,
                Pace::PerSecond(50.0),
            ),
            round,
        )?;
        halves.push(debited);
        allocations.push(allocated);
    }
    report.row("debits at half that load", &median_by_p99(&halves));
    report.row("allocations meanwhile", &median_by_p99(&allocations));

    let replays = Load::replays(installation, &school);
    report.row(
        "replays of debits",
        &replays.run(args.connections, Pace::Closed, round)?,
    );
    let batches = Load::batches(installation, &school);
    report.row(
        "debits in batches of 1,000, each",
        &batches.run(2, Pace::Closed, round)?,
    );

    if args.schools > 0 {
        let loaded = memory::load(installation, args.schools).await?;
        report.memory(&loaded);
    }
    installation.check_books().await?;
    Ok(report)
}
