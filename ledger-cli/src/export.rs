//! `ledger export`

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::config::Settings;
use crate::server::{open_database, read_catalogue, stop_on_signal};
use crate::telemetry;
use chrono::Utc;
use clap::ValueEnum;
use ledger_api::allocation_csv::AllocationPages;
use ledger_api::limits::FRESHNESS_LIMIT;
use ledger_core::{Role, SchoolId, Seq, Timestamp};
use ledger_projections::balance::read::period_has_ended;
use ledger_projections::log::read::{EVENTS_PAGE_MAX, head, page};
use ledger_projections::{Progress, ProjectionName, TenantRead, Viewer, wait_for};
use ledger_store::Database;
use ledger_store::writer::Envelope;
use tempfile::NamedTempFile;
use uuid::Uuid;

use crate::database_args::DatabaseArgs;
use crate::failure::Failure;
use crate::submit::submit;

/// Write a school's allocations as a CSV table, or its whole log as NDJSON
///
/// The table is that of GET …/allocations.csv, and `ledger import` reads it; it waits until the
/// read model has taken the whole log in. Events are those of GET …/events, one a line.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// Whose
    #[arg(long, value_name = "UUID")]
    school: Uuid,
    /// What to write
    #[arg(long, value_enum, default_value_t = What::Allocations)]
    what: What,
    /// How: csv for allocations, ndjson for events
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Where to, instead of stdout; an export that fails leaves the file as it was
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// What every member holds of every service
    Allocations,
    /// Every event of the log
    Events,
}

/// How it can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table (RFC 4180)
    Csv,
    /// An object of JSON a line
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
    /// Writes it.
    pub async fn run(self, mut settings: Settings) -> Result<(), Failure> {
        telemetry::log_to_stderr(&settings.log).map_err(Failure::usage)?;
        if self
            .format
            .is_some_and(|format| format != self.what.format())
        {
            return Err(Failure::usage(
                "allocations are written as csv, events as ndjson",
            ));
        }
        self.database.apply(&mut settings)?;
        let stop = stop_on_signal().map_err(Failure::no)?;
        let database = open_database(&settings, Duration::ZERO, &stop)
            .await
            .map_err(Failure::no)?;
        let written = tokio::select! {
            written = self.write(&database, &settings) => written,
            () = stop.cancelled() => Err(Failure::no("interrupted")),
        };
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
        let mut output = Output::open(self.output.as_deref()).map_err(Failure::no)?;
        match self.what {
            What::Allocations => source.allocations(&mut output).await?,
            What::Events => source.events(&mut output).await?,
        }
        output.finish().map_err(Failure::no)
    }
}

/// Where an export comes from.
struct Source<'a> {
    database: &'a Database,
    settings: &'a Settings,
    viewer: Viewer,
}

impl Source<'_> {
    async fn read(&self) -> Result<TenantRead, Failure> {
        let read = TenantRead::begin(self.database, &self.viewer).await;
        read.map_err(Failure::no)
    }

    /// Where the log ends.
    async fn head(&self) -> Result<Seq, Failure> {
        let mut read = self.read().await?;
        let head = head(&mut read).await.map_err(Failure::no)?;
        read.finish().await.map_err(Failure::no)?;
        if head == Seq::ZERO {
            let school_id = self.viewer.school_id;
            return Err(Failure::no(format!("there is no school {school_id}")));
        }
        Ok(head)
    }

    async fn allocations(&self, output: &mut Output) -> Result<(), Failure> {
        let now = Timestamp::new(Utc::now());
        let mut read = self.as_fresh_as(self.head().await?).await?;
        if period_has_ended(&mut read, now)
            .await
            .map_err(Failure::no)?
        {
            read.finish().await.map_err(Failure::no)?;
            read = self.as_fresh_as(self.catch_up(now).await?).await?;
        }
        let mut pages = AllocationPages::new(read, now);
        while let Some(page) = pages.next().await.map_err(Failure::no)? {
            output.write(&page).map_err(Failure::no)?;
        }
        Ok(())
    }

    /// A read once the workers, which are other processes' here, have taken in the log up to `seq`:
    /// a table without the last changes would undo them when it is imported again.
    async fn as_fresh_as(&self, seq: Seq) -> Result<TenantRead, Failure> {
        wait_for(
            self.database,
            &Progress::default(),
            self.viewer.school_id,
            ProjectionName::Balance,
            seq,
            FRESHNESS_LIMIT,
        )
        .await
        .map_err(Failure::no)?;
        self.read().await
    }

    /// Has the end of a period recorded that nobody has recorded yet, as a read of the API does.
    async fn catch_up(&self, now: Timestamp) -> Result<Seq, Failure> {
        let catalogue = read_catalogue(self.settings.catalogue.as_deref()).map_err(Failure::no)?;
        let (school, envelope) = (self.viewer.school_id, Envelope::catch_up(now));
        let (database, settings) = (self.database, self.settings);
        let answer = submit(database, settings, Arc::new(catalogue), school, envelope).await?;
        let refused = |_| Failure::no("the end of the period could not be recorded");
        answer.map(|receipt| receipt.seq).map_err(refused)
    }

    /// The log up to where it ends now. What stands there does not change, so that each page can be
    /// a read of its own.
    async fn events(&self, output: &mut Output) -> Result<(), Failure> {
        let head = self.head().await?;
        let mut after = Seq::ZERO;
        while after < head {
            let mut read = self.read().await?;
            let limit = (head.0 - after.0).min(EVENTS_PAGE_MAX);
            let events = page(&mut read, after, limit).await.map_err(Failure::no)?;
            read.finish().await.map_err(Failure::no)?;
            let mut lines = Vec::new();
            for event in &events {
                serde_json::to_writer(&mut lines, event).map_err(Failure::no)?;
                lines.push(b'\n');
            }
            output.write(&lines).map_err(Failure::no)?;
            let Some(last) = events.last() else {
                return Err(Failure::no(format!(
                    "the log has no event {}",
                    after.next()
                )));
            };
            after = last.seq;
        }
        Ok(())
    }
}

/// Where an export goes to.
enum Output {
    Stdout(BufWriter<io::Stdout>),
    /// A new file beside the one that it takes the place of once it is whole.
    File(BufWriter<NamedTempFile>, PathBuf),
    /// Something that is written to as it is, such as a pipe.
    Other(File),
    /// Nobody reads it any more.
    Closed,
}

impl Output {
    fn open(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Stdout(BufWriter::new(io::stdout())));
        };
        if path.metadata().is_ok_and(|there| !there.is_file()) {
            return File::options().write(true).open(path).map(Self::Other);
        }
        // A link stays one: what it leads to is what is written.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            Some(_) | None => Path::new("."),
        };
        let file = NamedTempFile::new_in(folder)?;
        Ok(Self::File(BufWriter::new(file), path))
    }

    /// A reader who has seen enough (`| head`) is no failure.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = match self {
            Self::Stdout(out) => out.write_all(bytes),
            Self::File(out, _) => out.write_all(bytes),
            Self::Other(out) => out.write_all(bytes),
            Self::Closed => Ok(()),
        };
        self.unless_closed(written)
    }

    fn finish(mut self) -> io::Result<()> {
        let flushed = match &mut self {
            Self::Stdout(out) => out.flush(),
            Self::File(out, _) => out.flush(),
            Self::Other(_) | Self::Closed => Ok(()),
        };
        self.unless_closed(flushed)?;
        if let Self::File(out, path) = self {
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
        }
        Ok(())
    }

    fn unless_closed(&mut self, written: io::Result<()>) -> io::Result<()> {
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                *self = Self::Closed;
                Ok(())
            }
            written => written,
        }
    }
}
