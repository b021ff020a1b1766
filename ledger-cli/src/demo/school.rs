//! The school of `ledger demo`: made once, when the log is empty, by the same commands that anybody
//! would send, in one transaction. Its ids are fixed, so that documents can name them.

use chrono::{DateTime, Utc};
use ledger_core::allocation::{AllocationCommand, AllocationRow, Change, Holder, Priority};
use ledger_core::department::DepartmentCommand;
use ledger_core::period::{AnchorDay, Cycle, Tz};
use ledger_core::request::{FileRequest, RequestCommand, Urgency};
use ledger_core::school::{EnrolMember, RegisterSchool, SchoolCommand};
use ledger_core::usage::UsageCommand;
use ledger_core::{
    Action, Actor, ActorId, Command, CommandKey, DepartmentId, ExternalId, Fingerprint, FreeText,
    MemberId, OrgType, Quota, RequestId, Role, SchoolId, Tier, Timestamp, Units,
};
use ledger_store::writer::{DirectoryEntry, Envelope, SideWrites, Writer};
use ledger_store::{Database, DatabaseRole};
use uuid::Uuid;

use super::usage;
use crate::failure::Failure;
use crate::token::stand_in;

/// The school.
pub const SCHOOL: Uuid = Uuid::from_u128(0x1000_0000_0000_4000_8000_0000_0000_0001);
/// Its principal.
pub const PRINCIPAL: Uuid = Uuid::from_u128(0x2000_0000_0000_4000_8000_0000_0000_0001);
/// Its auditor.
pub const AUDITOR: Uuid = Uuid::from_u128(0x2000_0000_0000_4000_8000_0000_0000_0002);

/// Where its days begin.
pub(super) const TIME_ZONE: Tz = Tz::Africa__Johannesburg;
/// The three built-in services, in the order of the numbers below.
pub(super) const SERVICES: [&str; 3] = ["claude_messages", "content_generation", "assessment_ai"];
/// What the school bought of each.
const TOTALS: [i64; 3] = [1_000, 500, 250];

/// A group of teachers, with an allocation out of which theirs come.
#[derive(Debug)]
struct Department {
    id: Uuid,
    name: &'static str,
    allocated: [i64; 3],
}

/// Teachers of languages.
const LANGUAGES: Department = Department {
    id: Uuid::from_u128(0x3000_0000_0000_4000_8000_0000_0000_0001),
    name: "Languages",
    allocated: [140, 70, 45],
};

/// Teachers of sciences.
const SCIENCES: Department = Department {
    id: Uuid::from_u128(0x3000_0000_0000_4000_8000_0000_0000_0002),
    name: "Sciences",
    allocated: [90, 45, 30],
};

/// Every department.
static DEPARTMENTS: [Department; 2] = [LANGUAGES, SCIENCES];

/// Somebody who teaches there.
#[derive(Debug)]
pub struct Teacher {
    /// The member's id.
    pub id: Uuid,
    name: &'static str,
    email: &'static str,
    department: Option<Department>,
    allocated: [i64; 3],
    priority: Priority,
    /// Calls of each service in the last days.
    pub(super) calls: [usize; 3],
    suspended: Option<&'static str>,
    /// What he asks for: units of the first service, how urgently and why.
    asks: Option<(i64, Urgency, &'static str)>,
}

/// Everybody who teaches there. The first has little left and asks for more, the last is
/// suspended.
pub const TEACHERS: [Teacher; 4] = [
    Teacher {
        id: Uuid::from_u128(0x2000_0000_0000_4000_8000_0000_0000_0011),
        name: "Thandi Nkosi",
        email: "thandi.nkosi@riverside.example",
        department: Some(LANGUAGES),
        allocated: [80, 40, 25],
        priority: Priority::High,
        calls: [71, 22, 9],
        suspended: None,
        asks: Some((20, Urgency::High, "exam weeks in all four classes")),
    },
    Teacher {
        id: Uuid::from_u128(0x2000_0000_0000_4000_8000_0000_0000_0012),
        name: "Pieter van der Merwe",
        email: "pieter.vandermerwe@riverside.example",
        department: Some(SCIENCES),
        allocated: [60, 30, 20],
        priority: Priority::Normal,
        calls: [33, 18, 4],
        suspended: None,
        asks: None,
    },
    Teacher {
        id: Uuid::from_u128(0x2000_0000_0000_4000_8000_0000_0000_0013),
        name: "Aisha Patel",
        email: "aisha.patel@riverside.example",
        department: None,
        allocated: [50, 25, 15],
        priority: Priority::Normal,
        calls: [12, 3, 14],
        suspended: None,
        asks: Some((10, Urgency::Normal, "a reading project with grade 5")),
    },
    Teacher {
        id: Uuid::from_u128(0x2000_0000_0000_4000_8000_0000_0000_0014),
        name: "Sipho Dlamini",
        email: "sipho.dlamini@riverside.example",
        department: None,
        allocated: [40, 20, 10],
        priority: Priority::Low,
        calls: [5, 0, 1],
        suspended: Some("on leave until the next term"),
        asks: None,
    },
];

/// Makes the school when there is none at all.
pub async fn make_if_empty(database: &Database, writer: &Writer) -> Result<(), Failure> {
    let is_empty: bool = sqlx::query_scalar("SELECT NOT EXISTS (SELECT FROM stream)")
        .fetch_one(database.pool(DatabaseRole::Writer))
        .await
        .map_err(Failure::no)?;
    if !is_empty {
        return Ok(());
    }
    let requests = commands(Utc::now());
    let answers = writer
        .submit_all(SchoolId(SCHOOL), requests)
        .await
        .map_err(Failure::no)?;
    for answer in answers {
        answer.map_err(|refused| {
            Failure::no(format!(
                "the demo school could not be made: {:?}",
                refused.reason
            ))
        })?;
    }
    tracing::info!("the demo school is made");
    Ok(())
}

/// Every command, in the order in which they are decided.
fn commands(now: DateTime<Utc>) -> Vec<Envelope> {
    let clerk = Clerk {
        now: Timestamp::new(now),
    };
    let mut commands = vec![
        clerk.register(),
        clerk.enrol(
            PRINCIPAL,
            Role::Principal,
            "Nomsa Mokoena",
            "nomsa.mokoena@riverside.example",
        ),
        clerk.enrol(
            AUDITOR,
            Role::Auditor,
            "Johan Botha",
            "johan.botha@riverside.example",
        ),
    ];
    commands.extend(DEPARTMENTS.iter().map(|department| clerk.open(department)));
    commands.extend(TEACHERS.iter().map(|teacher| clerk.hire(teacher)));
    commands.push(clerk.allocate());
    commands.extend(clerk.debits(now));
    commands.extend(TEACHERS.iter().filter_map(|teacher| clerk.suspend(teacher)));
    commands.extend(TEACHERS.iter().filter_map(|teacher| clerk.ask(teacher)));
    commands
}

/// Writes commands as they would come from outside.
struct Clerk {
    now: Timestamp,
}

impl Clerk {
    fn register(&self) -> Envelope {
        let register = RegisterSchool {
            org_type: OrgType::K12,
            tier: Tier::Enterprise,
            cycle: Cycle {
                time_zone: TIME_ZONE,
                anchor_day: AnchorDay::FIRST,
            },
            totals: SERVICES
                .into_iter()
                .zip(TOTALS)
                .map(|(service, total)| (service.to_owned(), Quota::Finite(units(total))))
                .collect(),
        };
        let action = Action::School(SchoolCommand::Register(register));
        let name = SideWrites::SchoolName("Riverside Demo School".to_owned());
        self.envelope(Role::PlatformAdmin, action)
            .with_side_writes(name)
    }

    fn enrol(&self, id: Uuid, role: Role, name: &str, email: &str) -> Envelope {
        let by = if role == Role::Teacher {
            Role::Principal
        } else {
            Role::PlatformAdmin
        };
        let enrol = EnrolMember {
            member_id: MemberId(id),
            role,
            department_id: None,
            external_ids: ExternalId::new(email).into_iter().collect(),
        };
        let entry = DirectoryEntry {
            display_name: Some(name.to_owned()),
            email: Some(email.to_owned()),
        };
        self.envelope(by, Action::School(SchoolCommand::EnrolMember(enrol)))
            .with_side_writes(SideWrites::Member(entry))
    }

    fn open(&self, department: &Department) -> Envelope {
        let department_id = DepartmentId(department.id);
        let open = DepartmentCommand::Open { department_id };
        let name = department.name.to_owned();
        self.envelope(Role::Principal, Action::Department(open))
            .with_side_writes(SideWrites::Department { name })
    }

    /// A teacher is enrolled, into his department if he has one.
    fn hire(&self, teacher: &Teacher) -> Envelope {
        let mut hired = self.enrol(teacher.id, Role::Teacher, teacher.name, teacher.email);
        if let Action::School(SchoolCommand::EnrolMember(enrol)) = &mut hired.command.action {
            enrol.department_id = teacher.department.as_ref().map(|d| DepartmentId(d.id));
        }
        hired
    }

    /// Departments and teachers in one step: what a teacher is given comes out of what his
    /// department is given with it.
    fn allocate(&self) -> Envelope {
        let row = |holder: Holder, allocated: [i64; 3], service: usize| AllocationRow {
            holder: holder.into(),
            service: SERVICES[service].to_owned(),
            change: Change::Set(Quota::Finite(units(allocated[service]))),
            priority: None,
            auto_renew: Some(true),
        };
        let of_department = |department: &'static Department, service| {
            let holder = DepartmentId(department.id).into();
            row(holder, department.allocated, service)
        };
        let of_teacher = |teacher: &Teacher, service| AllocationRow {
            priority: Some(teacher.priority),
            auto_renew: Some(teacher.suspended.is_none()),
            ..row(MemberId(teacher.id).into(), teacher.allocated, service)
        };
        let services = || 0..SERVICES.len();
        let departments = DEPARTMENTS
            .iter()
            .flat_map(|department| services().map(move |n| of_department(department, n)));
        let teachers = TEACHERS
            .iter()
            .flat_map(|teacher| services().map(move |n| of_teacher(teacher, n)));
        let rows = departments.chain(teachers).collect();
        let reason = text("the plan for this term");
        let apply = AllocationCommand::Apply {
            rows,
            reason,
            as_batch: true,
        };
        self.envelope(Role::Principal, Action::Allocation(apply))
    }

    fn suspend(&self, teacher: &Teacher) -> Option<Envelope> {
        let reason = text(teacher.suspended?);
        let suspend = AllocationCommand::Suspend {
            member_id: MemberId(teacher.id),
            reason,
        };
        Some(self.envelope(Role::Principal, Action::Allocation(suspend)))
    }

    fn ask(&self, teacher: &Teacher) -> Option<Envelope> {
        let (number, urgency, why) = teacher.asks?;
        let member_id = MemberId(teacher.id);
        let file = FileRequest {
            request_id: RequestId(Uuid::now_v7()),
            member_id,
            units: vec![(SERVICES[0].to_owned(), units(number))],
            justification: text(why),
            urgency,
        };
        let action = Action::Request(RequestCommand::File(file));
        let mut envelope = self.envelope(Role::Teacher, action);
        envelope.command.actor.id = ActorId(teacher.id);
        Some(envelope)
    }

    fn debits(&self, now: DateTime<Utc>) -> impl Iterator<Item = Envelope> {
        usage::debits(now).map(|debit| {
            let key = CommandKey::Debit(debit.id.clone());
            let action = Action::Usage(UsageCommand::Debit(debit));
            self.envelope_of(&key, Role::Proxy, action)
        })
    }

    fn envelope(&self, role: Role, action: Action) -> Envelope {
        self.envelope_of(&CommandKey::Fresh(Uuid::now_v7()), role, action)
    }

    fn envelope_of(&self, key: &CommandKey, role: Role, action: Action) -> Envelope {
        let id = if role == Role::Principal {
            PRINCIPAL
        } else {
            stand_in(role)
        };
        let fingerprint = Fingerprint::of(format!("{action:?}").as_bytes());
        let actor = Actor {
            role,
            id: ActorId(id),
        };
        let command = Command {
            actor,
            now: self.now,
            action,
        };
        Envelope::new(key, fingerprint, command)
    }
}

/// So many units; never below zero here.
pub(super) fn units(number: i64) -> Units {
    Units::new(number).unwrap_or(Units::ZERO)
}

#[expect(
    clippy::expect_used,
    reason = "the texts are constants, and a test makes all of them"
)]
fn text(reason: &str) -> FreeText {
    FreeText::new(reason, rand::random()).expect("a reason")
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use ledger_core::{
        Catalogue, Context, EventId, Recorded, SchoolState, Seq, ServiceId, decide, evolve,
    };

    use super::*;

    #[test]
    fn every_command_is_allowed_on_any_day() {
        for day in 0..40 {
            let now = "2026-11-24T03:00:00Z".parse::<DateTime<Utc>>().unwrap();
            let now = now + TimeDelta::days(day);
            let mut state = SchoolState::default();
            for envelope in commands(now) {
                let command = envelope.command;
                let context = Context::default();
                let facts = decide(&Catalogue::built_in(), &state, &command, &context).unwrap();
                for fact in facts {
                    assert!(fact.occurred_at.get() <= now);
                    let recorded = Recorded {
                        school_id: SchoolId(SCHOOL),
                        seq: state.head().next(),
                        event_id: EventId(Uuid::nil()),
                        actor: command.actor,
                        occurred_at: fact.occurred_at,
                        recorded_at: Timestamp::new(now),
                        event: fact.event,
                    };
                    evolve(&mut state, &recorded);
                }
            }
            assert_eq!(state.requests().len(), 2, "somebody waits for an answer");
            assert!(state.head() > Seq(200), "{}", state.head());
            for department in &DEPARTMENTS {
                let there = state.department(DepartmentId(department.id)).unwrap();
                for (index, service) in SERVICES.into_iter().enumerate() {
                    let line = there.line(&ServiceId::new(service).unwrap());
                    let allocated = units(department.allocated[index]);
                    assert_eq!(line.pool.total, Quota::Finite(allocated));
                    assert_ne!(line.pool.unallocated(), Quota::ZERO, "some is left");
                }
            }
            for teacher in &TEACHERS {
                let member = state.member(MemberId(teacher.id)).unwrap();
                for (index, service) in SERVICES.into_iter().enumerate() {
                    let line = member.line(&ServiceId::new(service).unwrap());
                    assert_eq!(
                        line.allocated,
                        Quota::Finite(units(teacher.allocated[index]))
                    );
                    assert_eq!(
                        line.used.get(),
                        i64::try_from(teacher.calls[index]).unwrap()
                    );
                }
            }
        }
    }
}
