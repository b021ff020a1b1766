//! `ledger bench reads`: does a school of many events read as fast as a small one, while it is
//! debited?

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;

use super::installation::{Installation, School};
use super::load::{self, Load, Pace};
use super::report::Report;

/// Debits that one call sends while the school is filled.
const FILLED_AT_ONCE: u64 = 1_000;

/// How many members the school has.
const MEMBERS: usize = 100;

#[derive(Args, Clone, Debug)]
pub struct Reads {
    /// Seconds that each read is measured for.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Events of the school.
    #[arg(long, default_value_t = 100_000)]
    events: u64,
    /// Debits a second meanwhile.
    #[arg(long, default_value_t = 1_000)]
    debits: u32,
    /// Reads a second.
    #[arg(long, default_value_t = 50)]
    reads: u32,
}

pub async fn measure(args: &Reads, installation: &Installation) -> anyhow::Result<Report> {
    let round = Duration::from_secs(args.seconds);
    let school = installation
        .school(MEMBERS)
        .await
        .context("setting the school up")?;
    let filled = Load::batches(installation, &school)
        .times(args.events / FILLED_AT_ONCE)
        .run(1, Pace::Closed, Duration::from_secs(600))?;
    anyhow::ensure!(filled.failed == 0, "{} debits failed", filled.failed);
    installation.caught_up().await?;

    let mut report = Report::default();
    for (name, paths) in paths(args, &school) {
        let (debits, reads) = load::run_both(
            (
                Load::debits(installation, &school),
                16,
                Pace::PerSecond(f64::from(args.debits)),
            ),
            (
                Load::reads(installation, &paths),
                4,
                Pace::PerSecond(f64::from(args.reads)),
            ),
            round,
        )?;
        anyhow::ensure!(debits.failed == 0, "{} debits failed", debits.failed);
        anyhow::ensure!(reads.failed == 0, "{}: {} reads failed", name, reads.failed);
        report.row(name, &reads);
    }
    installation.check_books().await?;
    Ok(report)
}

/// Each read of the API that people wait for, in its dearest everyday form.
fn paths(args: &Reads, school: &School) -> Vec<(&'static str, Vec<String>)> {
    let base = format!("/v1/schools/{}", school.id);
    let member = school.members[0];
    let year = "from=2026-01-01&to=2099-12-31";
    // All over the log: what lies behind the last snapshot before it is folded.
    let moments = || (1..=97).map(|part| args.events * part / 97);
    let once = |rest: String| vec![format!("{base}{rest}")];
    vec![
        ("the school's balance", once("/balance".to_owned())),
        (
            "a member's balance",
            once(format!("/members/{member}/balance")),
        ),
        (
            "the school's balance as of an event",
            moments()
                .map(|seq| format!("{base}/balance?as_of_seq={seq}"))
                .collect(),
        ),
        (
            "a member's balance as of an event",
            moments()
                .map(|seq| format!("{base}/members/{member}/balance?as_of_seq={seq}"))
                .collect(),
        ),
        ("all members", once("/members?limit=100".to_owned())),
        (
            "pending requests",
            once("/requests?status=pending".to_owned()),
        ),
        (
            "unattributed usage",
            once("/unattributed?limit=100".to_owned()),
        ),
        (
            "the history's newest page",
            once("/history?limit=100".to_owned()),
        ),
        (
            "a member's history",
            once(format!("/history?limit=100&member={member}")),
        ),
        (
            "usage by day and member",
            once(format!(
                "/usage?granularity=day&{year}&group_by=member,service"
            )),
        ),
        (
            "usage by month and model",
            once(format!(
                "/usage?granularity=month&{year}&group_by=model,outcome"
            )),
        ),
        (
            "100 events of the log",
            once("/events?after=50000&limit=100".to_owned()),
        ),
    ]
}
