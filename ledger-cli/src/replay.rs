//! `ledger replay`: the log folded by the pure core alone.

use std::time::Duration;

use crate::config::Settings;
use crate::server::{open_database, stop_on_signal};
use crate::telemetry;
use chrono::Utc;
use ledger_core::school::Standing;
use ledger_core::{
    DepartmentId, MemberId, SchoolId, SchoolState, Seq, Timestamp, at_instant, evolve,
};
use ledger_projections::balance::departments::DepartmentLineBalance;
use ledger_projections::balance::of_state;
use ledger_projections::balance::read::{LineBalance, SchoolBalance};
use ledger_store::{Database, DatabaseRole, feed};
use serde::Serialize;
use uuid::Uuid;

use crate::database_args::DatabaseArgs;
use crate::failure::Failure;
use crate::output::print_json;

/// Events read at a time: about 3 MB of rows in memory.
const PAGE: i64 = 5_000;

/// Fold a school's log from its first event and print the balances as JSON
///
/// Uses the pure rules and the log and nothing else: no snapshot, no read model. The numbers have
/// the form of the API's balances, so that the two can be compared. Without --as-of-seq they are
/// as of now: a period that has ended has begun anew, and holds that have run out are free.
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// Whose log
    #[arg(long, value_name = "UUID")]
    school: Uuid,
    /// Stop after this event
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    as_of_seq: Option<i64>,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Replay {
    /// Folds and prints.
    pub async fn run(self, mut settings: Settings) -> Result<(), Failure> {
        telemetry::log_to_stderr(&settings.log).map_err(Failure::usage)?;
        self.database.apply(&mut settings)?;
        let stop = stop_on_signal().map_err(Failure::no)?;
        let database = open_database(&settings, Duration::ZERO, &stop)
            .await
            .map_err(Failure::no)?;
        let upto = self.as_of_seq.map(Seq);
        let state = tokio::select! {
            state = fold(&database, SchoolId(self.school), upto) => state,
            () = stop.cancelled() => Err(Failure::no("interrupted")),
        };
        database.close().await;
        let state = state?;
        let now = upto.is_none().then(|| Timestamp::new(Utc::now()));
        print_json(&Balances::of(SchoolId(self.school), state, now)?)
    }
}

/// What the school's events up to `upto`, or all of them, amount to.
async fn fold(
    database: &Database,
    school_id: SchoolId,
    upto: Option<Seq>,
) -> Result<SchoolState, Failure> {
    let pool = database.pool(DatabaseRole::Projector);
    let mut conn = pool.acquire().await.map_err(Failure::no)?;
    let mut state = SchoolState::default();
    loop {
        let room = upto.map_or(PAGE, |upto| PAGE.min(upto.0 - state.head().0));
        if room <= 0 {
            break;
        }
        let page = feed::read_after(&mut conn, school_id, state.head(), room, None)
            .await
            .map_err(Failure::no)?;
        if page.is_empty() {
            break;
        }
        for event in &page {
            let expected = state.head().next();
            if event.seq != expected {
                return Err(Failure::no(format!("the log has no event {expected}")));
            }
            evolve(&mut state, event);
        }
    }
    match (state.head(), upto) {
        (Seq::ZERO, _) => Err(Failure::no(format!("there is no school {school_id}"))),
        (head, Some(upto)) if head < upto => Err(Failure::no(format!(
            "the log of school {school_id} ends with event {head}, before {upto}"
        ))),
        _ => Ok(state),
    }
}

/// The balances of a school, of its departments and of everybody in it.
#[derive(Debug, Serialize)]
struct Balances {
    school_id: SchoolId,
    #[serde(flatten)]
    school: SchoolBalance,
    departments: Vec<Department>,
    members: Vec<Member>,
}

/// What one department has.
#[derive(Debug, Serialize)]
struct Department {
    department_id: DepartmentId,
    closed: bool,
    services: Vec<DepartmentLineBalance>,
}

/// What one member can use.
#[derive(Debug, Serialize)]
struct Member {
    member_id: MemberId,
    status: Standing,
    services: Vec<LineBalance>,
}

impl Balances {
    fn of(
        school_id: SchoolId,
        state: SchoolState,
        now: Option<Timestamp>,
    ) -> Result<Self, Failure> {
        let seq = state.head();
        let state = match now {
            Some(now) => at_instant(state, school_id, now),
            None => state,
        };
        let school = of_state::school(&state, seq);
        let school =
            school.ok_or_else(|| Failure::no(format!("there is no school {school_id}")))?;
        let departments = of_state::departments(&state, seq)
            .map(|balance| Department {
                department_id: balance.department_id,
                closed: balance.closed,
                services: balance.services,
            })
            .collect();
        let members = of_state::members(&state, seq)
            .map(|(member_id, balance)| Member {
                member_id,
                status: balance.status,
                services: balance.services,
            })
            .collect();
        Ok(Self {
            school_id,
            school,
            departments,
            members,
        })
    }
}
