//! Buying less: units are taken back by priority (SPEC §3, "Lowering totals").

use crate::support;
use ledger_core::allocation::{AllocationChanged, Cause, Priority};
use ledger_core::catalog::Event;
use ledger_core::school::{Reclaim, SchoolEvent, SetSubscription};
use ledger_core::{Level, MemberId, OrgType, Quota, Refusal, Rule, Tier};
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use crate::support::commands::{
    buy, debit, go_to, hold, of, release, remove, set, settle, suspend, with_auto_renew,
    with_priority,
};
use crate::support::events::{changed_by, less, short, total_too_low};
use crate::support::{ADA, Amount, BEN, CLAUDE, CLEO, CONTENT, School, service, units};

/// The same with units taken back by priority.
fn by_priority(subscription: SetSubscription) -> SetSubscription {
    SetSubscription {
        reclaim: Reclaim::ByPriority,
        ..subscription
    }
}

/// The school buys `total` Claude messages and takes back what does not fit.
fn lower_to(total: impl Amount) -> SetSubscription {
    by_priority(buy(CLAUDE, total))
}

fn taken(
    member_id: MemberId,
    priority: Priority,
    before: impl Amount,
    after: impl Amount,
) -> AllocationChanged {
    AllocationChanged {
        priority,
        ..changed_by(Cause::Downgrade, member_id, before, after)
    }
}

/// A school of 100 Claude messages, of which three members hold 30 each and used 10.
fn three_of_30(priorities: [Priority; 3]) -> School {
    let mut school = School::k12();
    for (member_id, priority) in [ADA, BEN, CLEO].into_iter().zip(priorities) {
        school = school
            .with_member(member_id)
            .given(with_priority(priority, set(member_id, 30)))
            .given(debit(member_id, 10));
    }
    school
}

const ALL_NORMAL: [Priority; 3] = [Priority::Normal; 3];

/// What a change of the subscription took back: these, in this order, and then it happened.
#[track_caller]
fn took<const N: usize>(outcome: support::Outcome, expected: [AllocationChanged; N]) -> School {
    let facts = outcome.result.expect("the change is not refused");
    let mut events: Vec<Event> = facts.into_iter().map(|fact| fact.event).collect();
    let last = events
        .iter()
        .rposition(|event| matches!(event, Event::School(SchoolEvent::SubscriptionChanged(_))));
    events.truncate(last.expect("the subscription changed"));
    assert_eq!(events, expected.map(less));
    outcome.school
}

mod order {
    use super::*;

    #[test]
    fn low_priority_gives_before_normal_and_normal_before_high() {
        let school = three_of_30([Priority::High, Priority::Low, Priority::Normal]);
        took(
            school.when(lower_to(60)),
            [
                taken(BEN, Priority::Low, 30, 10),
                taken(CLEO, Priority::Normal, 30, 20),
            ],
        )
        .holds(ADA, 30, 10, 0)
        .pools(60, 60, 30, 0);
    }

    #[test]
    fn high_priority_gives_when_the_others_have_nothing_left() {
        let school = three_of_30([Priority::High, Priority::Low, Priority::Normal]);
        took(
            school.when(lower_to(30)),
            [
                taken(BEN, Priority::Low, 30, 10),
                taken(CLEO, Priority::Normal, 30, 10),
                taken(ADA, Priority::High, 30, 10),
            ],
        )
        .pools(30, 30, 30, 0);
    }

    #[test]
    fn within_a_priority_holders_give_in_proportion_to_their_unused_units() {
        let school = School::k12()
            .with_member(ADA)
            .allocated(40)
            .used(10)
            .with_member(BEN)
            .allocated(20)
            .with_member(CLEO)
            .allocated(10);
        // 10 of the 60 that are unused: 5 of 30, 3⅓ of 20, 1⅔ of 10.
        took(
            school.when(lower_to(60)),
            [
                taken(ADA, Priority::Normal, 40, 35),
                taken(BEN, Priority::Normal, 20, 17),
                taken(CLEO, Priority::Normal, 10, 8),
            ],
        )
        .pools(60, 60, 10, 0);
    }

    #[test]
    fn of_equal_shares_the_smaller_member_id_gives_the_odd_unit() {
        let school = three_of_30(ALL_NORMAL);
        took(
            school.when(lower_to(80)),
            [
                taken(ADA, Priority::Normal, 30, 26),
                taken(BEN, Priority::Normal, 30, 27),
                taken(CLEO, Priority::Normal, 30, 27),
            ],
        );
    }

    #[test]
    fn services_are_reclaimed_one_by_one_before_the_totals_change() {
        let school = three_of_30(ALL_NORMAL).given(of(CONTENT, set(ADA, 50)));
        let totals = [(CLAUDE, 87), (CONTENT, 40)].map(|(name, n)| (name.to_owned(), n.quota()));
        let both = SetSubscription {
            totals: totals.to_vec(),
            reclaim: Reclaim::ByPriority,
            ..Default::default()
        };
        let content = AllocationChanged {
            service: service(CONTENT),
            ..taken(ADA, Priority::Normal, 50, 40)
        };
        took(
            school.when(both),
            [
                taken(ADA, Priority::Normal, 30, 29),
                taken(BEN, Priority::Normal, 30, 29),
                taken(CLEO, Priority::Normal, 30, 29),
                content,
            ],
        );
    }
}

mod limits {
    use super::*;

    #[test]
    fn nothing_is_taken_where_everything_fits() {
        let school = three_of_30(ALL_NORMAL);
        let school = took(school.when(lower_to(90)), []);
        let school = took(school.when(lower_to(500)), []);
        school.when(lower_to(500)).then_nothing();
    }

    #[test]
    fn what_is_held_for_a_call_in_flight_is_not_taken() {
        let school = three_of_30(ALL_NORMAL).given(hold("h", BEN, 15));
        took(
            school.when(lower_to(45)),
            [
                taken(ADA, Priority::Normal, 30, 10),
                taken(BEN, Priority::Normal, 30, 25),
                taken(CLEO, Priority::Normal, 30, 10),
            ],
        )
        .given(settle("h", 15))
        .holds(BEN, 25, 25, 0);
    }

    #[test]
    fn an_overspent_member_keeps_the_allocation() {
        let school = three_of_30(ALL_NORMAL)
            .given(hold("h", ADA, 20))
            .given(settle("h", 35))
            .holds(ADA, 30, 45, 0);
        took(
            school.when(lower_to(70)),
            [
                taken(BEN, Priority::Normal, 30, 20),
                taken(CLEO, Priority::Normal, 30, 20),
            ],
        );
    }

    #[test]
    fn what_was_drawn_straight_on_the_pool_is_spoken_for() {
        let school = School::k12_without_management()
            .with_member(BEN)
            .used(15)
            .given(go_to(Tier::Enterprise))
            .given(set(BEN, 80));
        took(
            school.when(lower_to(50)),
            [taken(BEN, Priority::Normal, 80, 35)],
        )
        .pools(50, 35, 15, 0);
    }

    #[test]
    fn a_suspended_member_gives_and_a_removed_one_has_nothing_to_give() {
        let school = three_of_30(ALL_NORMAL)
            .given(suspend(ADA))
            .given(hold("h", BEN, 5))
            .given(remove(BEN))
            .holds(BEN, 15, 10, 5);
        took(
            school.when(lower_to(45)),
            [
                taken(ADA, Priority::Normal, 30, 15),
                taken(CLEO, Priority::Normal, 30, 15),
            ],
        )
        .holds(BEN, 15, 10, 5);
    }

    #[test]
    fn priority_and_auto_renew_stay_as_they_are() {
        let school = School::k12().with_member(ADA);
        let renewed = with_auto_renew(true, with_priority(Priority::High, set(ADA, 60)));
        let expected = AllocationChanged {
            auto_renew: true,
            ..taken(ADA, Priority::High, 60, 40)
        };
        took(school.given(renewed).when(lower_to(40)), [expected]);
    }

    #[test]
    fn a_total_below_what_is_used_and_held_is_refused_with_the_number() {
        three_of_30(ALL_NORMAL)
            .given(hold("h", BEN, 5))
            .when(lower_to(34))
            .refused(
                short(Rule::TotalBelowUsage, Level::Pool)
                    .limit(35)
                    .used(30)
                    .held(5)
                    .asked(34)
                    .available(10),
            )
            .when(lower_to(35))
            .then_done()
            .pools(35, 35, 30, 5);
    }

    #[test]
    fn without_the_word_nothing_is_taken_and_the_change_is_refused() {
        let refused = short(Rule::TotalBelowAllocated, Level::Pool)
            .limit(90)
            .used(30)
            .asked(89)
            .available(10);
        three_of_30(ALL_NORMAL)
            .when(buy(CLAUDE, 89))
            .refused(refused);
    }

    #[test]
    fn one_total_that_cannot_be_refuses_the_whole_change() {
        let totals = [(CLAUDE, 29), (CONTENT, 0)].map(|(name, n)| (name.to_owned(), n.quota()));
        let outcome = three_of_30(ALL_NORMAL).when(SetSubscription {
            totals: totals.to_vec(),
            reclaim: Reclaim::ByPriority,
            ..Default::default()
        });
        assert!(matches!(&outcome.result, Err(Refusal::Shortfall(s)) if s.limit == 30.quota()));
    }
}

mod unlimited {
    use super::*;

    #[test]
    fn a_single_unlimited_allocation_becomes_the_whole_total() {
        let school = School::unlimited_ada().used(7);
        took(
            school.when(lower_to(50)),
            [taken(ADA, Priority::Normal, Quota::Unlimited, 50)],
        )
        .pools(50, 50, 7, 0);
    }

    #[test]
    fn an_allocation_without_limit_counts_as_the_whole_total_and_gives_from_there() {
        let school = School::unlimited_ada()
            .used(10)
            .with_member(BEN)
            .allocated(30)
            .used(10);
        // 130 against 100: 30 of the 90 + 20 that are unused.
        took(
            school.when(lower_to(100)),
            [
                taken(BEN, Priority::Normal, 30, 25),
                taken(ADA, Priority::Normal, Quota::Unlimited, 75),
            ],
        )
        .pools(100, 100, 20, 0);
    }

    #[test]
    fn two_of_them_share_the_total_by_what_they_have_not_used() {
        let school = School::unlimited_ada()
            .used(20)
            .with_member(BEN)
            .allocated(Quota::Unlimited);
        // 200 against 100: 100 of the 80 + 100 that are unused.
        took(
            school.when(lower_to(100)),
            [
                taken(ADA, Priority::Normal, Quota::Unlimited, 56),
                taken(BEN, Priority::Normal, Quota::Unlimited, 44),
            ],
        );
    }

    #[test]
    fn low_priority_gives_first_also_to_one_without_limit() {
        let school = School::unlimited()
            .with_member(ADA)
            .given(with_priority(Priority::High, set(ADA, Quota::Unlimited)))
            .with_member(BEN)
            .given(with_priority(Priority::Low, set(BEN, 30)))
            .used(10);
        took(
            school.when(lower_to(100)),
            [
                taken(BEN, Priority::Low, 30, 10),
                taken(ADA, Priority::High, Quota::Unlimited, 90),
            ],
        );
    }

    #[test]
    fn an_unlimited_allocation_refuses_a_downgrade_without_reclaim() {
        School::unlimited_ada()
            .when(buy(CLAUDE, i64::MAX))
            .refused(total_too_low(Quota::Unlimited, i64::MAX, Quota::Unlimited));
    }

    #[test]
    fn as_many_units_as_there_are_are_shared_out_exactly() {
        let school = School::unlimited_ada()
            .used(1)
            .with_member(BEN)
            .allocated(Quota::Unlimited)
            .with_member(CLEO)
            .allocated(i64::MAX);
        school
            .when(lower_to(i64::MAX))
            .then_done()
            .pools(i64::MAX, i64::MAX, 1, 0);
    }
}

mod plans_without_allocations {
    use super::*;

    #[test]
    fn everything_unused_returns() {
        let school = three_of_30([Priority::High, Priority::Low, Priority::Normal])
            .given(of(CONTENT, set(ADA, 5)));
        let content = AllocationChanged {
            service: service(CONTENT),
            ..taken(ADA, Priority::Normal, 5, 0)
        };
        let free = by_priority(SetSubscription {
            totals: vec![(CLAUDE.to_owned(), 40.quota())],
            ..go_to(Tier::Free)
        });
        took(
            school.when(free),
            [
                taken(BEN, Priority::Low, 30, 10),
                taken(CLEO, Priority::Normal, 30, 10),
                taken(ADA, Priority::High, 30, 10),
                content,
            ],
        )
        .pools(40, 30, 30, 0)
        .given(debit(BEN, 10))
        .pools(40, 30, 40, 0);
    }

    #[test]
    fn units_held_for_a_call_in_flight_do_not_refuse_a_downgrade() {
        School::k12()
            .with_member(ADA)
            .allocated(50)
            .given(hold("h", ADA, 5))
            .given(by_priority(go_to(Tier::Free)))
            .holds(ADA, 5, 0, 5)
            .when(buy(CLAUDE, 400))
            .then_done();
    }

    #[test]
    fn what_a_call_in_flight_leaves_returns_when_it_ends() {
        let school = School::k12()
            .with_member(ADA)
            .allocated(20)
            .used(3)
            .given(hold("h", ADA, 5));
        let school = took(
            school.when(by_priority(go_to(Tier::Free))),
            [taken(ADA, Priority::Normal, 20, 8)],
        );
        school
            .pools(20, 8, 3, 5)
            .given(settle("h", 1))
            .when(debit(ADA, 1))
            .after_due([(support::start(), less(taken(ADA, Priority::Normal, 8, 4)))])
            .then_done()
            .holds(ADA, 4, 4, 0)
            .pools(20, 4, 5, 0);
    }

    #[test]
    fn a_school_that_upgrades_again_keeps_the_rest_of_a_call_in_flight() {
        let school = School::k12()
            .with_member(ADA)
            .allocated(20)
            .given(hold("h", ADA, 5))
            .given(by_priority(go_to(Tier::Free)))
            .given(go_to(Tier::Enterprise))
            .given(release("h"));
        school.holds(ADA, 5, 0, 0).given(debit(ADA, 5));
    }

    #[test]
    fn usage_beyond_an_unchanged_total_refuses_nothing() {
        School::registered(OrgType::K12, Tier::Free)
            .with_member(ADA)
            .given(hold("h", ADA, 20))
            .given(settle("h", 30))
            .given(by_priority(go_to(Tier::Basic)))
            .pools(20, 0, 30, 0);
    }
}

/// A member of a random school.
#[derive(Clone, Debug)]
struct Holding {
    allocated: Quota,
    used: i64,
    held: i64,
    priority: Priority,
}

fn holding() -> impl Strategy<Value = Holding> {
    let allocated = prop_oneof![
        8 => (0_i64..=60).prop_map(Amount::quota),
        1 => Just(Quota::Unlimited),
        1 => (0_i64..=2).prop_map(|n| (i64::MAX / 8 - n).quota()),
    ];
    let priority = select(Priority::ALL.to_vec());
    (allocated, 0_i64..=40, 0_i64..=20, priority).prop_map(|(allocated, used, held, priority)| {
        let within = |n: i64, most: Quota| n.quota().min(most).finite().map_or(0, |u| u.get());
        let used = within(used, allocated);
        let held = within(held, allocated.minus(units(used)));
        Holding {
            allocated,
            used,
            held,
            priority,
        }
    })
}

fn school_of(holdings: &[Holding]) -> School {
    let mut school = School::unlimited();
    for (n, holding) in (1_u128..).zip(holdings) {
        let member_id = MemberId(Uuid::from_u128(n));
        school = school.with_member(member_id).given(with_priority(
            holding.priority,
            set(member_id, holding.allocated),
        ));
        if holding.used > 0 {
            school = school.given(debit(member_id, holding.used));
        }
        if holding.held > 0 {
            school = school.given(hold(&format!("h{n}"), member_id, holding.held));
        }
    }
    school
}

/// A line before and after, in numbers that do not overflow.
struct Share {
    priority: Priority,
    spare: i128,
    given: i128,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_taken_is_exact_in_order_and_in_proportion(
        holdings in proptest::collection::vec(holding(), 1..9),
        above_usage in prop_oneof![3 => 0_i64..200, 1 => (0_i64..9).prop_map(|n| i64::MAX / 9 * n)],
    ) {
        let school = school_of(&holdings);
        let spent: i64 = holdings.iter().map(|h| h.used + h.held).sum();
        let total = spent + above_usage;
        let outcome = school.when(lower_to(total));
        prop_assert!(outcome.result.is_ok(), "{:?}", outcome.result);
        let school = outcome.school;

        let wide = |quota: Quota| quota.finite().map(|units| i128::from(units.get()));
        let shares: Vec<Share> = (1_u128..).zip(&holdings).map(|(n, holding)| {
            let line = school.line_of(MemberId(Uuid::from_u128(n)), CLAUDE);
            let least = i128::from(holding.used + holding.held);
            let counted = wide(holding.allocated).unwrap_or_else(|| i128::from(total));
            let after = wide(line.allocated).expect("a finite total has finite allocations");
            assert!(least <= after && after <= counted, "{holding:?}: {after}");
            Share { priority: holding.priority, spare: counted - least, given: counted - after }
        }).collect();

        // To the unit: all of the total is allocated, unless there was not as much.
        let spare: i128 = shares.iter().map(|share| share.spare).sum();
        let counted = spare + i128::from(spent);
        let given: i128 = shares.iter().map(|share| share.given).sum();
        prop_assert_eq!(given, (counted - i128::from(total)).max(0));

        for priority in Priority::ALL {
            let class: Vec<&Share> = shares.iter().filter(|s| s.priority == priority).collect();
            let spare: i128 = class.iter().map(|share| share.spare).sum();
            let given: i128 = class.iter().map(|share| share.given).sum();
            // A higher priority gives nothing while a lower one has units left.
            if given < spare {
                let above = shares.iter().filter(|share| share.priority > priority);
                prop_assert_eq!(above.map(|share| share.given).sum::<i128>(), 0);
            }
            // |given − given of the class × spare ÷ spare of the class| < 1
            for share in class {
                let exact = given.checked_mul(share.spare);
                let actual = share.given.checked_mul(spare);
                if let (Some(exact), Some(actual)) = (exact, actual) {
                    prop_assert!((exact - actual).abs() < spare.max(1));
                }
            }
        }
    }
}
