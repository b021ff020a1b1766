//! Creates the demo school in an empty log, by ordinary commands in one transaction.

use chrono::{DateTime, Utc};
use ledger_core::allocation::{AllocationCommand, AllocationRow, Change, Holder};
use ledger_core::department::DepartmentCommand;
use ledger_core::period::{AnchorDay, Cycle};
use ledger_core::request::{FileRequest, RequestCommand};
use ledger_core::school::{EnrolMember, RegisterSchool, SchoolCommand};
use ledger_core::usage::UsageCommand;
use ledger_core::{
    Action, Actor, ActorId, Command, CommandKey, DepartmentId, ExternalId, Fingerprint, FreeText,
    MemberId, OrgType, Quota, RequestId, Role, SchoolId, Tier, Timestamp,
};
use ledger_store::writer::{DirectoryEntry, Envelope, SideWrites, Writer};
use ledger_store::{Database, DatabaseRole};
use uuid::Uuid;

use super::people::{
    AUDITOR, DEPARTMENTS, Department, PRINCIPAL, Person, SCHOOL, SERVICES, TEACHERS, TIME_ZONE,
    TOTALS, Teacher,
};
use super::usage::{debits, units};
use crate::failure::Failure;
use crate::subject::default_subject;

/// Creates the school if the log is empty.
pub(super) async fn create_if_empty(database: &Database, writer: &Writer) -> Result<(), Failure> {
    let is_empty: bool = sqlx::query_scalar("SELECT NOT EXISTS (SELECT FROM stream)")
        .fetch_one(database.pool(DatabaseRole::Writer))
        .await?;
    if !is_empty {
        return Ok(());
    }
    let envelopes = envelopes(Utc::now());
    for answer in writer.submit_all(SchoolId(SCHOOL), envelopes).await? {
        answer.map_err(|refused| {
            let reason = refused.reason;
            Failure::new(format!("could not create the demo school: {reason:?}"))
        })?;
    }
    tracing::info!("demo school created");
    Ok(())
}

/// All commands, in the order of their decision.
fn envelopes(now: DateTime<Utc>) -> Vec<Envelope> {
    let seed = Seed {
        now: Timestamp::new(now),
    };
    let mut envelopes = vec![
        seed.register(),
        seed.enrol(&PRINCIPAL, Role::Principal, None),
        seed.enrol(&AUDITOR, Role::Auditor, None),
    ];
    envelopes.extend(DEPARTMENTS.iter().map(|department| seed.open(department)));
    envelopes.extend(TEACHERS.iter().map(|teacher| {
        let department_id = teacher
            .department
            .map(|department| DepartmentId(department.id));
        seed.enrol(&teacher.person, Role::Teacher, department_id)
    }));
    envelopes.push(seed.allocate());
    envelopes.extend(debits(now).map(|debit| {
        let key = CommandKey::Debit(debit.id.clone());
        let action = Action::Usage(UsageCommand::Debit(debit));
        seed.envelope_of(&key, Role::Proxy, action)
    }));
    envelopes.extend(TEACHERS.iter().filter_map(|teacher| seed.suspend(teacher)));
    envelopes.extend(TEACHERS.iter().filter_map(|teacher| seed.request(teacher)));
    envelopes
}

/// Builds the commands, all at one instant.
struct Seed {
    now: Timestamp,
}

impl Seed {
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

    fn enrol(&self, person: &Person, role: Role, department_id: Option<DepartmentId>) -> Envelope {
        let enroller = if role == Role::Teacher {
            Role::Principal
        } else {
            Role::PlatformAdmin
        };
        let enrol = EnrolMember {
            member_id: MemberId(person.id),
            role,
            department_id,
            external_ids: ExternalId::new(person.email).into_iter().collect(),
        };
        let entry = DirectoryEntry {
            display_name: Some(person.name.to_owned()),
            email: Some(person.email.to_owned()),
        };
        self.envelope(enroller, Action::School(SchoolCommand::EnrolMember(enrol)))
            .with_side_writes(SideWrites::Member(entry))
    }

    fn open(&self, department: &Department) -> Envelope {
        let department_id = DepartmentId(department.id);
        let open = DepartmentCommand::Open { department_id };
        let name = department.name.to_owned();
        self.envelope(Role::Principal, Action::Department(open))
            .with_side_writes(SideWrites::Department { name })
    }

    /// Allocates to departments and teachers in one command, since a teacher's allocation comes out
    /// of the department's.
    fn allocate(&self) -> Envelope {
        let row = |holder: Holder, allocated: [i64; 3], service: usize| AllocationRow {
            holder: holder.into(),
            service: SERVICES[service].to_owned(),
            change: Change::Set(Quota::Finite(units(allocated[service]))),
            priority: None,
            auto_renew: Some(true),
        };
        let services = 0..SERVICES.len();
        let mut rows = Vec::new();
        for department in &DEPARTMENTS {
            let holder = || DepartmentId(department.id).into();
            rows.extend(
                services
                    .clone()
                    .map(|n| row(holder(), department.allocated, n)),
            );
        }
        for teacher in &TEACHERS {
            rows.extend(services.clone().map(|service| AllocationRow {
                priority: Some(teacher.priority),
                auto_renew: Some(teacher.suspended.is_none()),
                ..row(
                    MemberId(teacher.person.id).into(),
                    teacher.allocated,
                    service,
                )
            }));
        }
        let apply = AllocationCommand::Apply {
            rows,
            reason: text("the plan for this term"),
            as_batch: true,
        };
        self.envelope(Role::Principal, Action::Allocation(apply))
    }

    fn suspend(&self, teacher: &Teacher) -> Option<Envelope> {
        let suspend = AllocationCommand::Suspend {
            member_id: MemberId(teacher.person.id),
            reason: text(teacher.suspended?),
        };
        Some(self.envelope(Role::Principal, Action::Allocation(suspend)))
    }

    fn request(&self, teacher: &Teacher) -> Option<Envelope> {
        let (number, urgency, justification) = teacher.request?;
        let member_id = MemberId(teacher.person.id);
        let file = FileRequest {
            request_id: RequestId(Uuid::now_v7()),
            member_id,
            units: vec![(SERVICES[0].to_owned(), units(number))],
            justification: text(justification),
            urgency,
        };
        let action = Action::Request(RequestCommand::File(file));
        let mut envelope = self.envelope(Role::Teacher, action);
        envelope.command.actor.id = ActorId(teacher.person.id);
        Some(envelope)
    }

    fn envelope(&self, role: Role, action: Action) -> Envelope {
        self.envelope_of(&CommandKey::Fresh(Uuid::now_v7()), role, action)
    }

    fn envelope_of(&self, key: &CommandKey, role: Role, action: Action) -> Envelope {
        let id = if role == Role::Principal {
            PRINCIPAL.id
        } else {
            default_subject(role)
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

#[expect(clippy::expect_used, reason = "a test creates every text")]
fn text(reason: &str) -> FreeText {
    FreeText::new(reason, rand::random()).expect("a valid text")
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
            for envelope in envelopes(now) {
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
            assert_eq!(state.requests().by_id().len(), 2, "pending requests");
            assert!(state.head() > Seq(200), "{}", state.head());
            for department in &DEPARTMENTS {
                let opened = state.department(DepartmentId(department.id)).unwrap();
                for (index, service) in SERVICES.into_iter().enumerate() {
                    let line = opened.line(&ServiceId::new(service).unwrap());
                    let allocated = units(department.allocated[index]);
                    assert_eq!(line.pool.total, Quota::Finite(allocated));
                    assert_ne!(line.pool.unallocated(), Quota::ZERO, "unallocated");
                }
            }
            for teacher in &TEACHERS {
                let member = state.member(MemberId(teacher.person.id)).unwrap();
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
