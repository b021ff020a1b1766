//! Random schools, and random sequences of acts of people, proxies and time. Steps are plain data,
//! which shrinks.

use ledger_core::allocation::{AllocationCommand, AllocationRow, Change, Holder, Priority};
use ledger_core::department::DepartmentCommand;
use ledger_core::period::AnchorDay;
use ledger_core::request::TTL_SECONDS;
use ledger_core::school::{
    ChangeSettings, EnrolMember, OveragePolicy, Percent, Reclaim, SetSubscription,
};
use ledger_core::{Actor, DepartmentId, MemberId, OrgType, Quota, Role, Tier, Units};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::act::{Act, Decision};
use crate::support::commands::{apply, enrol, erase, reactivate, remove, row, set_role, suspend};
use crate::support::requests::teacher;
use crate::support::{ADA, ARTS, ASSESSMENT, BEN, CLAUDE, CLEO, CONTENT, MATHS, NOBODY, units};

/// A school before the first step.
#[derive(Clone, Debug)]
pub struct Shape {
    pub org_type: OrgType,
    pub tier: Tier,
    pub total: Quota,
    pub max_individual_quota: Quota,
    pub default_member_quota: Quota,
    pub overage: Option<OveragePolicy>,
}

/// An act, some time after the previous step; earlier if the clock is wrong.
#[derive(Clone, Debug)]
pub struct Step {
    pub pause: Pause,
    pub by: Actor,
    pub act: Act,
}

/// A pause in microseconds.
#[derive(Clone, Debug)]
pub enum Pause {
    /// After the previous step.
    For(i64),
    /// After the end of the period, or before it if negative.
    UntilTheEnd(i64),
}

/// Mostly small amounts, and amounts at the limits of sums.
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

/// The scale of a school: few units, no limits, or the largest numbers.
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

/// Mostly members.
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
    command.prop_map(Act::ask)
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

/// A change of one line.
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
    let alone = allocation_row(service()).prop_map(Act::ask);
    let batch = proptest::collection::vec(allocation_row(service()), 0..5).prop_map(Act::ask);
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

/// Mostly small amounts of known services.
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

/// Mostly an actor for the school, else a teacher, who acts for their own member only. Only
/// requests depend on the actor.
fn by() -> impl Strategy<Value = Actor> {
    prop_oneof![4 => Just(Actor::SYSTEM), 1 => member().prop_map(teacher)]
}

/// Reports, attributions and refunds.
fn reported_usage() -> impl Strategy<Value = Act> {
    let metered = || prop_oneof![6 => amount().prop_map(Some), 1 => Just(None)];
    prop_oneof![
        4 => (member(), service(), metered(), 0_i64..60).prop_map(|(who, what, n, days)| {
            // Half of them now, most others in the open period, the rest before it.
            Act::Report { who, what, n, days_ago: (days - 30).max(0) }
        }),
        2 => (any::<Index>(), member(), proptest::option::weighted(0.3, service()))
            .prop_map(|(which, who, what)| Act::Attribute { which, who, what }),
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
            |(who, role, department_id)| Act::ask(EnrolMember { role, department_id, ..enrol(who) })
        ),
        2 => member().prop_map(|who| Act::ask(remove(who))),
        1 => member().prop_map(|who| Act::ask(erase(who))),
        1 => (member(), role()).prop_map(|(who, role)| Act::ask(set_role(who, role))),
        2 => (member(), any::<bool>())
            .prop_map(|(who, suspended)| {
                Act::ask(if suspended { suspend(who) } else { reactivate(who) })
            }),
    ]
}

fn of<T>(what: &str, value: Option<T>) -> Vec<(String, T)> {
    value
        .map(|value| (what.to_owned(), value))
        .into_iter()
        .collect()
}

fn plan() -> impl Strategy<Value = Act> {
    let totals = proptest::collection::vec((service().prop_map(str::to_owned), quota()), 0..3);
    let some = || proptest::option::of(quota());
    prop_oneof![
        2 => (tier(), totals, anchor_day(), select(vec![Reclaim::Refuse, Reclaim::ByPriority]))
            .prop_map(|(tier, totals, anchor_day, reclaim)| Act::ask(SetSubscription {
                tier,
                totals,
                anchor_day,
                reclaim,
            })),
        1 => (service(), some(), some(), proptest::option::of(overage())).prop_map(
            |(what, cap, quota, overage)| {
                Act::ask(ChangeSettings {
                    max_individual_quota: of(what, cap),
                    default_member_quota: of(what, quota),
                    overage: of(what, overage),
                    ..ChangeSettings::default()
                })
            }
        ),
        1 => (service(), any::<bool>()).prop_map(|(_, draws)| Act::ask(ChangeSettings {
            draw_on_department: Some(draws),
            ..ChangeSettings::default()
        })),
    ]
}

/// The same instant, a little later, the expiry of holds and requests, and a clock that is behind;
/// each also a microsecond before or after. And the end of the period, shortly before it with calls
/// in flight, and days, months or more than a year after it.
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
        8 => reported_usage().boxed(),
        6 => allocation().boxed(),
        5 => requests().boxed(),
        2 => people().boxed(),
        2 => departments().boxed(),
        1 => plan().boxed(),
    ];
    let step = (pause(), by(), act).prop_map(|(pause, by, act)| Step { pause, by, act });
    proptest::collection::vec(step, 1..40)
}

/// A batch with distinct lines and without transfers, of members and one department.
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
