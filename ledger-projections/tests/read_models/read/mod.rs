//! Reads equal the core's results, and each viewer sees only their rows.

mod balance;
mod departments;
mod freshness;
mod history;
mod holdings;
mod requests;
mod roster;
mod tenant;
mod usage;

use crate::support::database::TestDatabase;
use crate::support::school::{Ledger, School, member, start, units};
use ledger_core::{MemberId, OrgType, Quota, Role, SchoolId, Tier};
use ledger_projections::{Registry, TenantRead, Viewer, WorkerSettings, catch_up};

const ADVANCED: (OrgType, Tier) = (OrgType::K12, Tier::Enterprise);
const DIRECT: (OrgType, Tier) = (OrgType::K12, Tier::Basic);

async fn fold_all(db: &TestDatabase) {
    let settings = WorkerSettings::default();
    catch_up(&db.database, &Registry::standard(), &settings)
        .await
        .unwrap();
}

async fn read(
    db: &TestDatabase,
    school_id: SchoolId,
    role: Role,
    member_id: Option<MemberId>,
) -> TenantRead {
    let viewer = Viewer {
        school_id,
        role,
        member_id,
    };
    TenantRead::begin(&db.database, &viewer).await.unwrap()
}

async fn as_principal(db: &TestDatabase, school: &School) -> TenantRead {
    read(db, school.id, Role::Principal, None).await
}

async fn as_teacher(db: &TestDatabase, school: &School, n: u128) -> TenantRead {
    read(db, school.id, Role::Teacher, Some(member(n))).await
}

/// Two teachers with usage, open holds and expiring holds.
async fn busy(ledger: &Ledger, plan: (OrgType, Tier)) -> School {
    let school = ledger.school(plan, "UTC", Quota::Finite(units(100))).await;
    school.enrol(member(1), Role::Teacher).await;
    school.enrol(member(2), Role::Teacher).await;
    school.debit("d1", member(1), 3, start()).await.unwrap();
    school.hold("h1", member(1), 2, start()).await;
    school
        .hold("h2", member(2), 4, start().plus_seconds(20))
        .await;
    school
        .hold("h3", member(2), 1, start().plus_seconds(30))
        .await;
    school.settle("h3", 2, start().plus_seconds(40)).await;
    school
}
