//! Roster: the school, its members and its departments.

mod apply;
pub mod departments;
pub mod read;

use ledger_core::catalog::Kind;

use crate::projection::{ProjectionName, ReadModel};

/// The read model of schools, their members and departments.
pub const ROSTER: ReadModel = ReadModel {
    name: ProjectionName::Roster,
    kinds: Some(&[
        Kind::SchoolRegistered,
        Kind::SubscriptionChanged,
        Kind::SettingsChanged,
        Kind::MemberEnrolled,
        Kind::MemberRoleChanged,
        Kind::MemberRemoved,
        Kind::MemberSuspended,
        Kind::MemberReactivated,
        Kind::DepartmentOpened,
        Kind::DepartmentClosed,
        Kind::MemberMoved,
    ]),
    tables: &["roster_school", "roster_member", "roster_department"],
    apply: |tx, build, page| Box::pin(apply::write_in_tx(tx, build, page)),
};
