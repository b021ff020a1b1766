//! Finds what lags without having been woken for it: after a start, other processes' appends, and
//! builds in the making.

use std::collections::BTreeSet;

use ledger_core::SchoolId;

use super::gauge::Lag;
use super::run::Folder;
use crate::error::ApplyError;
use crate::projection::{Build, ProjectionName};

/// The most checkpoints of one look; what is beyond is found by the next one, when these have
/// gone on. Some 100 bytes each.
const LAGGING_MAX: i64 = 20_000;

/// The schools that lag and can be run. Sets the gauges of the lag by the way.
pub(super) async fn lagging(folder: &Folder) -> Result<BTreeSet<SchoolId>, ApplyError> {
    let names = folder.registry().names();
    let rows = sqlx::query_file!(
        "src/worker/queries/lagging.sql",
        &names as &[&str],
        LAGGING_MAX,
    )
    .fetch_all(folder.pool())
    .await
    .map_err(ApplyError::at("looking for schools that lag"))?;
    let mut lag = Lag::default();
    let mut schools = BTreeSet::new();
    for row in rows {
        let name: ProjectionName = row
            .name
            .parse()
            .map_err(|_| ApplyError::UnknownWord("name"))?;
        let (school_id, build) = (SchoolId(row.school_id), Build(row.build));
        if row.is_live {
            lag.add(name, row.behind, row.has_stopped);
        }
        if !(row.has_stopped && folder.is_resting(school_id, (name, build))) {
            schools.insert(school_id);
        }
    }
    lag.publish(folder.registry());
    Ok(schools)
}
