//! A school that uses the writer, without HTTP.

use std::sync::Arc;

use chrono::Utc;
use ledger_core::allocation::{AllocationCommand, AllocationRow, Change};
use ledger_core::period::{AnchorDay, Cycle};
use ledger_core::school::{ChangeSettings, EnrolMember, RegisterSchool, SchoolCommand};
use ledger_core::usage::{CallFacts, Debit, PlaceHold, ReleaseHold, SettleHold, UsageCommand};
use ledger_core::{
    Action, Actor, ActorId, Catalogue, Command, CommandKey, ExternalId, Fingerprint, FreeText, Key,
    MemberId, OrgType, Owner, Quota, Role, SchoolId, Tier, Timestamp, Units,
};
use ledger_store::writer::{
    Answer, DirectoryEntry, Envelope, SideWrites, Writer, WriterSettings, WriterTasks,
};
use ledger_store::{Database, Wakes};
use tokio::sync::watch;
use uuid::Uuid;

/// The service of the suites.
pub const CLAUDE: &str = "claude_messages";

/// The present instant.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::new(Utc::now())
}

/// A number of units.
///
/// # Panics
/// If `n` is negative.
#[must_use]
pub fn units(n: i64) -> Units {
    Units::new(n).expect("units")
}

/// A key.
///
/// # Panics
/// If the text is not a key.
#[must_use]
pub fn key(text: &str) -> Key {
    Key::new(text).expect("a key")
}

/// A writer on `database`, with the built-in catalogue.
#[must_use]
pub fn writer(database: &Database, settings: WriterSettings) -> (Writer, WriterTasks) {
    Writer::start(
        database,
        &watch::channel(Arc::new(Catalogue::built_in())).1,
        &Wakes::default(),
        settings,
    )
}

/// An envelope of an action. Its fingerprint is a hash of the action's `Debug` form.
#[must_use]
pub fn envelope(key: CommandKey, action: Action) -> Envelope {
    envelope_at(now(), key, action)
}

/// The same with a given instant.
#[must_use]
pub fn envelope_at(now: Timestamp, key: CommandKey, action: Action) -> Envelope {
    let fingerprint = Fingerprint::of(format!("{action:?}").as_bytes());
    let actor = Actor {
        role: Role::PlatformAdmin,
        id: ActorId(Uuid::from_u128(1)),
    };
    Envelope::new(&key, fingerprint, Command { actor, now, action })
}

/// A new key for a command that is sent once.
#[must_use]
pub fn fresh() -> CommandKey {
    CommandKey::Fresh(Uuid::now_v7())
}

/// A reason.
///
/// # Panics
/// Never: the text is fixed.
#[must_use]
pub fn reason() -> FreeText {
    FreeText::new("for the test", Uuid::new_v4().into_bytes()).expect("a text")
}

/// A debit of one call.
#[must_use]
pub fn debit(id: &str, owner: impl Into<Owner>, n: i64) -> Envelope {
    debit_at(now(), id, owner, n)
}

/// The same with a given instant.
#[must_use]
pub fn debit_at(at: Timestamp, id: &str, owner: impl Into<Owner>, n: i64) -> Envelope {
    let id = key(id);
    let debit = Debit {
        id: id.clone(),
        owner: owner.into(),
        service: CLAUDE.to_owned(),
        units: Some(units(n)),
        occurred_at: None,
        call: CallFacts::default(),
    };
    envelope_at(
        at,
        CommandKey::Debit(id),
        Action::Usage(UsageCommand::Debit(debit)),
    )
}

/// A hold.
#[must_use]
pub fn hold(at: Timestamp, id: &str, member_id: MemberId, n: i64, ttl_seconds: i64) -> Envelope {
    let hold_id = key(id);
    let hold = PlaceHold {
        hold_id: hold_id.clone(),
        owner: member_id.into(),
        service: CLAUDE.to_owned(),
        units: units(n),
        ttl_seconds,
    };
    envelope_at(
        at,
        CommandKey::Hold(hold_id),
        Action::Usage(UsageCommand::PlaceHold(hold)),
    )
}

/// A settle.
#[must_use]
pub fn settle(at: Timestamp, id: &str, n: i64) -> Envelope {
    let hold_id = key(id);
    let settle = SettleHold {
        hold_id: hold_id.clone(),
        units: Some(units(n)),
        occurred_at: None,
        call: CallFacts::default(),
    };
    envelope_at(
        at,
        CommandKey::HoldClosing(hold_id),
        Action::Usage(UsageCommand::Settle(settle)),
    )
}

/// A release.
#[must_use]
pub fn release(at: Timestamp, id: &str) -> Envelope {
    let hold_id = key(id);
    let release = ReleaseHold {
        hold_id: hold_id.clone(),
        reason: None,
    };
    envelope_at(
        at,
        CommandKey::HoldClosing(hold_id),
        Action::Usage(UsageCommand::Release(release)),
    )
}

/// Sets a member's allocation.
#[must_use]
pub fn allocate(member_id: MemberId, n: i64) -> Envelope {
    allocate_at(now(), member_id, n, None)
}

/// The same with a given instant, with or without renewal.
#[must_use]
pub fn allocate_at(
    at: Timestamp,
    member_id: MemberId,
    n: i64,
    auto_renew: Option<bool>,
) -> Envelope {
    let row = AllocationRow {
        holder: member_id.into(),
        service: CLAUDE.to_owned(),
        change: Change::Set(Quota::Finite(units(n))),
        priority: None,
        auto_renew,
    };
    let command = AllocationCommand::Apply {
        rows: vec![row],
        reason: reason(),
        as_batch: false,
    };
    envelope_at(at, fresh(), Action::Allocation(command))
}

/// Registers a k12 school with `total` units.
#[must_use]
pub fn register(total: i64) -> Envelope {
    let command = RegisterSchool {
        org_type: OrgType::K12,
        tier: Tier::Enterprise,
        cycle: Cycle {
            time_zone: chrono_tz::UTC,
            anchor_day: AnchorDay::FIRST,
        },
        totals: vec![(CLAUDE.to_owned(), Quota::Finite(units(total)))],
    };
    envelope(fresh(), Action::School(SchoolCommand::Register(command)))
}

/// Enrols a member without units, with external ids.
///
/// # Panics
/// If an external id is invalid.
#[must_use]
pub fn enrol(member_id: MemberId, role: Role, external_ids: &[&str]) -> Envelope {
    let command = EnrolMember {
        member_id,
        role,
        department_id: None,
        external_ids: external_ids
            .iter()
            .map(|id| ExternalId::new(id).expect("an external id"))
            .collect(),
    };
    let entry = SideWrites::Member(DirectoryEntry::default());
    let action = Action::School(SchoolCommand::EnrolMember(command));
    envelope(fresh(), action).with_side_writes(entry)
}

/// A registered k12 school with `total` units, no cap, and members with `allocated` units each.
#[derive(Clone, Debug)]
pub struct School {
    /// Its id.
    pub id: SchoolId,
    /// Its members.
    pub members: Vec<MemberId>,
}

impl School {
    /// Registers the school.
    ///
    /// # Panics
    /// If the writer refuses a command.
    pub async fn register(writer: &Writer, total: i64, members: usize, allocated: i64) -> Self {
        Self::register_at(now(), writer, total, (members, allocated, None)).await
    }

    /// The same with a given instant, with or without renewal.
    ///
    /// # Panics
    /// If the writer refuses a command.
    pub async fn register_at(
        at: Timestamp,
        writer: &Writer,
        total: i64,
        (members, allocated, auto_renew): (usize, i64, Option<bool>),
    ) -> Self {
        let id = SchoolId(Uuid::now_v7());
        let settings = ChangeSettings {
            max_individual_quota: vec![(CLAUDE.to_owned(), Quota::Unlimited)],
            default_member_quota: vec![(CLAUDE.to_owned(), Quota::ZERO)],
            ..ChangeSettings::default()
        };
        let members: Vec<_> = (0..members).map(|_| MemberId(Uuid::now_v7())).collect();
        let mut requests = vec![
            envelope_at(at, fresh(), register(total).command.action),
            envelope_at(
                at,
                fresh(),
                Action::School(SchoolCommand::ChangeSettings(settings)),
            ),
        ];
        for member in &members {
            let mut enrol = enrol(*member, Role::Teacher, &[]);
            enrol.command.now = at;
            requests.push(enrol);
            requests.push(allocate_at(at, *member, allocated, auto_renew));
        }
        for answer in writer
            .submit_all(id, requests)
            .await
            .expect("the writer answers")
        {
            answer.expect("the school is set up");
        }
        Self { id, members }
    }

    /// Sends one command.
    ///
    /// # Panics
    /// If the writer fails.
    pub async fn send(&self, writer: &Writer, envelope: Envelope) -> Answer {
        writer
            .submit(self.id, envelope)
            .await
            .expect("the writer answers")
    }
}
