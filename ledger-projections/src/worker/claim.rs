//! Checkpoints: the last applied event of each build of each read model in each school's stream,
//! and the locks by which one worker at a time advances them.

use std::collections::BTreeMap;

use ledger_core::{SchoolId, Seq};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::ApplyError;
use crate::projection::{Build, ProjectionName};

/// Builds of a school at the same checkpoint.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub school_id: SchoolId,
    pub at: Seq,
    /// The last event to apply.
    pub upto: Option<Seq>,
    pub builds: Vec<NamedBuild>,
}

/// One build of one read model.
pub(crate) type NamedBuild = (ProjectionName, Build);

/// A school's stream and the checkpoints in it.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoints {
    pub head: Seq,
    pub checkpoints: Vec<Checkpoint>,
}

/// The checkpoint of one build of one read model in a school's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub build: NamedBuild,
    pub is_live: bool,
    pub seq: Seq,
    /// Whether it has no row yet.
    is_new: bool,
    /// Whether an event could not be applied.
    pub is_halted: bool,
}

/// The checkpoints of the live and next builds of `names` in the streams of `schools`. Schools
/// without a stream are left out.
pub(crate) async fn checkpoints(
    conn: &mut PgConnection,
    schools: &[SchoolId],
    names: &[&str],
) -> Result<BTreeMap<SchoolId, Checkpoints>, ApplyError> {
    let schools: Vec<Uuid> = schools.iter().map(|school_id| school_id.0).collect();
    let rows = sqlx::query_file!(
        "src/worker/queries/checkpoints.sql",
        &schools,
        names as &[&str],
    )
    .fetch_all(conn)
    .await
    .map_err(ApplyError::at("reading checkpoints"))?;
    let mut all = BTreeMap::new();
    for row in rows {
        let of_school = all
            .entry(SchoolId(row.school_id))
            .or_insert_with(|| Checkpoints {
                head: Seq(row.head_seq),
                checkpoints: Vec::new(),
            });
        of_school.checkpoints.push(Checkpoint {
            build: (name(&row.name)?, Build(row.build)),
            is_live: row.is_live,
            seq: Seq(row.seq),
            is_new: row.is_new,
            is_halted: row.is_halted,
        });
    }
    Ok(all)
}

/// Inserts the missing checkpoints, outside of the folding transaction: another process that
/// inserts the same ones would wait for its end.
pub(crate) async fn open(
    conn: &mut PgConnection,
    all: &BTreeMap<SchoolId, Checkpoints>,
) -> Result<(), ApplyError> {
    let mut columns = Columns::default();
    for (school_id, of_school) in all {
        let missing = of_school
            .checkpoints
            .iter()
            .filter(|checkpoint| checkpoint.is_new);
        for checkpoint in missing {
            columns.push(*school_id, checkpoint.build, checkpoint.seq);
        }
    }
    if columns.schools.is_empty() {
        return Ok(());
    }
    let insert = sqlx::query!(
        "INSERT INTO projection_checkpoint (school_id, name, build)
         SELECT d.school_id, d.name, d.build
           FROM unnest($1::uuid[], $2::text[], $3::integer[]) AS d (school_id, name, build)
           JOIN projection AS p ON p.name = d.name AND d.build IN (p.live_build, p.next_build)
         ON CONFLICT (school_id, name, build) DO NOTHING",
        &columns.schools,
        &columns.names as &[&str],
        &columns.builds,
    );
    ApplyError::run("inserting checkpoints", insert.execute(conn)).await
}

/// The checkpoints of one school that a worker has locked, until its transaction ends.
#[derive(Debug)]
pub(crate) struct Claim {
    pub held: Vec<NamedBuild>,
    /// The head of the stream when the locks were taken. Events up to it are visible.
    pub head: Seq,
}

/// Locks the checkpoints of `groups` that are still at their group's event and not locked by
/// another process.
pub(crate) async fn claim_in_tx(
    tx: &mut PgConnection,
    groups: &[Group],
) -> Result<BTreeMap<SchoolId, Claim>, ApplyError> {
    let mut columns = Columns::default();
    for group in groups {
        for build in &group.builds {
            columns.push(group.school_id, *build, group.at);
        }
    }
    let rows = sqlx::query_file!(
        "src/worker/queries/claim.sql",
        &columns.schools,
        &columns.names as &[&str],
        &columns.builds,
        &columns.seqs,
    )
    .fetch_all(tx)
    .await
    .map_err(ApplyError::at("claiming checkpoints"))?;
    let mut claims = BTreeMap::new();
    for row in rows {
        let claim = claims
            .entry(SchoolId(row.school_id))
            .or_insert_with(|| Claim {
                held: Vec::new(),
                head: Seq(row.head_seq),
            });
        claim.held.push((name(&row.name)?, Build(row.build)));
    }
    Ok(claims)
}

/// Advances checkpoints that this transaction has locked; a halted one is resumed.
pub(crate) async fn advance_in_tx(
    tx: &mut PgConnection,
    moved: &[(SchoolId, NamedBuild, Seq)],
) -> Result<(), ApplyError> {
    let mut columns = Columns::default();
    for (school_id, build, to) in moved {
        columns.push(*school_id, *build, *to);
    }
    let update = sqlx::query_file!(
        "src/worker/queries/advance.sql",
        &columns.schools,
        &columns.names as &[&str],
        &columns.builds,
        &columns.seqs,
    );
    ApplyError::run("advancing checkpoints", update.execute(tx)).await
}

/// Records in the checkpoint which event could not be applied and why.
pub(crate) async fn record_failure(
    conn: &mut PgConnection,
    school_id: SchoolId,
    (name, build): NamedBuild,
    at: Seq,
    failed_seq: Seq,
    failure: &str,
) -> Result<(), ApplyError> {
    let update = sqlx::query!(
        "UPDATE projection_checkpoint
            SET failed_seq = $5, failure = left($6, 1000), updated_at = now()
          WHERE school_id = $1 AND name = $2 AND build = $3 AND seq = $4",
        school_id.0,
        name.as_str(),
        build.0,
        at.0,
        failed_seq.0,
        failure,
    );
    ApplyError::run("recording a failure", update.execute(conn)).await
}

/// Checkpoints as one array per column.
#[derive(Default)]
struct Columns {
    schools: Vec<Uuid>,
    names: Vec<&'static str>,
    builds: Vec<i32>,
    seqs: Vec<i64>,
}

impl Columns {
    fn push(&mut self, school_id: SchoolId, (name, build): NamedBuild, seq: Seq) {
        self.schools.push(school_id.0);
        self.names.push(name.as_str());
        self.builds.push(build.0);
        self.seqs.push(seq.0);
    }
}

fn name(text: &str) -> Result<ProjectionName, ApplyError> {
    text.parse().map_err(|_| ApplyError::UnknownWord("name"))
}
