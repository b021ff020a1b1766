//! Random lives of schools: every kind of command, in an order that a seed fixes.

use ledger_core::allocation::{AllocationCommand, AllocationRow, Change, Holder, Priority};
use ledger_core::department::DepartmentCommand;
use ledger_core::period::AnchorDay;
use ledger_core::request::{ApproveRequest, FileRequest, RejectRequest, RequestCommand, Urgency};
use ledger_core::school::{
    ChangeSettings, EnrolMember, OveragePolicy, Percent, Reclaim, SchoolCommand, SetSubscription,
};
use ledger_core::usage::{
    AttributeUsage, CallFacts, CorrectUsage, Debit, Outcome, PlaceHold, RefusedFor, ReleaseHold,
    Report, SettleHold, UsageCommand, UsageRefused,
};
use ledger_core::{
    Action, Attribute, CommandKey, DepartmentId, EventId, MemberId, MicroUsd, Quota, Recorded,
    RequestId, Role, ServiceId, Tier, Timestamp,
};
use uuid::Uuid;

use super::school::{SERVICES, School, department, key, member, reason, start, units};

/// A small generator (xorshift64*): the same seed gives the same life.
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }

    pub fn amount(&mut self, below: u64) -> i64 {
        i64::try_from(self.below(below)).unwrap()
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()].clone()
    }
}

/// One school's life.
pub struct Life {
    pub school: School,
    pub dice: Dice,
    /// The events that the writer returned.
    pub written: Vec<Recorded>,
    now: Timestamp,
    holds: Vec<String>,
    requests: Vec<RequestId>,
    usages: Vec<EventId>,
    steps: u64,
}

const MEMBERS: u64 = 8;
const DEPARTMENTS: u64 = 4;

impl Life {
    pub fn new(school: School, seed: u64) -> Self {
        Self {
            school,
            dice: Dice::new(seed),
            written: Vec::new(),
            now: start(),
            holds: Vec::new(),
            requests: Vec::new(),
            usages: Vec::new(),
            steps: 0,
        }
    }

    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Sends `count` commands; some are refused.
    pub async fn live(&mut self, count: usize) {
        for _ in 0..count {
            self.steps += 1;
            // Holds last minutes, requests a week.
            let seconds = match self.dice.below(60) {
                0 => 9 * 24 * 3_600,
                1..6 => 900,
                _ => 20,
            };
            let seconds = self.dice.amount(seconds);
            // Sometimes beyond the end of the period, or just before it, with open holds.
            let seconds = match self.dice.below(90) {
                0 => self.dice.amount(70 * 24 * 3_600),
                1 => self.to_the_end(),
                _ => seconds,
            };
            self.now = self.now.plus_seconds(seconds);
            let action = self.action();
            if let Ok(receipt) = self.school.act(action, self.now).await {
                self.written.extend(receipt.events);
            }
        }
    }

    /// Seconds to a minute before the end of the period; periods begin on the 15th in any zone.
    fn to_the_end(&self) -> i64 {
        let day = 24 * 3_600;
        let since_start = self.now.get().timestamp().rem_euclid(day);
        let days = (0..40).find(|days| {
            let at = self.now.plus_seconds(days * day).get();
            at.format("%d").to_string() == "15"
        });
        (days.unwrap_or(0) * day - since_start - 60).max(0)
    }

    fn action(&mut self) -> Action {
        match self.dice.below(33) {
            0..6 => Action::Usage(UsageCommand::Debit(self.debit())),
            6..9 => Action::Usage(UsageCommand::PlaceHold(self.hold())),
            9..12 => Action::Usage(self.close()),
            12..16 => Action::Allocation(self.allocate()),
            16 => Action::Allocation(self.suspend()),
            17..21 => Action::Request(self.ask()),
            21 | 22 => Action::School(self.people()),
            23 => Action::Usage(UsageCommand::NoteRefused(self.refused())),
            24..27 => Action::Usage(self.afterwards()),
            27..30 => Action::Department(self.department()),
            30 | 31 => Action::Allocation(self.suspend()),
            _ => Action::School(self.school()),
        }
    }

    fn member(&mut self) -> MemberId {
        member(u128::from(self.dice.below(MEMBERS)))
    }

    fn department_id(&mut self) -> DepartmentId {
        department(u128::from(self.dice.below(DEPARTMENTS)))
    }

    /// Mostly a member.
    fn holder(&mut self) -> Holder {
        match self.dice.below(3) {
            0 => self.department_id().into(),
            _ => self.member().into(),
        }
    }

    /// Opens and closes departments, and moves members among them.
    fn department(&mut self) -> DepartmentCommand {
        let department_id = self.department_id();
        match self.dice.below(8) {
            0 | 1 => DepartmentCommand::Open { department_id },
            2 => DepartmentCommand::Close { department_id },
            _ => DepartmentCommand::Move {
                member_id: self.member(),
                to: (!self.dice.one_in(4)).then_some(department_id),
            },
        }
    }

    fn service(&mut self) -> String {
        self.dice.pick(&SERVICES).to_owned()
    }

    fn call(&mut self) -> CallFacts {
        let dice = &mut self.dice;
        let huge = dice.one_in(60);
        let mut said = |below: u64| {
            let n = if huge { i64::MAX } else { dice.amount(below) };
            (!dice.one_in(4)).then(|| units(n))
        };
        CallFacts {
            input_tokens: said(5_000),
            output_tokens: said(2_000),
            cached_tokens: said(100),
            cost_micros: said(9_000).map(MicroUsd),
            latency_ms: said(3_000),
            model: self
                .dice
                .pick(&[None, Some("claude-sonnet-4".into()), Some("opus".into())]),
            outcome: self.dice.pick(&[
                None,
                Some(Outcome::Success),
                Some(Outcome::Success),
                Some(Outcome::Timeout),
            ]),
            request_id: None,
            session_id: None,
        }
    }

    /// Mostly `None`; else up to ninety days ago, or centuries ago.
    fn occurred_at(&mut self) -> Option<Timestamp> {
        match self.dice.below(8) {
            0 => Some(self.now.plus_seconds(-self.dice.amount(90 * 24 * 3_600))),
            1 if self.dice.one_in(10) => Some(super::school::at("-4713-11-24T00:00:00Z")),
            _ => None,
        }
    }

    fn debit(&mut self) -> Debit {
        let id = key(&format!("debit-{}", self.steps));
        self.usages
            .push(CommandKey::Debit(id.clone()).first_event_id());
        Debit {
            id,
            owner: self.member().into(),
            service: self.service(),
            units: Some(units(self.dice.amount(6))),
            occurred_at: self.occurred_at(),
            call: self.call(),
        }
    }

    /// Reports, attributes or refunds usage, often usage that does not exist.
    fn afterwards(&mut self) -> UsageCommand {
        let usage_id = match self.usages.len() as u64 {
            0 => EventId(Uuid::nil()),
            n => self.usages[usize::try_from(n - 1 - self.dice.below(n.min(8))).unwrap()],
        };
        match self.dice.below(5) {
            0 => UsageCommand::Attribute(AttributeUsage {
                usage_id,
                member_id: self.member(),
                service: self.dice.one_in(2).then(|| self.service()),
                reason: reason("wrong member"),
            }),
            1 => UsageCommand::Correct(CorrectUsage {
                usage_id,
                units: (!self.dice.one_in(4)).then(|| units(self.dice.amount(4))),
                reason: reason("it failed"),
            }),
            _ => UsageCommand::Report(self.report()),
        }
    }

    fn report(&mut self) -> Report {
        let (id, source) = (format!("report-{}", self.steps), "/random");
        let [id, source] = [id.as_str(), source].map(|text| Attribute::new(text).unwrap());
        let (key_id, key_source) = (id.clone(), source.clone());
        self.usages.push(
            CommandKey::Reported {
                source: key_source,
                id: key_id,
            }
            .first_event_id(),
        );
        let service = match self.dice.one_in(8) {
            true => "video".to_owned(),
            false => self.service(),
        };
        // A separate model: a subtraction from a sum that stopped at the largest number is not
        // exact.
        let call = CallFacts {
            model: Some("reported".into()),
            input_tokens: Some(units(self.dice.amount(5_000))),
            cost_micros: self.dice.one_in(2).then(|| MicroUsd(units(5))),
            latency_ms: self.dice.one_in(2).then(|| units(40)),
            ..CallFacts::default()
        };
        Report {
            id,
            source,
            owner: (!self.dice.one_in(3)).then(|| self.member().into()),
            subject: Some(reason("person@example.org")),
            service: Attribute::new(&service).unwrap(),
            units: (!self.dice.one_in(3)).then(|| units(self.dice.amount(6))),
            occurred_at: self.occurred_at(),
            call,
        }
    }

    fn hold(&mut self) -> PlaceHold {
        let id = format!("hold-{}", self.steps);
        self.holds.push(id.clone());
        self.usages
            .push(CommandKey::HoldClosing(key(&id)).first_event_id());
        PlaceHold {
            hold_id: key(&id),
            owner: self.member().into(),
            service: self.service(),
            units: units(1 + self.dice.amount(6)),
            ttl_seconds: 1 + self.dice.amount(400),
        }
    }

    fn refused(&mut self) -> UsageRefused {
        UsageRefused {
            member_id: self.member(),
            department_id: None,
            service: ServiceId::new(&self.service()).unwrap(),
            reason: self
                .dice
                .pick(&[RefusedFor::QuotaExceeded, RefusedFor::MemberSuspended]),
            minute: self.now.start_of_minute(),
            times: units(1 + self.dice.amount(50)),
            units: units(self.dice.amount(500)),
        }
    }

    /// Settles or releases a hold, often a closed or expired one.
    fn close(&mut self) -> UsageCommand {
        let hold_id = match self.holds.len() as u64 {
            0 => key("no-such-hold"),
            n => key(&self.holds[usize::try_from(n - 1 - self.dice.below(n.min(6))).unwrap()]),
        };
        if self.dice.one_in(3) {
            return UsageCommand::Release(ReleaseHold {
                hold_id,
                reason: None,
            });
        }
        UsageCommand::Settle(SettleHold {
            hold_id,
            units: Some(units(self.dice.amount(12))),
            occurred_at: self.occurred_at(),
            call: self.call(),
        })
    }

    fn allocate(&mut self) -> AllocationCommand {
        let as_batch = self.dice.one_in(4);
        let rows = if as_batch { 3 } else { 1 };
        let rows = (0..rows)
            .map(|_| AllocationRow {
                holder: self.holder().into(),
                service: self.service(),
                change: self.change(),
                priority: self
                    .dice
                    .pick(&[None, Some(Priority::High), Some(Priority::Low)]),
                auto_renew: self.dice.pick(&[None, None, Some(true), Some(false)]),
            })
            .collect();
        AllocationCommand::Apply {
            rows,
            reason: reason("as random as life"),
            as_batch,
        }
    }

    fn change(&mut self) -> Change {
        match self.dice.below(10) {
            0 => Change::Set(Quota::Unlimited),
            1 | 2 => Change::Set(Quota::Finite(units(self.dice.amount(40)))),
            3 => Change::Add(units(self.dice.amount(20))),
            4 => Change::Revoke(None),
            5 => Change::Revoke(Some(units(self.dice.amount(5)))),
            6 => Change::Keep,
            _ => Change::Transfer {
                units: units(1 + self.dice.amount(4)),
                to: self.holder(),
            },
        }
    }

    /// Files a request, or closes one of the last, often a closed or expired one.
    fn ask(&mut self) -> RequestCommand {
        let last = self.requests.len() as u64;
        if last == 0 || self.dice.one_in(2) {
            let request_id = RequestId(Uuid::from_u128(self.steps.into()));
            self.requests.push(request_id);
            return RequestCommand::File(FileRequest {
                request_id,
                member_id: self.member(),
                units: vec![(self.service(), units(1 + self.dice.amount(9)))],
                justification: reason("the science fair"),
                urgency: self
                    .dice
                    .pick(&[Urgency::Low, Urgency::Normal, Urgency::High]),
            });
        }
        let at = usize::try_from(last - 1 - self.dice.below(last.min(4))).unwrap();
        let request_id = self.requests[at];
        match self.dice.below(8) {
            0 => RequestCommand::Withdraw { request_id },
            1 | 2 => RequestCommand::Reject(RejectRequest {
                request_id,
                reason: reason("not this month"),
            }),
            _ => RequestCommand::Approve(ApproveRequest {
                request_id,
                units: None,
                reason: self.dice.one_in(2).then(|| reason("well earned")),
            }),
        }
    }

    fn suspend(&mut self) -> AllocationCommand {
        let (member_id, reason) = (self.member(), reason("a rest"));
        if self.dice.one_in(2) {
            AllocationCommand::Suspend { member_id, reason }
        } else {
            AllocationCommand::Reactivate { member_id, reason }
        }
    }

    fn people(&mut self) -> SchoolCommand {
        let member_id = self.member();
        let role = self
            .dice
            .pick(&[Role::Teacher, Role::Teacher, Role::Principal]);
        match self.dice.below(7) {
            0 => SchoolCommand::RemoveMember { member_id },
            2 => SchoolCommand::EraseMember {
                member_id,
                reason: Some(reason("on request")),
            },
            1 => SchoolCommand::SetRole { member_id, role },
            _ => SchoolCommand::EnrolMember(EnrolMember {
                member_id,
                role,
                department_id: self.dice.one_in(2).then(|| self.department_id()),
                external_ids: Vec::new(),
            }),
        }
    }

    fn overage(&mut self) -> OveragePolicy {
        match u8::try_from(self.dice.below(101)).unwrap() {
            0..50 => OveragePolicy::Hard,
            percent => OveragePolicy::Soft {
                percent: Percent::new(percent).unwrap(),
            },
        }
    }

    fn school(&mut self) -> SchoolCommand {
        let quota = |dice: &mut Dice| match dice.below(4) {
            0 => Quota::Unlimited,
            _ => Quota::Finite(units(60 + dice.amount(200))),
        };
        if self.dice.one_in(2) {
            return SchoolCommand::ChangeSettings(ChangeSettings {
                max_individual_quota: vec![(self.service(), quota(&mut self.dice))],
                default_member_quota: vec![(self.service(), quota(&mut self.dice))],
                self_service_requests: Some(self.dice.one_in(2)),
                overage: vec![(self.service(), self.overage())],
                draw_on_department: Some(!self.dice.one_in(3)),
            });
        }
        SchoolCommand::SetSubscription(SetSubscription {
            tier: self.dice.pick(&[
                None,
                Some(Tier::Enterprise),
                Some(Tier::Enterprise),
                Some(Tier::Pro),
            ]),
            totals: vec![(self.service(), quota(&mut self.dice))],
            anchor_day: self.dice.pick(&[None, None, None, AnchorDay::new(17).ok()]),
            reclaim: self.dice.pick(&[Reclaim::Refuse, Reclaim::ByPriority]),
        })
    }
}
