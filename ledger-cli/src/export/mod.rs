//! `ledger export`

mod output;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::Utc;
use clap::ValueEnum;
use ledger_api::allocation_csv::AllocationPages;
use ledger_api::limits::FRESHNESS_LIMIT;
use ledger_core::{Role, SchoolId, Seq, Timestamp};
use ledger_projections::balance::read::period_has_ended;
use ledger_projections::log::read::{EVENTS_PAGE_MAX, head, page};
use ledger_projections::{Progress, ProjectionName, ReadError, TenantRead, Viewer, wait_for};
use ledger_store::Database;
use ledger_store::writer::Envelope;
use uuid::Uuid;

use crate::config::Settings;
use crate::database_args::DatabaseArgs;
use crate::failure::Failure;
use crate::server::read_catalogue;
use crate::submit::submit;

use output::Output;

/// Write a school's allocations as CSV, or its log as NDJSON
///
/// The table is that of GET …/allocations.csv, the input of `ledger import`; the command waits for
/// the read model to reach the end of the log. Events are those of GET …/events, one per line.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// Id of the school
    #[arg(long, value_name = "UUID")]
    school: Uuid,
    /// Data to write
    #[arg(long, value_enum, default_value_t = What::Allocations)]
    what: What,
    /// Format: csv for allocations, ndjson for events
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// File to write instead of stdout; unchanged if the export fails
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Allocations of departments and members
    Allocations,
    /// All events of the log
    Events,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table (RFC 4180)
    Csv,
    /// One JSON object per line
    Ndjson,
}

impl What {
    const fn format(self) -> Format {
        match self {
            Self::Allocations => Format::Csv,
            Self::Events => Format::Ndjson,
        }
    }
}

impl Export {
    pub async fn run(self, mut settings: Settings) -> Result<(), Failure> {
        let format = self.what.format();
        if self.format.is_some_and(|requested| requested != format) {
            return Err(Failure::usage(
                "allocations are written as csv, events as ndjson",
            ));
        }
        let (database, stop) = self.database.open(&mut settings).await?;
        let written = stop
            .run_until_cancelled(self.write(&database, &settings))
            .await
            .unwrap_or_else(|| Err(Failure::new("interrupted")));
        database.close().await;
        written
    }

    async fn write(&self, database: &Database, settings: &Settings) -> Result<(), Failure> {
        let source = Source {
            database,
            settings,
            viewer: Viewer {
                school_id: SchoolId(self.school),
                role: Role::PlatformAdmin,
                member_id: None,
            },
        };
        let mut output = Output::open(self.output.as_deref())?;
        match self.what {
            What::Allocations => source.allocations(&mut output).await?,
            What::Events => source.events(&mut output).await?,
        }
        Ok(output.finish()?)
    }
}

/// The exported school.
struct Source<'a> {
    database: &'a Database,
    settings: &'a Settings,
    viewer: Viewer,
}

impl Source<'_> {
    async fn read(&self) -> Result<TenantRead, ReadError> {
        TenantRead::begin(self.database, &self.viewer).await
    }

    /// The seq of the last event.
    async fn head(&self) -> Result<Seq, Failure> {
        let mut read = self.read().await?;
        let head = head(&mut read).await?;
        read.finish().await?;
        if head == Seq::ZERO {
            let school_id = self.viewer.school_id;
            return Err(Failure::new(format!("school {school_id} does not exist")));
        }
        Ok(head)
    }

    async fn allocations(&self, output: &mut Output) -> Result<(), Failure> {
        let now = Timestamp::new(Utc::now());
        let mut read = self.read_at_least(self.head().await?).await?;
        if period_has_ended(&mut read, now).await? {
            read.finish().await?;
            read = self.read_at_least(self.catch_up(now).await?).await?;
        }
        let mut pages = AllocationPages::new(read, now);
        while let Some(page) = pages.next().await? {
            output.write(&page)?;
        }
        Ok(())
    }

    /// Begins a read once the workers of other processes have applied the log up to `seq`: the
    /// import of a table without the latest changes would undo them.
    async fn read_at_least(&self, seq: Seq) -> Result<TenantRead, Failure> {
        wait_for(
            self.database,
            &Progress::default(),
            self.viewer.school_id,
            ProjectionName::Balance,
            seq,
            FRESHNESS_LIMIT,
        )
        .await?;
        Ok(self.read().await?)
    }

    /// Records the end of a period that no process has recorded yet, as a read of the API does.
    async fn catch_up(&self, now: Timestamp) -> Result<Seq, Failure> {
        let catalogue = read_catalogue(self.settings.catalogue.as_deref())?;
        let (school, envelope) = (self.viewer.school_id, Envelope::catch_up(now));
        let (database, settings) = (self.database, self.settings);
        let answer = submit(database, settings, Arc::new(catalogue), school, envelope).await?;
        answer
            .map(|receipt| receipt.seq)
            .map_err(|_| Failure::new("could not record the end of the period"))
    }

    /// Writes the log up to its present end. Events do not change, so each page is its own read.
    async fn events(&self, output: &mut Output) -> Result<(), Failure> {
        let head = self.head().await?;
        let mut after = Seq::ZERO;
        while after < head {
            let mut read = self.read().await?;
            let limit = (head.0 - after.0).min(EVENTS_PAGE_MAX);
            let events = page(&mut read, after, limit).await?;
            read.finish().await?;
            let mut lines = Vec::new();
            for event in &events {
                serde_json::to_writer(&mut lines, event)?;
                lines.push(b'\n');
            }
            output.write(&lines)?;
            let missing = || Failure::new(format!("the log has no event {}", after.next()));
            after = events.last().ok_or_else(missing)?.seq;
        }
        Ok(())
    }
}
