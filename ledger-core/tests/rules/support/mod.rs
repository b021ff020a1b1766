//! Given, when, then: a school in memory, driven like the store's writer. Due events precede each
//! command, events are numbered, and the laws of the books are checked after each event.

pub mod commands;
pub mod events;
pub mod laws;
pub mod requests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::TimeDelta;
use ledger_core::allocation::{Line, Pool};
use ledger_core::catalog::Event;
use ledger_core::period::{AnchorDay, Cycle, Tz};
use ledger_core::request::ClosedRequest;
use ledger_core::school::{RegisterSchool, SchoolCommand};
use ledger_core::usage::{Hold, PriorUsage, UsageCommand, UsageEvent};
use ledger_core::{
    Action, Actor, Attribute, Catalogue, Command, CommandKey, Commitment, Context, DepartmentId,
    Due, EventId, ExternalId, Fact, Key, MemberId, OrgType, Quota, Recorded, Refusal, RequestId,
    SchoolId, SchoolState, ServiceId, Tier, Timestamp, Units, decide, due, evolve,
};
use uuid::Uuid;

use commands::Ask;
use laws::Laws;

pub const CLAUDE: &str = "claude_messages";
pub const CONTENT: &str = "content_generation";
pub const ASSESSMENT: &str = "assessment_ai";

pub const ADA: MemberId = MemberId(Uuid::from_u128(0xada));
pub const BEN: MemberId = MemberId(Uuid::from_u128(0xbe4));
pub const CLEO: MemberId = MemberId(Uuid::from_u128(0xc1e0));
pub const NOBODY: MemberId = MemberId(Uuid::from_u128(0xdead));
pub const MATHS: DepartmentId = DepartmentId(Uuid::from_u128(0xa1));
pub const ARTS: DepartmentId = DepartmentId(Uuid::from_u128(0xa2));
pub const SPORTS: DepartmentId = DepartmentId(Uuid::from_u128(0xa3));

pub fn units(n: i64) -> Units {
    Units::new(n).expect("a test's units are not negative")
}

pub fn service(name: &str) -> ServiceId {
    ServiceId::new(name).expect("a test names a service")
}

pub fn key(text: &str) -> Key {
    Key::new(text).expect("a test's key is a key")
}

pub fn external_id(text: &str) -> ExternalId {
    ExternalId::new(text).expect("a test's external id is one")
}

pub fn attribute(text: &str) -> Attribute {
    Attribute::new(text).expect("a test's attribute is one")
}

pub fn at(text: &str) -> Timestamp {
    Timestamp::new(text.parse().expect("a test's instant is RFC 3339"))
}

/// The instant at which every test begins.
pub fn start() -> Timestamp {
    at("2026-11-24T08:00:00Z")
}

/// A quota as a test writes it: `50` or `Quota::Unlimited`.
pub trait Amount {
    fn quota(self) -> Quota;
}

impl Amount for i64 {
    fn quota(self) -> Quota {
        units(self).into()
    }
}

impl Amount for Quota {
    fn quota(self) -> Quota {
        self
    }
}

/// Read once: thousands of random schools would read it thousands of times.
static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::built_in);

/// A school, what happened to it, and the clock at its edge.
pub struct School {
    pub catalogue: Catalogue,
    pub state: SchoolState,
    pub log: Vec<Recorded>,
    now: Timestamp,
    actor: Actor,
    newest: MemberId,
    /// The directory's external ids.
    owners: BTreeMap<ExternalId, MemberId>,
    /// The member that the actor is, by the directory.
    actor_member: Option<MemberId>,
    laws: Option<Laws>,
}

impl School {
    /// An unregistered school.
    pub fn unregistered() -> Self {
        Self {
            catalogue: CATALOGUE.clone(),
            state: SchoolState::default(),
            log: Vec::new(),
            now: start(),
            actor: Actor::SYSTEM,
            newest: NOBODY,
            owners: BTreeMap::new(),
            actor_member: None,
            laws: Some(Laws::default()),
        }
    }

    /// A school that just registered, with all that its plan gives.
    pub fn registered(org_type: OrgType, tier: Tier) -> Self {
        Self::unregistered().given(register(org_type, tier))
    }

    /// A k12 school with advanced management, 100 / 50 / 25 units and no default grant, so that
    /// each test says itself who holds what.
    pub fn k12() -> Self {
        let no_grant = [CLAUDE, CONTENT, ASSESSMENT].map(|name| (name.to_owned(), Quota::ZERO));
        Self::registered(OrgType::K12, Tier::Enterprise).given(
            ledger_core::school::ChangeSettings {
                default_member_quota: no_grant.to_vec(),
                ..Default::default()
            },
        )
    }

    /// The school of [`School::k12`] with unlimited Claude messages and no cap.
    pub fn unlimited() -> Self {
        Self::k12()
            .buying(Quota::Unlimited)
            .capped_at(Quota::Unlimited)
    }

    /// The school of [`School::unlimited`], in which Ada has no limit.
    pub fn unlimited_ada() -> Self {
        Self::unlimited()
            .with_member(ADA)
            .allocated(Quota::Unlimited)
    }

    /// The school of [`School::k12`], in which Ada has 50 Claude messages, 5 used and 3 held.
    pub fn ada_of_50() -> Self {
        Self::k12()
            .with_member(ADA)
            .allocated(50)
            .used(5)
            .given(commands::hold("h", ADA, 3))
    }

    /// A k12 school whose members draw directly on a pool of 20 / 10 / 5 units.
    pub fn k12_without_management() -> Self {
        Self::registered(OrgType::K12, Tier::Free)
    }

    /// The school of [`School::k12`], in a zone and with an anchor of its own, registered at
    /// `instant`.
    pub fn k12_in(zone: Tz, anchor_day: u8, instant: Timestamp) -> Self {
        let cycle = Cycle {
            time_zone: zone,
            anchor_day: AnchorDay::new(anchor_day).expect("a day of a month"),
        };
        let no_grant = [CLAUDE, CONTENT, ASSESSMENT].map(|name| (name.to_owned(), Quota::ZERO));
        Self::unregistered()
            .at(instant)
            .given(SchoolCommand::Register(RegisterSchool {
                org_type: OrgType::K12,
                tier: Tier::Enterprise,
                cycle,
                totals: Vec::new(),
            }))
            .given(ledger_core::school::ChangeSettings {
                default_member_quota: no_grant.to_vec(),
                ..Default::default()
            })
    }

    /// The school, with the laws checked no more: they look at every member after each event.
    pub fn unchecked(mut self) -> Self {
        self.laws = None;
        self
    }

    /// The school with another plan catalogue from here on.
    pub fn under(mut self, catalogue: Catalogue) -> Self {
        self.catalogue = catalogue;
        self
    }

    /// The school buys `total` units of Claude messages.
    pub fn buying(self, total: impl Amount) -> Self {
        self.given(commands::buy(CLAUDE, total))
    }

    /// The school lets one member hold at most `cap` Claude messages.
    pub fn capped_at(self, cap: impl Amount) -> Self {
        self.given(commands::cap(CLAUDE, cap))
    }

    /// A teacher is enrolled.
    pub fn with_member(mut self, member_id: MemberId) -> Self {
        self.newest = member_id;
        self.given(commands::enrol(member_id))
    }

    /// The member who came last holds `quota` Claude messages.
    pub fn allocated(self, quota: impl Amount) -> Self {
        let member_id = self.newest;
        self.given(commands::set(member_id, quota))
    }

    /// The member who came last used `n` Claude messages.
    pub fn used(self, n: i64) -> Self {
        let member_id = self.newest;
        self.given(commands::debit(member_id, n))
    }

    /// Sets the actor.
    pub const fn by(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// The directory knows the actor as this member.
    pub const fn known_as(mut self, member_id: MemberId) -> Self {
        self.actor_member = Some(member_id);
        self
    }

    /// The directory has an external id of a member.
    pub fn with_external_id(mut self, text: &str, member_id: MemberId) -> Self {
        self.owners.insert(external_id(text), member_id);
        self
    }

    /// Sets the clock.
    pub fn at(mut self, instant: Timestamp) -> Self {
        self.now = instant;
        self
    }

    /// Advances the clock.
    pub fn after_seconds(self, seconds: i64) -> Self {
        self.after(TimeDelta::seconds(seconds))
    }

    /// The clock goes on by so many microseconds; backwards when they are negative.
    pub fn after_micros(self, micros: i64) -> Self {
        self.after(TimeDelta::microseconds(micros))
    }

    fn after(self, delta: TimeDelta) -> Self {
        let now = Timestamp::new(self.now.get() + delta);
        self.at(now)
    }

    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// A command that is accepted.
    pub fn given(self, ask: impl Ask) -> Self {
        let outcome = self.when(ask);
        if let Err(refusal) = &outcome.result {
            panic!("a given command was refused: {refusal}");
        }
        outcome.school
    }

    /// Decides a command and records its events.
    pub fn when(mut self, ask: impl Ask) -> Outcome {
        let action = ask.action();
        let due = self.catch_up_with_time();
        let context = self.context(&action);
        let command = Command {
            actor: self.actor,
            now: self.now,
            action,
        };
        let result = decide(&self.catalogue, &self.state, &command, &context);
        let again = decide(&self.catalogue, &self.state, &command, &context);
        assert_eq!(result, again, "a decision is not deterministic");
        let first = command_key(&command.action, &self.state).first_event_id();
        if let Ok(facts) = &result {
            for (index, fact) in facts.iter().enumerate() {
                self.record(first.at_index(index), self.actor, fact.clone());
            }
        }
        Outcome {
            school: self,
            due,
            result,
        }
    }

    /// Records due events, as the writer does before each command.
    pub fn catch_up_with_time(&mut self) -> Vec<Fact> {
        let mut facts = Vec::new();
        while let Some(Due { key, fact }) = due(&self.state, self.now) {
            self.record(key.first_event_id(), Actor::SYSTEM, fact.clone());
            facts.push(fact);
        }
        facts
    }

    /// Records one due event.
    pub fn take_in(&mut self, due: Due) {
        self.record(due.key.first_event_id(), Actor::SYSTEM, due.fact);
    }

    fn record(&mut self, event_id: EventId, actor: Actor, fact: Fact) {
        let recorded = Recorded {
            school_id: SchoolId(Uuid::from_u128(1)),
            seq: self.state.head().next(),
            event_id,
            actor,
            occurred_at: fact.occurred_at,
            recorded_at: self.state.not_before_last(self.now),
            event: fact.event,
        };
        if let Some(laws) = &mut self.laws {
            let before = self.state.clone();
            evolve(&mut self.state, &recorded);
            laws.check(&before, &recorded, &self.state);
        } else {
            evolve(&mut self.state, &recorded);
        }
        self.log.push(recorded);
    }

    /// What the decision of an action needs besides the state, from the log and the directory.
    pub fn context(&self, action: &Action) -> Context {
        let needs = action.needs();
        let owner = |id: &ExternalId| Some((id.clone(), *self.owners.get(id)?));
        Context {
            closed_hold: needs.hold.and_then(|hold_id| self.placed_hold(hold_id)),
            closed_request: needs.request.and_then(|id| self.closed_request(id)),
            prior_usage: needs.usage.and_then(|usage_id| self.prior_usage(usage_id)),
            owners: needs.external_ids.into_iter().filter_map(owner).collect(),
            actor_member: self.actor_member.filter(|_| needs.actor_member),
        }
    }

    fn placed_hold(&self, hold_id: &Key) -> Option<Hold> {
        self.log.iter().find_map(|recorded| match &recorded.event {
            Event::Usage(UsageEvent::HoldPlaced(placed)) if placed.hold_id == *hold_id => {
                Some(Hold::placed(placed, recorded.recorded_at))
            }
            Event::Usage(_)
            | Event::School(_)
            | Event::Department(_)
            | Event::Allocation(_)
            | Event::Request(_)
            | Event::Period(_) => None,
        })
    }

    fn closed_request(&self, request_id: RequestId) -> Option<ClosedRequest> {
        self.log.iter().find_map(|recorded| match &recorded.event {
            Event::Request(event) if event.request_id() == request_id => {
                ClosedRequest::by(event, recorded.seq)
            }
            Event::Request(_)
            | Event::Usage(_)
            | Event::School(_)
            | Event::Department(_)
            | Event::Allocation(_)
            | Event::Period(_) => None,
        })
    }

    /// The usage recorded by an event, with its corrections.
    pub fn prior_usage(&self, usage_id: EventId) -> Option<PriorUsage> {
        let usage = self.log.iter().find(|event| event.event_id == usage_id)?;
        let mut newest_first = self.log.iter().rev();
        let newest = newest_first.find(|event| event.event.usage_id() == Some(usage_id));
        PriorUsage::of(usage, newest)
    }

    /// The commitment to the reason of the last event.
    pub fn last_reason(&self) -> Option<Commitment> {
        self.log.last()?.event.reason()
    }

    pub fn line_of(&self, member_id: MemberId, name: &str) -> Line {
        let member = self.state.member(member_id).expect("the member exists");
        member.line(&service(name))
    }

    pub fn pool_of(&self, name: &str) -> Pool {
        self.state.pool(&service(name))
    }

    /// The member's Claude messages are so many.
    #[track_caller]
    pub fn holds(self, member_id: MemberId, allocated: impl Amount, used: i64, held: i64) -> Self {
        let line = self.line_of(member_id, CLAUDE);
        let expected = (allocated.quota(), units(used), units(held));
        assert_eq!((line.allocated, line.used, line.held), expected);
        self
    }

    /// The pool's Claude messages are so many.
    #[track_caller]
    pub fn pools(self, total: impl Amount, allocated: impl Amount, used: i64, held: i64) -> Self {
        let pool = self.pool_of(CLAUDE);
        let expected = (total.quota(), allocated.quota(), units(used), units(held));
        assert_eq!(
            (pool.total, pool.allocated(), pool.used, pool.held),
            expected
        );
        self
    }
}

/// The key that the edge gives a command. Those that carry none of their own are drawn from the
/// stream's position, which no other command of the stream has.
pub fn command_key(action: &Action, state: &SchoolState) -> CommandKey {
    match action {
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
            UsageCommand::NoteRefused(_) | UsageCommand::Attribute(_) | UsageCommand::Correct(_),
        )
        | Action::School(_)
        | Action::Department(_)
        | Action::Allocation(_)
        | Action::Request(_) => CommandKey::Request(key(&format!("at {}", state.head()))),
    }
}

/// The outcome of a command.
pub struct Outcome {
    pub school: School,
    pub due: Vec<Fact>,
    pub result: Result<Vec<Fact>, Refusal>,
}

impl Outcome {
    /// Exactly these events.
    #[track_caller]
    pub fn then<const N: usize>(self, expected: [Event; N]) -> School {
        let facts = self.result.expect("the command is not refused");
        let events: Vec<Event> = facts.into_iter().map(|fact| fact.event).collect();
        assert_eq!(events, expected);
        self.school
    }

    /// No event.
    #[track_caller]
    pub fn then_nothing(self) -> School {
        self.then([])
    }

    /// Some events.
    #[track_caller]
    pub fn then_done(self) -> School {
        assert!(!self.result.expect("the command is not refused").is_empty());
        self.school
    }

    /// These due events preceded the command.
    #[track_caller]
    pub fn after_due<const N: usize>(self, expected: [(Timestamp, Event); N]) -> Self {
        let due: Vec<_> = self
            .due
            .iter()
            .map(|fact| (fact.occurred_at, fact.event.clone()))
            .collect();
        assert_eq!(due, expected);
        self
    }

    /// Refused, with exactly this reason and numbers.
    #[track_caller]
    pub fn refused(self, expected: impl Into<Refusal>) -> School {
        assert_eq!(self.result, Err(expected.into()));
        self.school
    }
}

pub fn register(org_type: OrgType, tier: Tier) -> SchoolCommand {
    SchoolCommand::Register(RegisterSchool {
        org_type,
        tier,
        cycle: cycle(),
        totals: Vec::new(),
    })
}

/// Calendar months in UTC.
pub const fn cycle() -> Cycle {
    Cycle {
        time_zone: Tz::UTC,
        anchor_day: AnchorDay::FIRST,
    }
}
