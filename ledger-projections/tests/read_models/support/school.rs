//! A school that receives commands through the real writer.

use std::sync::Arc;

use ledger_core::allocation::{AllocationCommand, AllocationRow, Change, HolderName};
use ledger_core::department::DepartmentCommand;
use ledger_core::period::{AnchorDay, Cycle};
use ledger_core::school::{ChangeSettings, EnrolMember, RegisterSchool, SchoolCommand};
use ledger_core::usage::{CallFacts, Debit, PlaceHold, SettleHold, UsageCommand};
use ledger_core::{
    Action, Actor, ActorId, Catalogue, Command, CommandKey, DepartmentId, ExternalId, Fingerprint,
    FreeText, Key, MemberId, OrgType, Quota, Role, SchoolId, Seq, Tier, Timestamp, Units,
};
use ledger_store::writer::{
    Answer, DirectoryEntry, Envelope, Receipt, SideWrites, Writer, WriterSettings, WriterTasks,
};
use ledger_store::{Database, Wakes};
use tokio::sync::watch;
use uuid::Uuid;

/// The writer of a test.
#[derive(Clone)]
pub struct Ledger {
    pub writer: Writer,
    pub wakes: Wakes,
    /// Ends the tasks when dropped.
    _tasks: Arc<WriterTasks>,
}

impl Ledger {
    pub fn start(database: &Database) -> Self {
        let wakes = Wakes::default();
        let catalogue = watch::channel(Arc::new(Catalogue::built_in())).1;
        let (writer, tasks) =
            Writer::start(database, &catalogue, &wakes, WriterSettings::default());
        Self {
            writer,
            wakes,
            _tasks: Arc::new(tasks),
        }
    }

    /// Registers a school with this total of each service.
    pub async fn school(
        &self,
        (org_type, tier): (OrgType, Tier),
        time_zone: &str,
        total: Quota,
    ) -> School {
        let school = School {
            ledger: self.clone(),
            id: SchoolId(Uuid::new_v4()),
        };
        let totals = SERVICES.map(|service| (service.to_owned(), total)).to_vec();
        let cycle = Cycle {
            time_zone: time_zone.parse().unwrap(),
            anchor_day: AnchorDay::new(15).unwrap(),
        };
        let register = RegisterSchool {
            org_type,
            tier,
            cycle,
            totals,
        };
        let action = Action::School(SchoolCommand::Register(register));
        let name = SideWrites::SchoolName("Rivonia Primary".to_owned());
        let envelope = school.envelope(action, start()).with_side_writes(name);
        school.submit(envelope).await.unwrap();
        school
    }
}

impl Ledger {
    /// A school whose member 1 has an unlimited allocation.
    pub async fn roomy_school(&self) -> School {
        let plan = (OrgType::K12, Tier::Enterprise);
        let school = self.school(plan, "UTC", Quota::Unlimited).await;
        let settings = SchoolCommand::ChangeSettings(ChangeSettings {
            max_individual_quota: vec![(SERVICES[0].to_owned(), Quota::Unlimited)],
            ..ChangeSettings::default()
        });
        school.act(Action::School(settings), start()).await.unwrap();
        school.enrol(member(1), Role::Teacher).await;
        let unlimited = Change::Set(Quota::Unlimited);
        school
            .allocate(member(1), SERVICES[0], unlimited)
            .await
            .unwrap();
        school
    }
}

pub const SERVICES: [&str; 3] = ["claude_messages", "content_generation", "assessment_ai"];

/// The first instant of every test.
pub fn start() -> Timestamp {
    at("2026-11-24T08:00:00Z")
}

pub fn at(text: &str) -> Timestamp {
    Timestamp::new(text.parse().unwrap())
}

pub fn units(n: i64) -> Units {
    Units::new(n).unwrap()
}

pub fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

pub fn reason(text: &str) -> FreeText {
    FreeText::new(text, *Uuid::new_v4().as_bytes()).unwrap()
}

#[derive(Clone)]
pub struct School {
    pub ledger: Ledger,
    pub id: SchoolId,
}

impl School {
    pub fn envelope(&self, action: Action, now: Timestamp) -> Envelope {
        let fresh = || CommandKey::Fresh(Uuid::new_v4());
        let key = match &action {
            Action::Usage(UsageCommand::Debit(debit)) => CommandKey::Debit(debit.id.clone()),
            Action::Usage(UsageCommand::PlaceHold(hold)) => CommandKey::Hold(hold.hold_id.clone()),
            Action::Usage(UsageCommand::Settle(settle)) => {
                CommandKey::HoldClosing(settle.hold_id.clone())
            }
            Action::Usage(UsageCommand::Release(release)) => {
                CommandKey::HoldClosing(release.hold_id.clone())
            }
            Action::Usage(UsageCommand::Report(report)) => CommandKey::Reported {
                source: report.source.clone(),
                id: report.id.clone(),
            },
            Action::Usage(
                UsageCommand::NoteRefused(_)
                | UsageCommand::Attribute(_)
                | UsageCommand::Correct(_),
            )
            | Action::School(_)
            | Action::Department(_)
            | Action::Allocation(_)
            | Action::Request(_) => fresh(),
        };
        let actor = Actor {
            role: Role::Principal,
            id: ActorId(Uuid::from_u128(1)),
        };
        let command = Command { actor, now, action };
        Envelope::new(&key, Fingerprint(0), command)
    }

    pub async fn submit(&self, envelope: Envelope) -> Answer {
        self.ledger.writer.submit(self.id, envelope).await.unwrap()
    }

    pub async fn act(&self, action: Action, now: Timestamp) -> Answer {
        self.submit(self.envelope(action, now)).await
    }

    pub async fn enrol(&self, member_id: MemberId, role: Role) -> Receipt {
        let enrol = EnrolMember {
            member_id,
            role,
            department_id: None,
            external_ids: vec![ExternalId::new(&format!("auth|{member_id}")).unwrap()],
        };
        let action = Action::School(SchoolCommand::EnrolMember(enrol));
        let entry = SideWrites::Member(DirectoryEntry {
            display_name: Some(format!("Member {}", member_id.0.as_u128() % 1_000)),
            email: None,
        });
        let envelope = self.envelope(action, start()).with_side_writes(entry);
        self.submit(envelope).await.unwrap()
    }

    pub async fn allocate(
        &self,
        holder: impl Into<HolderName>,
        service: &str,
        change: Change,
    ) -> Answer {
        let row = AllocationRow {
            holder: holder.into(),
            service: service.to_owned(),
            change,
            priority: None,
            auto_renew: None,
        };
        let command = AllocationCommand::Apply {
            rows: vec![row],
            reason: reason("the science fair"),
            as_batch: false,
        };
        self.act(Action::Allocation(command), start()).await
    }

    /// Opens a department of this name.
    pub async fn open(&self, department_id: DepartmentId, name: &str) -> Receipt {
        let action = Action::Department(DepartmentCommand::Open { department_id });
        let name = SideWrites::Department {
            name: name.to_owned(),
        };
        let envelope = self.envelope(action, start()).with_side_writes(name);
        self.submit(envelope).await.unwrap()
    }

    pub async fn close(&self, department_id: DepartmentId) -> Receipt {
        let action = Action::Department(DepartmentCommand::Close { department_id });
        self.act(action, start()).await.unwrap()
    }

    pub async fn move_to(
        &self,
        member_id: MemberId,
        to: Option<DepartmentId>,
        now: Timestamp,
    ) -> Receipt {
        let action = Action::Department(DepartmentCommand::Move { member_id, to });
        self.act(action, now).await.unwrap()
    }

    /// Lets members without an allocation draw on their department's.
    pub async fn let_draw_on_departments(&self) {
        let settings = SchoolCommand::ChangeSettings(ChangeSettings {
            draw_on_department: Some(true),
            ..ChangeSettings::default()
        });
        self.act(Action::School(settings), start()).await.unwrap();
    }

    pub async fn debit(&self, id: &str, member_id: MemberId, n: i64, now: Timestamp) -> Answer {
        let debit = debit(id, member_id, n, CallFacts::default());
        self.act(Action::Usage(UsageCommand::Debit(debit)), now)
            .await
    }

    pub async fn hold(&self, id: &str, member_id: MemberId, n: i64, now: Timestamp) -> Receipt {
        let hold = PlaceHold {
            hold_id: key(id),
            owner: member_id.into(),
            service: SERVICES[0].to_owned(),
            units: units(n),
            ttl_seconds: 60,
        };
        let action = Action::Usage(UsageCommand::PlaceHold(hold));
        self.act(action, now).await.unwrap()
    }

    pub async fn settle(&self, id: &str, n: i64, now: Timestamp) -> Receipt {
        let settle = SettleHold {
            hold_id: key(id),
            units: Some(units(n)),
            occurred_at: None,
            call: CallFacts::default(),
        };
        let action = Action::Usage(UsageCommand::Settle(settle));
        self.act(action, now).await.unwrap()
    }

    /// Submits `count` debits of one unit each at once.
    pub async fn debits(&self, prefix: &str, member_id: MemberId, count: usize) -> Seq {
        let requests = (0..count)
            .map(|n| {
                let debit = debit(&format!("{prefix}-{n}"), member_id, 1, CallFacts::default());
                self.envelope(Action::Usage(UsageCommand::Debit(debit)), start())
            })
            .collect();
        let answers = self
            .ledger
            .writer
            .submit_all(self.id, requests)
            .await
            .unwrap();
        answers
            .into_iter()
            .map(|answer| answer.unwrap().seq)
            .max()
            .unwrap()
    }
}

pub fn debit(id: &str, member_id: MemberId, n: i64, call: CallFacts) -> Debit {
    Debit {
        id: key(id),
        owner: member_id.into(),
        service: SERVICES[0].to_owned(),
        units: Some(units(n)),
        occurred_at: None,
        call,
    }
}

pub fn member(n: u128) -> MemberId {
    MemberId(Uuid::from_u128(0x1000 + n))
}

pub fn department(n: u128) -> DepartmentId {
    DepartmentId(Uuid::from_u128(0xd000 + n))
}
