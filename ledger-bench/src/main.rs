//! `ledger-bench`: throughput, latency and memory of the ledger, as ratios within one run.
//!
//! Everything runs on this machine: a private Postgres in a temporary folder, `ledger serve` as a
//! separate process, and the load generator. The reference is the same debit as hand-written SQL
//! on the same Postgres in the same run. Rounds of the two alternate and the median round counts,
//! so that other load on the machine affects both alike.
//!
//! Order of the files: `report` ← `installation` ← `load` ← `baseline`, `memory`, `reads` ← `main`.

mod baseline;
mod installation;
mod load;
mod memory;
mod reads;
mod report;

use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use installation::{Installation, School};
use load::{Load, Pace};
use report::{Report, median, median_by_p99};

/// Measure throughput, latency and memory on this machine
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
    /// Measure every read of a school with many events during debits
    Reads(reads::Reads),
}

/// Debits, allocations and memory.
#[derive(Args, Clone, Debug)]
struct Writes {
    /// Seconds per round
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds of each kind; the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// HTTP connections that debit
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Connections of the reference
    #[arg(long, default_value_t = 32)]
    sql_connections: usize,
    /// Members of the debited school
    #[arg(long, default_value_t = 100)]
    members: usize,
    /// Schools of 100 members to load for the measurement of memory; 0 omits it
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
    let school = installation.school(args.members).await?;
    let mut report = Report::default();
    let rate = measure_debits(args, installation, &school, &mut report).await?;

    let debits = Load::debits(installation, &school);
    let debits = debits.with(args.connections, Pace::PerSecond(rate / 2.0));
    let allocations = Load::allocations(installation, &school).with(4, Pace::PerSecond(50.0));
    let (mut half, mut meanwhile) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        installation.settle().await?;
        let (debited, allocated) = debits.clone().run_with(allocations.clone(), round)?;
        half.push(debited);
        meanwhile.push(allocated);
    }
    report.row("debits at half that load", &median_by_p99(&half));
    report.row("allocations meanwhile", &median_by_p99(&meanwhile));

    let replays = Load::replays(installation, &school).with(args.connections, Pace::Closed);
    report.row("replays of debits", &replays.run(round)?);
    let batches = Load::batches(installation, &school).with(2, Pace::Closed);
    report.row("debits in batches of 1,000, each", &batches.run(round)?);

    if args.schools > 0 {
        let memory = memory::measure(installation, args.schools).await?;
        report.memory(&memory);
    }
    installation.check_books().await?;
    Ok(report)
}

/// Measures debits beside the reference. Returns their rate.
async fn measure_debits(
    args: &Writes,
    installation: &Installation,
    school: &School,
    report: &mut Report,
) -> anyhow::Result<f64> {
    let round = Duration::from_secs(args.seconds);
    let reference = baseline::prepare(installation, args.members).await?;
    let debits = Load::debits(installation, school).with(args.connections, Pace::Closed);
    let (mut as_sql, mut over_http) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        as_sql.push(baseline::run(&reference, args.sql_connections, round).await?);
        over_http.push(debits.clone().run(round)?);
    }
    let (sql, http) = (median(&as_sql), median(&over_http));
    let connections = args.sql_connections;
    let name = format!("the same debit as SQL, {connections} connections");
    report.row(&name, &sql);
    let name = format!("debits over HTTP, {} connections", args.connections);
    report.row(&name, &http);
    let ratio = http.per_second() / sql.per_second();
    report.ratio("debits over HTTP / as SQL", ratio);
    Ok(http.per_second())
}
