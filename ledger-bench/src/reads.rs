//! `ledger-bench reads`: latency of every read of a school with many events, during debits.

use std::time::Duration;

use clap::Args;

use crate::installation::{Installation, School};
use crate::load::{BATCH, Load, Pace};
use crate::report::Report;

/// Members of the school.
const MEMBERS: usize = 100;

/// Limit for the debits that fill the school.
const FILL_LIMIT: Duration = Duration::from_secs(600);

#[derive(Args, Clone, Debug)]
pub struct Reads {
    /// Seconds per read
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Events of the school
    #[arg(long, default_value_t = 100_000)]
    events: u64,
    /// Concurrent debits per second
    #[arg(long, default_value_t = 1_000)]
    debits: u32,
    /// Reads per second
    #[arg(long, default_value_t = 50)]
    reads: u32,
}

pub async fn measure(args: &Reads, installation: &Installation) -> anyhow::Result<Report> {
    let round = Duration::from_secs(args.seconds);
    let school = installation.school(MEMBERS).await?;
    let filled = Load::batches(installation, &school)
        .times(args.events / BATCH)
        .run(FILL_LIMIT)?;
    anyhow::ensure!(filled.failed == 0, "{} debits failed", filled.failed);
    installation.caught_up().await?;

    let mut report = Report::default();
    let debits = Load::debits(installation, &school);
    let debits = debits.with(16, Pace::PerSecond(f64::from(args.debits)));
    for (name, path) in READS {
        let reads = Load::reads(installation, &paths(path, args.events, &school));
        let reads = reads.with(4, Pace::PerSecond(f64::from(args.reads)));
        let (debits, reads) = debits.clone().run_with(reads, round)?;
        anyhow::ensure!(debits.failed == 0, "{} debits failed", debits.failed);
        anyhow::ensure!(reads.failed == 0, "{name}: {} reads failed", reads.failed);
        report.row(name, &reads);
    }
    installation.check_books().await?;
    Ok(report)
}

/// The reads of the API that people wait for, each in its most expensive common form.
const READS: [(&str, &str); 12] = [
    ("the school's balance", "balance"),
    ("a member's balance", "members/{member}/balance"),
    (
        "the school's balance as of an event",
        "balance?as_of_seq={seq}",
    ),
    (
        "a member's balance as of an event",
        "members/{member}/balance?as_of_seq={seq}",
    ),
    ("all members", "members?limit=100"),
    ("pending requests", "requests?status=pending"),
    ("unattributed usage", "unattributed?limit=100"),
    ("the history's newest page", "history?limit=100"),
    ("a member's history", "history?limit=100&member={member}"),
    (
        "usage by day and member",
        "usage?granularity=day&{years}&group_by=member,service",
    ),
    (
        "usage by month and model",
        "usage?granularity=month&{years}&group_by=model,outcome",
    ),
    ("100 events of the log", "events?after=50000&limit=100"),
];

/// The paths of a read. Those of past states are spread over the log: each folds the events since
/// the snapshot before.
fn paths(path: &str, events: u64, school: &School) -> Vec<String> {
    let path = format!("/v1/schools/{}/{path}", school.id)
        .replace("{member}", &school.members[0].to_string())
        .replace("{years}", "from=2026-01-01&to=2099-12-31");
    (1..=97)
        .map(|part| path.replace("{seq}", &(events * part / 97).to_string()))
        .collect()
}
