//! Finds lagging schools without a wake-up: after a start, after appends of other processes, and
//! during a rebuild.

use std::collections::BTreeSet;

use ledger_core::SchoolId;

use super::gauge::Lag;
use super::run::Folder;
use crate::error::ApplyError;
use crate::projection::{Build, ProjectionName};

/// The maximum number of checkpoints per poll, some 100 bytes each; the next poll finds the others.
const LAGGING_MAX: i64 = 20_000;

/// The lagging schools that can be run. Also sets the gauges of the lag.
pub(super) async fn lagging(folder: &Folder) -> Result<BTreeSet<SchoolId>, ApplyError> {
    let names = folder.registry().names();
    let rows = sqlx::query_file!(
        "src/worker/queries/lagging.sql",
        &names as &[&str],
        LAGGING_MAX,
    )
    .fetch_all(folder.pool())
    .await
    .map_err(ApplyError::at("polling for lagging schools"))?;
    let mut lag = Lag::default();
    let mut schools = BTreeSet::new();
    for row in rows {
        let name: ProjectionName = row
            .name
            .parse()
            .map_err(|_| ApplyError::UnknownWord("name"))?;
        let (school_id, build) = (SchoolId(row.school_id), Build(row.build));
        if row.is_live {
            lag.add(name, row.behind, row.is_halted);
        }
        if !(row.is_halted && folder.is_paused(school_id, (name, build))) {
            schools.insert(school_id);
        }
    }
    lag.publish(folder.registry());
    Ok(schools)
}
