//! Random schools, and random sequences of what people, proxies and time do to them. Steps are
//! plain data that shrinks; what they refer to (the third hold, a member) is looked up when played.

use ledger_core::allocation::{AllocationCommand, AllocationRow, Change, Holder, Priority};
use ledger_core::department::DepartmentCommand;
use ledger_core::period::AnchorDay;
use ledger_core::request::{FileRequest, RequestCommand, TTL_SECONDS, Urgency};
use ledger_core::school::{
    ChangeSettings, EnrolMember, OveragePolicy, Percent, Reclaim, SetSubscription,
};
use ledger_core::usage::{
    AttributeUsage, CorrectUsage, Debit, PlaceHold, ReleaseHold, Report, SettleHold,
};
use ledger_core::{
    Action, Actor, CommandKey, DepartmentId, EventId, MemberId, OrgType, Quota, RequestId, Role,
    Tier, Units,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use uuid::Uuid;

use crate::support::commands::{
    Ask, apply, debit, enrol, erase, give, hold, reactivate, refund_all, release, remove, report,
    reported, row, set_role, settle, suspend,
};
use crate::support::requests::{approve, approve_part, ask, file, reject, teacher, withdraw};
use crate::support::{
    ADA, ARTS, ASSESSMENT, BEN, CLAUDE, CLEO, CONTENT, MATHS, NOBODY, attribute, key, start, units,
};

/// A school as it is before the first step.
#[derive(Clone, Debug)]
pub struct Shape {
    pub org_type: OrgType,
    pub tier: Tier,
    pub total: Quota,
    pub max_individual_quota: Quota,
    pub default_member_quota: Quota,
    pub overage: Option<OveragePolicy>,
}

/// Something happens, some time after the step before (or, with a clock that is wrong, earlier).
#[derive(Clone, Debug)]
pub struct Step {
    pub pause: Pause,
    pub by: Actor,
    pub act: Act,
}

/// How long, in microseconds.
#[derive(Clone, Debug)]
pub enum Pause {
    /// After the step before.
    For(i64),
    /// After the end of the period; below zero, before it.
    UntilTheEnd(i64),
}

#[derive(Clone, Debug)]
pub enum Act {
    Debit {
        who: MemberId,
        what: &'static str,
        n: Option<Units>,
        tokens: i64,
    },
    Hold {
        who: MemberId,
        what: &'static str,
        n: Units,
        seconds: i64,
    },
    Settle {
        which: Index,
        n: Option<Units>,
    },
    Release {
        which: Index,
    },
    Report {
        who: MemberId,
        what: &'static str,
        n: Option<Units>,
        days_ago: i64,
    },
    Give {
        which: Index,
        who: MemberId,
        what: Option<&'static str>,
    },
    Refund {
        which: Index,
        n: Option<Units>,
    },
    Apply {
        rows: Vec<AllocationRow>,
        as_batch: bool,
    },
    File {
        who: MemberId,
        asked: Vec<(&'static str, i64)>,
    },
    Decide {
        which: Index,
        decision: Decision,
    },
    MemberStatus {
        who: MemberId,
        suspended: bool,
    },
    Enrol {
        who: MemberId,
        role: Role,
        department_id: Option<DepartmentId>,
    },
    Remove {
        who: MemberId,
    },
    Erase {
        who: MemberId,
    },
    SetRole {
        who: MemberId,
        role: Role,
    },
    Subscribe {
        tier: Option<Tier>,
        totals: Vec<(String, Quota)>,
        anchor_day: Option<AnchorDay>,
        reclaim: Reclaim,
    },
    Department {
        command: DepartmentCommand,
    },
    Settings {
        draw_on_department: Option<bool>,
        what: &'static str,
        cap: Option<Quota>,
        grant: Option<Quota>,
        overage: Option<OveragePolicy>,
    },
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Decision {
    Approve,
    ApprovePart(Vec<(&'static str, i64)>),
    Reject,
    Withdraw,
}

/// What the proxy remembers: the holds that it placed, and which of them it closed. And the
/// desk beside it: the requests that were filed.
#[derive(Default)]
pub struct Proxy {
    calls: usize,
    requests: Vec<RequestId>,
    holds: Vec<String>,
    closed: Vec<String>,
    /// The ids that usage has, if it was recorded.
    usages: Vec<EventId>,
}

impl Proxy {
    /// The command of an act, or nothing for a hold that is closed: the store replays that.
    pub fn command(&mut self, act: Act) -> Option<Action> {
        Some(match act {
            Act::Debit {
                who,
                what,
                n,
                tokens,
            } => {
                let id = key(&self.new_call("debit"));
                self.usages
                    .push(CommandKey::Debit(id.clone()).first_event_id());
                let mut debit = Debit {
                    id,
                    units: n,
                    service: what.to_owned(),
                    ..debit(who, 0)
                };
                debit.call.input_tokens = Some(units(tokens));
                debit.action()
            }
            Act::Hold {
                who,
                what,
                n,
                seconds: ttl_seconds,
            } => {
                let id = self.new_call("hold");
                self.holds.push(id.clone());
                self.usages
                    .push(CommandKey::HoldClosing(key(&id)).first_event_id());
                PlaceHold {
                    units: n,
                    ttl_seconds,
                    service: what.to_owned(),
                    ..hold(&id, who, 0)
                }
                .action()
            }
            Act::Settle { which, n } => SettleHold {
                units: n,
                ..settle(self.open(which)?, 0)
            }
            .action(),
            Act::Release { which } => ReleaseHold {
                ..release(self.open(which)?)
            }
            .action(),
            Act::Report {
                who,
                what,
                n,
                days_ago,
            } => {
                let id = self.new_call("report");
                self.usages.push(reported(&id));
                Report {
                    units: n,
                    service: attribute(what),
                    occurred_at: (days_ago > 0).then(|| start().plus_seconds(-days_ago * 86_400)),
                    ..report(&id, who, 0)
                }
                .action()
            }
            Act::Give { which, who, what } => AttributeUsage {
                service: what.map(str::to_owned),
                ..give(self.usage(which)?, who)
            }
            .action(),
            Act::Refund { which, n } => CorrectUsage {
                units: n,
                ..refund_all(self.usage(which)?)
            }
            .action(),
            Act::Apply { rows, as_batch } => apply(rows, as_batch).action(),
            Act::File { who, asked } => self.filed(who, &asked).action(),
            Act::Decide { which, decision } => {
                let request_id = self.request(which)?;
                match decision {
                    Decision::Approve => approve(request_id),
                    Decision::ApprovePart(part) => approve_part(request_id, &part),
                    Decision::Reject => reject(request_id),
                    Decision::Withdraw => withdraw(request_id),
                }
                .action()
            }
            Act::MemberStatus {
                who,
                suspended: true,
            } => suspend(who).action(),
            Act::MemberStatus {
                who,
                suspended: false,
            } => reactivate(who).action(),
            Act::Enrol {
                who,
                role,
                department_id,
            } => EnrolMember {
                role,
                department_id,
                ..enrol(who)
            }
            .action(),
            Act::Department { command } => command.action(),
            Act::Remove { who } => remove(who).action(),
            Act::Erase { who } => erase(who).action(),
            Act::SetRole { who, role } => set_role(who, role).action(),
            Act::Subscribe {
                tier,
                totals,
                anchor_day,
                reclaim,
            } => SetSubscription {
                tier,
                totals,
                anchor_day,
                reclaim,
            }
            .action(),
            Act::Settings {
                draw_on_department,
                what,
                cap,
                grant,
                overage,
            } => {
                let named = |quota: Option<Quota>| {
                    quota
                        .into_iter()
                        .map(|quota| (what.to_owned(), quota))
                        .collect()
                };
                ChangeSettings {
                    max_individual_quota: named(cap),
                    default_member_quota: named(grant),
                    self_service_requests: None,
                    draw_on_department,
                    overage: overage
                        .into_iter()
                        .map(|policy| (what.to_owned(), policy))
                        .collect(),
                }
                .action()
            }
        })
    }

    /// Takes down that a closing command left an event, so that its hold is closed for ever.
    pub fn note_closed(&mut self, hold_id: &str) {
        self.closed.push(hold_id.to_owned());
    }

    fn filed(&mut self, who: MemberId, asked: &[(&str, i64)]) -> RequestCommand {
        let request_id = RequestId(Uuid::from_u128(self.requests.len() as u128));
        self.requests.push(request_id);
        file(FileRequest {
            request_id,
            urgency: Urgency::High,
            ..ask(who, asked)
        })
    }

    fn request(&self, which: Index) -> Option<RequestId> {
        (!self.requests.is_empty()).then(|| *which.get(&self.requests))
    }

    fn new_call(&mut self, kind: &str) -> String {
        self.calls += 1;
        format!("{kind} {}", self.calls)
    }

    fn usage(&self, which: Index) -> Option<EventId> {
        (!self.usages.is_empty()).then(|| *which.get(&self.usages))
    }

    fn open(&self, which: Index) -> Option<&str> {
        let holds: Vec<_> = self
            .holds
            .iter()
            .filter(|id| !self.closed.contains(id))
            .collect();
        (!holds.is_empty()).then(|| which.get(&holds).as_str())
    }
}

/// Small amounts most of the time, and those at which sums end.
fn amount() -> impl Strategy<Value = Units> {
    prop_oneof![
        20 => 0_i64..=12,
        6 => 13_i64..=130,
        1 => (0_i64..=2).prop_map(|n| i64::MAX - n),
        1 => (-1_i64..=1).prop_map(|n| i64::MAX / 2 + n),
    ]
    .prop_map(units)
}

fn quota() -> impl Strategy<Value = Quota> {
    prop_oneof![9 => amount().prop_map(Quota::Finite), 1 => Just(Quota::Unlimited)]
}

/// Quantities of one kind: a school's units are few, without limit, or as many as there are.
fn scale() -> impl Strategy<Value = (Quota, Quota, Quota)> {
    let finite = |n| Quota::Finite(units(n));
    prop_oneof![
        4 => (30_i64..=200, 20_i64..=120, 0_i64..=40).prop_map(move |(total, cap, grant)| {
            (finite(total), finite(cap), finite(grant))
        }),
        2 => Just((Quota::Unlimited, Quota::Unlimited, finite(20))),
        1 => Just((Quota::Unlimited, Quota::Unlimited, Quota::Unlimited)),
        2 => (0_i64..=3).prop_map(move |n| (finite(i64::MAX - n), Quota::Unlimited, finite(20))),
    ]
}

pub fn shape(org_type: OrgType, tier: Tier) -> impl Strategy<Value = Shape> {
    let shape = (scale(), proptest::option::of(overage()));
    shape.prop_map(
        move |((total, max_individual_quota, default_member_quota), overage)| Shape {
            org_type,
            tier,
            total,
            max_individual_quota,
            default_member_quota,
            overage,
        },
    )
}

fn overage() -> impl Strategy<Value = OveragePolicy> {
    let soft = (1_u8..=100).prop_map(|percent| OveragePolicy::Soft {
        percent: Percent::new(percent).expect("it is a percentage"),
    });
    prop_oneof![2 => soft, 1 => Just(OveragePolicy::Hard)]
}

pub fn member() -> impl Strategy<Value = MemberId> {
    prop_oneof![16 => Just(ADA), 12 => Just(BEN), 6 => Just(CLEO), 1 => Just(NOBODY)]
}

pub fn department() -> impl Strategy<Value = DepartmentId> {
    prop_oneof![6 => Just(MATHS), 4 => Just(ARTS)]
}

/// Members for the most part, also where there are no departments.
fn holder() -> impl Strategy<Value = Holder> {
    prop_oneof![
        5 => member().prop_map(Holder::Member),
        2 => department().prop_map(Holder::Department),
    ]
}

fn departments() -> impl Strategy<Value = Act> {
    let to = proptest::option::weighted(0.8, department());
    let command = prop_oneof![
        2 => department().prop_map(|department_id| DepartmentCommand::Open { department_id }),
        1 => department().prop_map(|department_id| DepartmentCommand::Close { department_id }),
        6 => (member(), to).prop_map(|(member_id, to)| DepartmentCommand::Move { member_id, to }),
    ];
    command.prop_map(|command| Act::Department { command })
}

fn service() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        24 => Just(CLAUDE),
        6 => Just("lesson_generation"),
        6 => Just(CONTENT),
        2 => Just(ASSESSMENT),
        1 => Just("video"),
    ]
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![4 => Just(Role::Teacher), 1 => Just(Role::Principal)]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        5 => quota().prop_map(Change::Set),
        3 => amount().prop_map(Change::Add),
        2 => amount().prop_map(|n| Change::Revoke(Some(n))),
        1 => Just(Change::Revoke(None)),
        4 => (amount(), holder()).prop_map(|(units, to)| Change::Transfer { units, to }),
        1 => Just(Change::Keep),
    ]
}

/// A change of one line; of one service only where `what` says so.
pub fn allocation_row(
    what: impl Strategy<Value = &'static str>,
) -> impl Strategy<Value = AllocationRow> {
    let priority = select(vec![Priority::Low, Priority::Normal, Priority::High]);
    let terms = (
        proptest::option::of(priority),
        proptest::option::of(any::<bool>()),
    );
    (holder(), what, change(), terms).prop_map(|(who, what, change, (priority, auto_renew))| {
        AllocationRow {
            service: what.to_owned(),
            priority,
            auto_renew,
            ..row(who, change)
        }
    })
}

fn allocation() -> impl Strategy<Value = Act> {
    let alone = allocation_row(service()).prop_map(|row| Act::Apply {
        rows: vec![row],
        as_batch: false,
    });
    let batch =
        proptest::collection::vec(allocation_row(service()), 0..5).prop_map(|rows| Act::Apply {
            rows,
            as_batch: true,
        });
    prop_oneof![2 => alone, 1 => batch]
}

fn usage() -> impl Strategy<Value = Act> {
    let metered = || prop_oneof![6 => amount().prop_map(Some), 1 => Just(None)];
    let seconds = prop_oneof![3 => Just(300_i64), 2 => 1_i64..=60, 1 => Just(86_400)];
    prop_oneof![
        4 => (member(), service(), metered(), 0_i64..3_000)
            .prop_map(|(who, what, n, tokens)| Act::Debit { who, what, n, tokens }),
        5 => (member(), service(), amount(), seconds)
            .prop_map(|(who, what, n, seconds)| Act::Hold { who, what, n, seconds }),
        4 => (any::<Index>(), metered()).prop_map(|(which, n)| Act::Settle { which, n }),
        2 => any::<Index>().prop_map(|which| Act::Release { which }),
    ]
}

/// Small amounts most of the time, of known services most of the time.
fn asked() -> impl Strategy<Value = Vec<(&'static str, i64)>> {
    let n = prop_oneof![9 => 1_i64..=12, 2 => 0_i64..=130, 1 => Just(i64::MAX)];
    proptest::collection::vec((service(), n), 0..3)
}

fn requests() -> impl Strategy<Value = Act> {
    let decision = prop_oneof![
        5 => Just(Decision::Approve),
        3 => asked().prop_map(Decision::ApprovePart),
        1 => Just(Decision::Reject),
        1 => Just(Decision::Withdraw),
    ];
    prop_oneof![
        3 => (member(), asked()).prop_map(|(who, asked)| Act::File { who, asked }),
        3 => (any::<Index>(), decision)
            .prop_map(|(which, decision)| Act::Decide { which, decision }),
    ]
}

/// Somebody for the school, most of the time; else a teacher, who can do for himself only. Only
/// requests look at who asks.
fn by() -> impl Strategy<Value = Actor> {
    prop_oneof![4 => Just(Actor::SYSTEM), 1 => member().prop_map(teacher)]
}

/// What is learnt of usage afterwards.
fn afterwards() -> impl Strategy<Value = Act> {
    let metered = || prop_oneof![6 => amount().prop_map(Some), 1 => Just(None)];
    prop_oneof![
        4 => (member(), service(), metered(), 0_i64..60).prop_map(|(who, what, n, days)| {
            // Half of them now, most others in the open period, the rest before it.
            Act::Report { who, what, n, days_ago: (days - 30).max(0) }
        }),
        2 => (any::<Index>(), member(), proptest::option::weighted(0.3, service()))
            .prop_map(|(which, who, what)| Act::Give { which, who, what }),
        3 => (any::<Index>(), metered()).prop_map(|(which, n)| Act::Refund { which, n }),
    ]
}

fn tier() -> impl Strategy<Value = Option<Tier>> {
    prop_oneof![2 => Just(None), 1 => select(Tier::ALL.to_vec()).prop_map(Some)]
}

fn anchor_day() -> impl Strategy<Value = Option<AnchorDay>> {
    let day = (1_u8..=31).prop_map(|day| AnchorDay::new(day).expect("it is a day of a month"));
    proptest::option::weighted(0.4, day)
}

fn people() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (member(), role(), proptest::option::of(department())).prop_map(
            |(who, role, department_id)| Act::Enrol { who, role, department_id }
        ),
        2 => member().prop_map(|who| Act::Remove { who }),
        1 => member().prop_map(|who| Act::Erase { who }),
        1 => (member(), role()).prop_map(|(who, role)| Act::SetRole { who, role }),
        2 => (member(), any::<bool>())
            .prop_map(|(who, suspended)| Act::MemberStatus { who, suspended }),
    ]
}

fn plan() -> impl Strategy<Value = Act> {
    let totals = proptest::collection::vec((service().prop_map(str::to_owned), quota()), 0..3);
    let some = || proptest::option::of(quota());
    prop_oneof![
        2 => (tier(), totals, anchor_day(), select(vec![Reclaim::Refuse, Reclaim::ByPriority]))
            .prop_map(|(tier, totals, anchor_day, reclaim)| Act::Subscribe {
                tier,
                totals,
                anchor_day,
                reclaim,
            }),
        1 => (service(), some(), some(), proptest::option::of(overage())).prop_map(
            |(what, cap, grant, overage)| Act::Settings {
                draw_on_department: None,
                what,
                cap,
                grant,
                overage,
            }
        ),
        1 => (service(), any::<bool>()).prop_map(|(what, draws)| Act::Settings {
            draw_on_department: Some(draws),
            what,
            cap: None,
            grant: None,
            overage: None,
        }),
    ]
}

/// Steps at the same instant, a little later, just when holds and requests run out, and with a
/// clock that is behind; each also a microsecond before or after. And to the end of the period,
/// just before it, so that calls are in flight over it, and beyond it by days, by months and by
/// more than a year.
fn pause() -> impl Strategy<Value = Pause> {
    let seconds = prop_oneof![
        6 => Just(0_i64),
        3 => 1_i64..=90,
        2 => Just(300),
        1 => Just(86_400),
        1 => Just(TTL_SECONDS),
        1 => -400_i64..0,
        1 => 0_i64..3 * 31 * 86_400,
        1 => prop_oneof![4 => Just(31 * 86_400), 1 => Just(400 * 86_400)],
    ];
    let beside_the_end = prop_oneof![1 => Just(0_i64), 2 => -90_i64..0];
    let pause = prop_oneof![
        7 => seconds.prop_map(Pause::For),
        1 => beside_the_end.prop_map(Pause::UntilTheEnd),
    ];
    (pause, -1_i64..=1).prop_map(|(pause, beside)| {
        let micros = |seconds: i64| seconds * 1_000_000 + beside;
        match pause {
            Pause::For(seconds) => Pause::For(micros(seconds)),
            Pause::UntilTheEnd(seconds) => Pause::UntilTheEnd(micros(seconds)),
        }
    })
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Boxed: together they are too much for a thread's stack.
    let act = prop_oneof![
        14 => usage().boxed(),
        8 => afterwards().boxed(),
        6 => allocation().boxed(),
        5 => requests().boxed(),
        2 => people().boxed(),
        2 => departments().boxed(),
        1 => plan().boxed(),
    ];
    let step = (pause(), by(), act).prop_map(|(pause, by, act)| Step { pause, by, act });
    proptest::collection::vec(step, 1..40)
}

/// A batch in which no line is named twice and nothing is transferred; of members and of one
/// department.
pub fn rows_of_different_lines() -> impl Strategy<Value = Vec<AllocationRow>> {
    let rows = proptest::collection::vec(allocation_row(select(vec![CLAUDE, CONTENT])), 1..7);
    rows.prop_map(|mut rows| {
        rows.retain(|row| !matches!(row.change, Change::Transfer { .. }));
        rows.retain(|row| row.holder != ARTS.into());
        rows.sort_by(|a, b| (&a.holder, &a.service).cmp(&(&b.holder, &b.service)));
        rows.dedup_by(|a, b| (&a.holder, &a.service) == (&b.holder, &b.service));
        rows
    })
}

pub fn batch(rows: Vec<AllocationRow>) -> AllocationCommand {
    apply(rows, true)
}
