//! Short forms of commands. Of Claude messages, except with [`of`].

use ledger_core::allocation::{
    AllocationCommand, AllocationRow, Change, Holder, HolderName, Priority,
};
use ledger_core::department::DepartmentCommand;
use ledger_core::request::RequestCommand;
use ledger_core::school::{ChangeSettings, EnrolMember, SchoolCommand, SetSubscription};
use ledger_core::usage::{
    AttributeUsage, CallFacts, CorrectUsage, DEFAULT_TTL_SECONDS, Debit, PlaceHold, ReleaseHold,
    Report, SettleHold, UsageCommand,
};
use ledger_core::{
    Action, CommandKey, DepartmentId, EventId, FreeText, MemberId, Owner, Role, Tier,
};

use super::{Amount, CLAUDE, attribute, key, units};

/// A value that is an action.
pub trait Ask {
    fn action(self) -> Action;
}

macro_rules! asks {
    ($($type:ty: |$ask:ident| $action:expr;)*) => {
        $(impl Ask for $type {
            fn action(self) -> Action {
                let $ask = self;
                $action
            }
        })*
    };
}

asks! {
    Action: |action| action;
    SchoolCommand: |command| Action::School(command);
    SetSubscription: |command| Action::School(SchoolCommand::SetSubscription(command));
    ChangeSettings: |command| Action::School(SchoolCommand::ChangeSettings(command));
    EnrolMember: |command| Action::School(SchoolCommand::EnrolMember(command));
    AllocationCommand: |command| Action::Allocation(command);
    AllocationRow: |row| apply(vec![row], false).action();
    Vec<AllocationRow>: |rows| apply(rows, true).action();
    DepartmentCommand: |command| Action::Department(command);
    RequestCommand: |command| Action::Request(command);
    Debit: |command| Action::Usage(UsageCommand::Debit(command));
    PlaceHold: |command| Action::Usage(UsageCommand::PlaceHold(command));
    SettleHold: |command| Action::Usage(UsageCommand::Settle(command));
    ReleaseHold: |command| Action::Usage(UsageCommand::Release(command));
    Report: |command| Action::Usage(UsageCommand::Report(command));
    AttributeUsage: |command| Action::Usage(UsageCommand::Attribute(command));
    CorrectUsage: |command| Action::Usage(UsageCommand::Correct(command));
}

/// An array of rows is a batch.
impl<const N: usize> Ask for [AllocationRow; N] {
    fn action(self) -> Action {
        self.to_vec().action()
    }
}

/// The reason of every test.
pub fn reason() -> FreeText {
    FreeText::new("because", [7; 16]).expect("the reason is a text")
}

pub fn apply(rows: Vec<AllocationRow>, as_batch: bool) -> AllocationCommand {
    AllocationCommand::Apply {
        rows,
        reason: reason(),
        as_batch,
    }
}

/// Rows that came as a table.
pub fn import<const N: usize>(rows: [AllocationRow; N]) -> AllocationCommand {
    AllocationCommand::Import {
        rows: rows.to_vec(),
        reason: reason(),
    }
}

pub fn row(holder: impl Into<HolderName>, change: Change) -> AllocationRow {
    AllocationRow {
        holder: holder.into(),
        service: CLAUDE.to_owned(),
        change,
        priority: None,
        auto_renew: None,
    }
}

/// The same row of another service, by name or alias.
pub fn of(name: &str, row: AllocationRow) -> AllocationRow {
    AllocationRow {
        service: name.to_owned(),
        ..row
    }
}

pub fn with_priority(priority: Priority, row: AllocationRow) -> AllocationRow {
    AllocationRow {
        priority: Some(priority),
        ..row
    }
}

pub fn with_auto_renew(auto_renew: bool, row: AllocationRow) -> AllocationRow {
    AllocationRow {
        auto_renew: Some(auto_renew),
        ..row
    }
}

pub fn set(holder: impl Into<HolderName>, quota: impl Amount) -> AllocationRow {
    row(holder, Change::Set(quota.quota()))
}

pub fn add(holder: impl Into<HolderName>, n: i64) -> AllocationRow {
    row(holder, Change::Add(units(n)))
}

pub fn revoke(holder: impl Into<HolderName>, n: i64) -> AllocationRow {
    row(holder, Change::Revoke(Some(units(n))))
}

pub fn revoke_all(holder: impl Into<HolderName>) -> AllocationRow {
    row(holder, Change::Revoke(None))
}

pub fn keep(holder: impl Into<HolderName>) -> AllocationRow {
    row(holder, Change::Keep)
}

pub fn transfer(holder: impl Into<HolderName>, to: impl Into<Holder>, n: i64) -> AllocationRow {
    let units = units(n);
    row(
        holder,
        Change::Transfer {
            units,
            to: to.into(),
        },
    )
}

pub fn suspend(member_id: MemberId) -> AllocationCommand {
    AllocationCommand::Suspend {
        member_id,
        reason: reason(),
    }
}

pub fn reactivate(member_id: MemberId) -> AllocationCommand {
    AllocationCommand::Reactivate {
        member_id,
        reason: reason(),
    }
}

pub fn enrol(member_id: MemberId) -> EnrolMember {
    EnrolMember {
        member_id,
        role: Role::Teacher,
        department_id: None,
        external_ids: Vec::new(),
    }
}

pub const fn open(department_id: DepartmentId) -> DepartmentCommand {
    DepartmentCommand::Open { department_id }
}

pub const fn close(department_id: DepartmentId) -> DepartmentCommand {
    DepartmentCommand::Close { department_id }
}

pub fn move_to(to: impl Into<Option<DepartmentId>>, member_id: MemberId) -> DepartmentCommand {
    let to = to.into();
    DepartmentCommand::Move { member_id, to }
}

pub fn remove(member_id: MemberId) -> SchoolCommand {
    SchoolCommand::RemoveMember { member_id }
}

pub fn erase(member_id: MemberId) -> SchoolCommand {
    SchoolCommand::EraseMember {
        member_id,
        reason: None,
    }
}

pub fn set_role(member_id: MemberId, role: Role) -> SchoolCommand {
    SchoolCommand::SetRole { member_id, role }
}

pub fn buy(name: &str, total: impl Amount) -> SetSubscription {
    SetSubscription {
        totals: vec![(name.to_owned(), total.quota())],
        ..Default::default()
    }
}

pub fn go_to(tier: Tier) -> SetSubscription {
    SetSubscription {
        tier: Some(tier),
        ..Default::default()
    }
}

pub fn cap(name: &str, cap: impl Amount) -> ChangeSettings {
    ChangeSettings {
        max_individual_quota: vec![(name.to_owned(), cap.quota())],
        ..Default::default()
    }
}

pub fn grant(name: &str, grant: impl Amount) -> ChangeSettings {
    ChangeSettings {
        default_member_quota: vec![(name.to_owned(), grant.quota())],
        ..Default::default()
    }
}

/// The id of every debit: the core leaves it to the store that an id comes once.
pub const CALL: &str = "call";

pub fn debit(owner: impl Into<Owner>, n: i64) -> Debit {
    Debit {
        id: key(CALL),
        owner: owner.into(),
        service: CLAUDE.to_owned(),
        units: Some(units(n)),
        occurred_at: None,
        call: CallFacts::default(),
    }
}

pub fn hold(hold_id: &str, owner: impl Into<Owner>, n: i64) -> PlaceHold {
    PlaceHold {
        hold_id: key(hold_id),
        owner: owner.into(),
        service: CLAUDE.to_owned(),
        units: units(n),
        ttl_seconds: DEFAULT_TTL_SECONDS,
    }
}

pub fn settle(hold_id: &str, n: i64) -> SettleHold {
    SettleHold {
        hold_id: key(hold_id),
        units: Some(units(n)),
        occurred_at: None,
        call: CallFacts::default(),
    }
}

pub fn release(hold_id: &str) -> ReleaseHold {
    ReleaseHold {
        hold_id: key(hold_id),
        reason: None,
    }
}

/// Who reports usage in every test.
pub const SOURCE: &str = "/gateway";

pub fn report(id: &str, owner: impl Into<Owner>, n: i64) -> Report {
    Report {
        id: attribute(id),
        source: attribute(SOURCE),
        owner: Some(owner.into()),
        subject: Some(subject()),
        service: attribute(CLAUDE),
        units: Some(units(n)),
        occurred_at: None,
        call: CallFacts::default(),
    }
}

/// The subject of every report, as it was given.
pub fn subject() -> FreeText {
    FreeText::new("ada@example.org", [9; 16]).expect("the subject is a text")
}

/// The id of the event that a report left.
pub fn reported(id: &str) -> EventId {
    let key = CommandKey::Reported {
        source: attribute(SOURCE),
        id: attribute(id),
    };
    key.first_event_id()
}

/// The id of the event that a debit left.
pub fn debited(id: &str) -> EventId {
    CommandKey::Debit(key(id)).first_event_id()
}

pub fn give(usage_id: EventId, member_id: MemberId) -> AttributeUsage {
    AttributeUsage {
        usage_id,
        member_id,
        service: None,
        reason: reason(),
    }
}

pub fn refund(usage_id: EventId, n: i64) -> CorrectUsage {
    CorrectUsage {
        units: Some(units(n)),
        ..refund_all(usage_id)
    }
}

pub fn refund_all(usage_id: EventId) -> CorrectUsage {
    CorrectUsage {
        usage_id,
        units: None,
        reason: reason(),
    }
}
