//! The rules of allocating (SPEC §3, Allocation).

use ledger_core::allocation::Priority;
use ledger_core::{Level, Management, OrgType, Quota, Refusal, Rule, Tier};

use crate::support::commands::{
    add, buy, cap, go_to, hold, keep, of, revoke, revoke_all, set, settle, transfer,
    with_auto_renew, with_priority,
};
use crate::support::events::{
    allocated, changed, member_not_found, more, revoked, short, terms_set, total_too_low,
    transferred, unknown_service,
};
use crate::support::{ADA, Amount, BEN, CLAUDE, CONTENT, NOBODY, School};

mod amounts {
    use super::*;

    #[test]
    fn set_makes_it_so_much_up_or_down() {
        School::ada_of_50()
            .when(set(ADA, 60))
            .then([allocated(ADA, 50, 60)])
            .when(set(ADA, 8))
            .then([revoked(ADA, 60, 8)])
            .holds(ADA, 8, 5, 3)
            .when(set(ADA, 8))
            .then_nothing();
    }

    #[test]
    fn add_raises_an_allocation() {
        School::ada_of_50()
            .when(add(ADA, 10))
            .then([allocated(ADA, 50, 60)]);
    }

    #[test]
    fn revoke_takes_unused_units() {
        let below = short(Rule::AllocationBelowUsage, Level::Member);
        School::ada_of_50()
            .when(revoke(ADA, 2))
            .then([revoked(ADA, 50, 48)])
            .when(revoke(ADA, 41))
            .refused(below.limit(8).used(5).held(3).asked(41).available(40))
            .when(revoke(ADA, 40))
            .then([revoked(ADA, 48, 8)]);
    }

    #[test]
    fn revoke_without_an_amount_returns_the_unused_part() {
        School::ada_of_50()
            .when(revoke_all(ADA))
            .then([revoked(ADA, 50, 8)])
            .pools(100, 8, 5, 3)
            .when(revoke_all(ADA))
            .then_nothing();
    }

    #[test]
    fn a_service_that_is_not_named_stays_as_it_was() {
        let school = School::ada_of_50()
            .given(of(CONTENT, set(ADA, 7)))
            .given(add(ADA, 1));
        assert_eq!(school.line_of(ADA, CONTENT).allocated, 7.quota());
        assert_eq!(school.pool_of(CONTENT).allocated(), 7.quota());
        school.holds(ADA, 51, 5, 3);
    }

    #[test]
    fn a_service_has_aliases_and_an_unknown_one_is_refused() {
        School::ada_of_50()
            .when(of("lesson_generation", add(ADA, 10)))
            .then([allocated(ADA, 50, 60)])
            .when(of("video", add(ADA, 10)))
            .refused(unknown_service("video"));
    }

    #[test]
    fn lowering_below_what_is_used_and_held_is_refused_with_the_number() {
        School::ada_of_50().when(set(ADA, 7)).refused(
            short(Rule::AllocationBelowUsage, Level::Member)
                .limit(8)
                .used(5)
                .held(3)
                .asked(7)
                .available(8),
        );
    }

    #[test]
    fn all_allocations_together_fit_into_the_total() {
        School::ada_of_50()
            .with_member(BEN)
            .allocated(30)
            .when(set(BEN, 51))
            .refused(
                short(Rule::PoolExceeded, Level::Pool)
                    .limit(100)
                    .used(5)
                    .held(3)
                    .asked(21)
                    .available(20),
            )
            .when(set(BEN, 50))
            .then([allocated(BEN, 30, 50)])
            .pools(100, 100, 5, 3);
    }

    #[test]
    fn what_one_member_may_hold_is_capped() {
        School::ada_of_50()
            .buying(1_000)
            .when(add(ADA, 51))
            .refused(
                short(Rule::MemberCapExceeded, Level::Member)
                    .limit(100)
                    .used(5)
                    .held(3)
                    .asked(101)
                    .available(100),
            )
            .when(add(ADA, 50))
            .then([allocated(ADA, 50, 100)]);
    }

    #[test]
    fn no_units_are_nothing_to_ask_for() {
        School::ada_of_50()
            .when(add(ADA, 0))
            .refused(Refusal::NothingAsked)
            .when(revoke(ADA, 0))
            .refused(Refusal::NothingAsked)
            .with_member(BEN)
            .when(transfer(ADA, BEN, 0))
            .refused(Refusal::NothingAsked);
    }

    #[test]
    fn nobody_is_allocated_anything() {
        School::ada_of_50()
            .when(set(NOBODY, 1))
            .refused(member_not_found(NOBODY))
            .when(transfer(ADA, NOBODY, 1))
            .refused(member_not_found(NOBODY));
    }

    #[test]
    fn an_overdrawn_allocation_can_be_raised_and_not_lowered() {
        School::ada_of_50()
            .given(set(ADA, 8))
            .given(settle("h", 5))
            .holds(ADA, 8, 10, 0)
            .when(revoke_all(ADA))
            .then_nothing()
            .when(set(ADA, 7))
            .refused(
                short(Rule::AllocationBelowUsage, Level::Member)
                    .limit(10)
                    .used(10)
                    .asked(7)
                    .available(10),
            )
            .when(set(ADA, 9))
            .then([allocated(ADA, 8, 9)]);
    }
}

mod unlimited {
    use super::*;

    #[test]
    fn an_unlimited_allocation_needs_an_unlimited_total() {
        School::k12()
            .capped_at(Quota::Unlimited)
            .with_member(ADA)
            .when(set(ADA, Quota::Unlimited))
            .refused(
                short(Rule::PoolExceeded, Level::Pool)
                    .limit(100)
                    .asked(Quota::Unlimited)
                    .available(100),
            );
        School::unlimited()
            .with_member(ADA)
            .when(set(ADA, Quota::Unlimited))
            .then([allocated(ADA, 0, Quota::Unlimited)])
            .pools(Quota::Unlimited, Quota::Unlimited, 0, 0);
    }

    #[test]
    fn a_cap_holds_also_for_unlimited() {
        School::k12()
            .buying(Quota::Unlimited)
            .with_member(ADA)
            .when(set(ADA, Quota::Unlimited))
            .refused(
                short(Rule::MemberCapExceeded, Level::Member)
                    .limit(100)
                    .asked(Quota::Unlimited)
                    .available(100),
            );
    }

    #[test]
    fn what_is_added_to_or_taken_from_unlimited_leaves_it_unlimited() {
        School::unlimited_ada()
            .when(add(ADA, 5))
            .then_nothing()
            .when(revoke(ADA, 5))
            .then_nothing();
    }

    #[test]
    fn revoking_unlimited_leaves_what_is_used() {
        School::unlimited_ada()
            .used(7)
            .when(revoke_all(ADA))
            .then([revoked(ADA, Quota::Unlimited, 7)])
            .pools(Quota::Unlimited, 7, 7, 0);
    }

    #[test]
    fn a_total_stays_unlimited_beside_an_unlimited_allocation() {
        School::unlimited_ada()
            .when(buy(CLAUDE, 1_000))
            .refused(total_too_low(Quota::Unlimited, 1_000, Quota::Unlimited));
    }

    #[test]
    fn amounts_beyond_64_bits_are_refused_as_such() {
        School::unlimited()
            .with_member(ADA)
            .allocated(i64::MAX)
            .when(add(ADA, 1))
            .refused(Refusal::AmountOutOfRange)
            .with_member(BEN)
            .when(set(BEN, 1))
            .refused(Refusal::AmountOutOfRange);
    }

    #[test]
    fn the_largest_finite_total_is_not_exceeded_by_one() {
        School::k12()
            .buying(i64::MAX)
            .capped_at(Quota::Unlimited)
            .with_member(ADA)
            .allocated(i64::MAX)
            .with_member(BEN)
            .when(set(BEN, 1))
            .refused(
                short(Rule::PoolExceeded, Level::Pool)
                    .limit(i64::MAX)
                    .asked(1),
            );
    }

    #[test]
    fn an_overage_beyond_the_largest_finite_total_leaves_nothing_to_allocate() {
        let none_left = short(Rule::PoolExceeded, Level::Pool);
        School::k12_without_management()
            .buying(i64::MAX)
            .with_member(ADA)
            .given(hold("h", ADA, 20))
            .given(go_to(Tier::Enterprise))
            .capped_at(Quota::Unlimited)
            .given(set(ADA, i64::MAX - 20))
            .given(settle("h", 30))
            .when(add(ADA, 1))
            .refused(none_left.limit(i64::MAX).used(30).asked(1));
    }

    #[test]
    fn the_largest_finite_total_counts_what_was_drawn_straight_on_the_pool() {
        let none_left = short(Rule::PoolExceeded, Level::Pool);
        School::k12_without_management()
            .buying(i64::MAX)
            .with_member(ADA)
            .used(1)
            .given(go_to(Tier::Enterprise))
            .capped_at(Quota::Unlimited)
            .when(set(ADA, i64::MAX))
            .refused(
                none_left
                    .limit(i64::MAX)
                    .used(1)
                    .asked(i64::MAX)
                    .available(i64::MAX - 1),
            );
    }
}

mod transfers {
    use super::*;

    #[test]
    fn unused_units_go_from_one_member_to_another() {
        School::ada_of_50()
            .with_member(BEN)
            .when(transfer(ADA, BEN, 42))
            .then([transferred((ADA, 50), (BEN, 0), 42)])
            .holds(ADA, 8, 5, 3)
            .holds(BEN, 42, 0, 0)
            .pools(100, 50, 5, 3);
    }

    #[test]
    fn what_is_used_or_held_does_not_go() {
        let below = short(Rule::AllocationBelowUsage, Level::Member);
        School::ada_of_50()
            .with_member(BEN)
            .when(transfer(ADA, BEN, 43))
            .refused(below.limit(8).used(5).held(3).asked(43).available(42));
    }

    #[test]
    fn the_cap_holds_for_the_taker() {
        School::ada_of_50()
            .with_member(BEN)
            .given(cap(CLAUDE, 20))
            .when(transfer(ADA, BEN, 21))
            .refused(
                short(Rule::MemberCapExceeded, Level::Member)
                    .limit(20)
                    .asked(21)
                    .available(20),
            );
    }

    #[test]
    fn a_transfer_needs_two_members() {
        School::ada_of_50()
            .when(transfer(ADA, ADA, 1))
            .refused(Refusal::TransferToSelf);
    }

    #[test]
    fn a_basic_plan_has_no_transfers() {
        School::registered(OrgType::Preschool, Tier::Enterprise)
            .with_member(ADA)
            .with_member(BEN)
            .when(transfer(ADA, BEN, 1))
            .refused(Refusal::PlanRequired {
                has: Management::Basic,
                needs: Management::Advanced,
                tier: None,
            });
    }

    #[test]
    fn lowering_and_transferring_go_on_where_usage_exceeded_the_pool() {
        School::k12_without_management()
            .with_member(ADA)
            .given(hold("h", ADA, 20))
            .given(go_to(Tier::Enterprise))
            .with_member(BEN)
            .allocated(80)
            .given(settle("h", 30))
            .pools(100, 80, 30, 0)
            .given(transfer(BEN, ADA, 5))
            .given(revoke(BEN, 5))
            .pools(100, 75, 30, 0)
            .when(add(BEN, 1))
            .refused(
                short(Rule::PoolExceeded, Level::Pool)
                    .limit(100)
                    .used(30)
                    .asked(1),
            );
    }
}

mod terms {
    use super::*;

    const NORMAL: (Priority, Priority) = (Priority::Normal, Priority::Normal);

    #[test]
    fn priority_is_normal_and_auto_renew_off_by_default() {
        let line = School::ada_of_50().line_of(ADA, CLAUDE);
        assert_eq!((line.priority, line.auto_renew), (Priority::Normal, false));
    }

    #[test]
    fn priority_and_auto_renew_are_set_with_an_allocation() {
        let mut expected = changed(ADA, 50, 60);
        (expected.priority, expected.auto_renew) = (Priority::High, true);
        School::ada_of_50()
            .when(with_auto_renew(
                true,
                with_priority(Priority::High, set(ADA, 60)),
            ))
            .then([more(expected)]);
    }

    #[test]
    fn priority_and_auto_renew_are_set_alone_and_absent_terms_stay() {
        let low = (Priority::Normal, Priority::Low);
        let still_low = (Priority::Low, Priority::Low);
        School::ada_of_50()
            .when(with_priority(Priority::Low, keep(ADA)))
            .then([terms_set(ADA, low, (false, false))])
            .when(with_auto_renew(true, set(ADA, 50)))
            .then([terms_set(ADA, still_low, (false, true))])
            .when(with_auto_renew(true, keep(ADA)))
            .then_nothing()
            .when(keep(ADA))
            .then_nothing();
    }

    #[test]
    fn a_change_of_the_amount_keeps_the_terms() {
        let school = School::ada_of_50()
            .given(with_auto_renew(true, keep(ADA)))
            .given(add(ADA, 1));
        assert!(school.line_of(ADA, CLAUDE).auto_renew);
    }

    #[test]
    fn terms_can_precede_an_allocation() {
        School::k12()
            .with_member(ADA)
            .when(with_auto_renew(true, keep(ADA)))
            .then([terms_set(ADA, NORMAL, (false, true))]);
    }
}
