//! `ledger replay`

use chrono::Utc;
use ledger_core::school::MemberStatus;
use ledger_core::{
    DepartmentId, MemberId, SchoolId, SchoolState, Seq, Timestamp, at_instant, evolve,
};
use ledger_projections::balance::departments::DepartmentLineBalance;
use ledger_projections::balance::of_state;
use ledger_projections::balance::read::{LineBalance, SchoolBalance};
use ledger_store::{Database, DatabaseRole, feed};
use serde::Serialize;
use uuid::Uuid;

use crate::config::Settings;
use crate::database_args::DatabaseArgs;
use crate::failure::Failure;
use crate::output::print_json;

/// Events read at a time: about 3 MB of rows in memory.
const PAGE_EVENTS: i64 = 5_000;

/// Compute a school's balances from the log and print them as JSON
///
/// Uses the log and the pure core only: no snapshot, no read model. The output has the form of the
/// API's balances, for comparison. Without --as-of-seq it is as of now: expired holds are free, and
/// a period that has ended is renewed.
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// Id of the school
    #[arg(long, value_name = "UUID")]
    school: Uuid,
    /// Stop after this event
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    as_of_seq: Option<i64>,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl Replay {
    pub async fn run(self, mut settings: Settings) -> Result<(), Failure> {
        let (database, stop) = self.database.open(&mut settings).await?;
        let (school_id, last) = (SchoolId(self.school), self.as_of_seq.map(Seq));
        let state = stop
            .run_until_cancelled(fold(&database, school_id, last))
            .await
            .unwrap_or_else(|| Err(Failure::new("interrupted")));
        database.close().await;
        let state = state?;
        let seq = state.head();
        let state = match last {
            None => at_instant(state, school_id, Timestamp::new(Utc::now())),
            Some(_) => state,
        };
        print_json(&Balances::of(school_id, &state, seq)?)
    }
}

/// Folds the school's events up to `last`, or all of them.
async fn fold(
    database: &Database,
    school_id: SchoolId,
    last: Option<Seq>,
) -> Result<SchoolState, Failure> {
    let mut conn = database.pool(DatabaseRole::Projector).acquire().await?;
    let mut state = SchoolState::default();
    loop {
        let limit = last.map_or(PAGE_EVENTS, |last| PAGE_EVENTS.min(last.0 - state.head().0));
        if limit <= 0 {
            break;
        }
        let page = feed::read_after(&mut conn, school_id, state.head(), limit, None).await?;
        if page.is_empty() {
            break;
        }
        for event in &page {
            let expected = state.head().next();
            if event.seq != expected {
                return Err(Failure::new(format!("the log has no event {expected}")));
            }
            evolve(&mut state, event);
        }
    }
    match (state.head(), last) {
        (Seq::ZERO, _) => Err(no_school(school_id)),
        (head, Some(last)) if head < last => Err(Failure::new(format!(
            "the log of school {school_id} ends with event {head}, before {last}"
        ))),
        _ => Ok(state),
    }
}

/// The balances of a school, its departments and its members.
#[derive(Debug, Serialize)]
struct Balances {
    school_id: SchoolId,
    #[serde(flatten)]
    school: SchoolBalance,
    departments: Vec<Department>,
    members: Vec<Member>,
}

#[derive(Debug, Serialize)]
struct Department {
    department_id: DepartmentId,
    closed: bool,
    services: Vec<DepartmentLineBalance>,
}

#[derive(Debug, Serialize)]
struct Member {
    member_id: MemberId,
    status: MemberStatus,
    services: Vec<LineBalance>,
}

impl Balances {
    fn of(school_id: SchoolId, state: &SchoolState, seq: Seq) -> Result<Self, Failure> {
        let school = of_state::school(state, seq).ok_or_else(|| no_school(school_id))?;
        let departments = of_state::departments(state, seq)
            .map(|balance| Department {
                department_id: balance.department_id,
                closed: balance.closed,
                services: balance.services,
            })
            .collect();
        let members = of_state::members(state, seq)
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

fn no_school(school_id: SchoolId) -> Failure {
    Failure::new(format!("school {school_id} does not exist"))
}
