//! Checkpoints: where each build of each read model stands in each school's stream, and the locks
//! that make one worker at a time move them.

use std::collections::BTreeMap;

use ledger_core::{SchoolId, Seq};
use sqlx::PgConnection;
use uuid::Uuid;

use super::page::Group;
use crate::error::ApplyError;
use crate::projection::{Build, ProjectionName};

/// One build of one read model.
pub(crate) type Member = (ProjectionName, Build);

/// A school's stream, and where the read models stand in it.
#[derive(Clone, Debug)]
pub(crate) struct Stands {
    pub head: Seq,
    pub stands: Vec<Stand>,
}

/// Where one build of one read model stands in a school's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stand {
    pub member: Member,
    /// Whether it is the build that is read.
    pub is_live: bool,
    pub seq: Seq,
    /// Whether there is no checkpoint yet.
    is_new: bool,
    /// Whether an event stopped it.
    pub has_stopped: bool,
}

/// Where the builds of `names` stand in the streams of `schools`: the live ones and those in the
/// making. A school without a stream is left out.
pub(crate) async fn stands(
    conn: &mut PgConnection,
    schools: &[SchoolId],
    names: &[&str],
) -> Result<BTreeMap<SchoolId, Stands>, ApplyError> {
    let schools: Vec<Uuid> = schools.iter().map(|school_id| school_id.0).collect();
    let rows = sqlx::query_file!("src/worker/queries/stands.sql", &schools, names as &[&str],)
        .fetch_all(conn)
        .await
        .map_err(ApplyError::at("reading checkpoints"))?;
    let mut all = BTreeMap::new();
    for row in rows {
        let of_school = all
            .entry(SchoolId(row.school_id))
            .or_insert_with(|| Stands {
                head: Seq(row.head_seq),
                stands: Vec::new(),
            });
        of_school.stands.push(Stand {
            member: (name(&row.name)?, Build(row.build)),
            is_live: row.is_live,
            seq: Seq(row.seq),
            is_new: row.is_new,
            has_stopped: row.has_stopped,
        });
    }
    Ok(all)
}

/// Makes the checkpoints that are missing. By itself, not in the transaction that folds: whoever
/// else makes the same ones would wait for its end.
pub(crate) async fn open(
    conn: &mut PgConnection,
    all: &BTreeMap<SchoolId, Stands>,
) -> Result<(), ApplyError> {
    let mut columns = Columns::default();
    for (school_id, of_school) in all {
        for stand in of_school.stands.iter().filter(|stand| stand.is_new) {
            columns.push(*school_id, stand.member, stand.seq);
        }
    }
    if columns.schools.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO projection_checkpoint (school_id, name, build)
         SELECT d.school_id, d.name, d.build
           FROM unnest($1::uuid[], $2::text[], $3::integer[]) AS d (school_id, name, build)
           JOIN projection AS p ON p.name = d.name AND d.build IN (p.live_build, p.next_build)
         ON CONFLICT (school_id, name, build) DO NOTHING",
        &columns.schools,
        &columns.names as &[&str],
        &columns.builds,
    )
    .execute(conn)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("making checkpoints"))
}

/// What a worker got hold of in one school: the locks last as long as its transaction.
#[derive(Debug)]
pub(crate) struct Claim {
    pub held: Vec<Member>,
    /// The head of the stream when the locks were taken. Events up to it are visible from now on.
    pub head: Seq,
}

/// Locks the checkpoints of `groups` that still stand where their group does and that nobody else
/// has locked.
pub(crate) async fn claim_in_tx(
    tx: &mut PgConnection,
    groups: &[Group],
) -> Result<BTreeMap<SchoolId, Claim>, ApplyError> {
    let mut columns = Columns::default();
    for group in groups {
        for member in &group.members {
            columns.push(group.school_id, *member, group.at);
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

/// Moves checkpoints that this transaction holds; one that had stopped goes on.
pub(crate) async fn advance_in_tx(
    tx: &mut PgConnection,
    moved: &[(SchoolId, Member, Seq)],
) -> Result<(), ApplyError> {
    let mut columns = Columns::default();
    for (school_id, member, to) in moved {
        columns.push(*school_id, *member, *to);
    }
    sqlx::query_file!(
        "src/worker/queries/advance.sql",
        &columns.schools,
        &columns.names as &[&str],
        &columns.builds,
        &columns.seqs,
    )
    .execute(tx)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("moving checkpoints"))
}

/// Writes down, where everybody sees it, before which event a read model stopped and why.
pub(crate) async fn stop(
    conn: &mut PgConnection,
    school_id: SchoolId,
    (name, build): Member,
    at: Seq,
    failed_seq: Seq,
    failure: &str,
) -> Result<(), ApplyError> {
    sqlx::query!(
        "UPDATE projection_checkpoint
            SET failed_seq = $5, failure = left($6, 1000), updated_at = now()
          WHERE school_id = $1 AND name = $2 AND build = $3 AND seq = $4",
        school_id.0,
        name.as_str(),
        build.0,
        at.0,
        failed_seq.0,
        failure,
    )
    .execute(conn)
    .await
    .map(|_| ())
    .map_err(ApplyError::at("writing down a failure"))
}

/// Checkpoints, column by column.
#[derive(Default)]
struct Columns {
    schools: Vec<Uuid>,
    names: Vec<&'static str>,
    builds: Vec<i32>,
    seqs: Vec<i64>,
}

impl Columns {
    fn push(&mut self, school_id: SchoolId, (name, build): Member, seq: Seq) {
        self.schools.push(school_id.0);
        self.names.push(name.as_str());
        self.builds.push(build.0);
        self.seqs.push(seq.0);
    }
}

fn name(text: &str) -> Result<ProjectionName, ApplyError> {
    text.parse().map_err(|_| ApplyError::UnknownWord("name"))
}
