//! The rules of plans, registration, subscriptions and settings (SPEC §2 and §3, School).

use ledger_core::catalog::Event;
use ledger_core::period::Period;
use ledger_core::school::{
    ChangeSettings, RegisterSchool, SchoolCommand, SchoolEvent, SchoolRegistered, SetSubscription,
    Settings, SettingsChanged, SubscriptionChanged,
};
use ledger_core::{
    Catalogue, Level, Management, OrgType, Quota, Quotas, Refusal, Rule, Tier, Units,
};
use rstest::rstest;

use crate::support::commands::{
    buy, cap, debit, enrol, go_to, grant, hold, release, revoke_all, set, settle, suspend,
};
use crate::support::events::{over_quota, short, unknown_service};
use crate::support::{
    ADA, ASSESSMENT, Amount, BEN, CLAUDE, CONTENT, NOBODY, School, at, cycle, register, service,
};

/// Claude messages / content generation / assessment AI, as SPEC §2 writes them.
fn quotas([claude, content, assessment]: [i64; 3]) -> Quotas {
    [
        (CLAUDE, claude),
        (CONTENT, content),
        (ASSESSMENT, assessment),
    ]
    .map(|(name, units)| (service(name), units.quota()))
    .into()
}

fn school_event<const N: usize>(events: [SchoolEvent; N]) -> [Event; N] {
    events.map(Event::School)
}

const BOUGHT: [i64; 3] = [100, 50, 25];
const SMALL: [i64; 3] = [20, 10, 5];

mod plans {
    use super::*;

    #[rstest]
    #[case(OrgType::Preschool, Tier::Free, SMALL, Management::None, false)]
    #[case(OrgType::Preschool, Tier::Basic, SMALL, Management::None, false)]
    #[case(OrgType::Preschool, Tier::Pro, BOUGHT, Management::Basic, false)]
    #[case(OrgType::Preschool, Tier::Premium, BOUGHT, Management::Basic, true)]
    #[case(OrgType::Preschool, Tier::Enterprise, BOUGHT, Management::Basic, true)]
    #[case(OrgType::K12, Tier::Free, SMALL, Management::None, false)]
    #[case(OrgType::K12, Tier::Basic, SMALL, Management::None, false)]
    #[case(OrgType::K12, Tier::Pro, SMALL, Management::None, false)]
    #[case(OrgType::K12, Tier::Premium, SMALL, Management::None, true)]
    #[case(OrgType::K12, Tier::Enterprise, BOUGHT, Management::Advanced, true)]
    #[case(OrgType::Individual, Tier::Free, SMALL, Management::None, false)]
    #[case(OrgType::Individual, Tier::Basic, BOUGHT, Management::None, false)]
    #[case(OrgType::Individual, Tier::Pro, BOUGHT, Management::None, false)]
    #[case(OrgType::Individual, Tier::Premium, BOUGHT, Management::None, true)]
    #[case(OrgType::Individual, Tier::Enterprise, BOUGHT, Management::None, true)]
    fn a_school_has_the_plan_of_the_table(
        #[case] org_type: OrgType,
        #[case] tier: Tier,
        #[case] totals: [i64; 3],
        #[case] management: Management,
        #[case] self_service_requests: bool,
    ) {
        let registered = SchoolRegistered {
            org_type,
            tier,
            management,
            cycle: cycle(),
            period: Period {
                start: at("2026-11-01T00:00:00Z"),
                end: at("2026-12-01T00:00:00Z"),
            },
            totals: quotas(totals),
            max_individual_quota: quotas([100, 50, 30]),
            default_member_quota: quotas([10, 5, 3]),
            self_service_requests,
        };
        School::unregistered()
            .when(register(org_type, tier))
            .then(school_event([SchoolEvent::Registered(registered)]));
    }

    #[rstest]
    #[case(OrgType::Preschool, Tier::Basic, Some(Tier::Pro))]
    #[case(OrgType::K12, Tier::Premium, Some(Tier::Enterprise))]
    #[case(OrgType::Individual, Tier::Enterprise, None)]
    fn a_command_beyond_the_plan_is_refused_with_the_plan_that_includes_it(
        #[case] org_type: OrgType,
        #[case] tier: Tier,
        #[case] has_it: Option<Tier>,
    ) {
        let refusal = Refusal::PlanRequired {
            has: Management::None,
            needs: Management::Basic,
            tier: has_it,
        };
        let school = School::registered(org_type, tier).with_member(ADA);
        let school = school.when(set(ADA, 5)).refused(refusal.clone());
        school.when(suspend(ADA)).refused(refusal);
    }

    #[test]
    fn a_missing_plan_is_refused_before_other_faults() {
        let refusal = Refusal::PlanRequired {
            has: Management::None,
            needs: Management::Basic,
            tier: Some(Tier::Enterprise),
        };
        School::k12_without_management()
            .when(set(NOBODY, 5))
            .refused(refusal);
    }

    #[test]
    fn a_tier_has_two_names() {
        let catalogue = School::unregistered().catalogue;
        assert_eq!(catalogue.tier("starter"), Some(Tier::Basic));
        assert_eq!(catalogue.tier("professional"), Some(Tier::Pro));
        assert_eq!(catalogue.tier("premium"), Some(Tier::Premium));
        assert_eq!(catalogue.tier("gold"), None);
    }

    #[test]
    fn without_allocations_members_draw_straight_on_the_pool() {
        School::k12_without_management()
            .with_member(ADA)
            .used(15)
            .with_member(BEN)
            .used(4)
            .pools(20, 0, 19, 0)
            .when(debit(ADA, 2))
            .refused(over_quota(Level::Pool, (20, 19), 2).available(1));
    }
}

mod registration {
    use super::*;

    fn with_totals(totals: &[(&str, i64)]) -> SchoolCommand {
        let named = |(name, units): &(&str, i64)| ((*name).to_owned(), units.quota());
        SchoolCommand::Register(RegisterSchool {
            org_type: OrgType::K12,
            tier: Tier::Enterprise,
            cycle: cycle(),
            totals: totals.iter().map(named).collect(),
        })
    }

    #[test]
    fn a_school_registers_once() {
        School::k12()
            .when(register(OrgType::K12, Tier::Enterprise))
            .refused(Refusal::SchoolExists);
    }

    #[test]
    fn a_total_that_is_named_takes_the_place_of_the_plans_also_by_alias() {
        let school = School::unregistered();
        let school = school.given(with_totals(&[("lesson_generation", 7), (ASSESSMENT, 0)]));
        let totals: Vec<_> = school.state.pools().map(|(_, pool)| pool.total).collect();
        assert_eq!(totals, [0.quota(), 7.quota(), 50.quota()]);
    }

    #[test]
    fn a_total_of_an_unknown_service_is_refused() {
        School::unregistered()
            .when(with_totals(&[("video", 7)]))
            .refused(unknown_service("video"));
    }

    #[test]
    fn nothing_can_be_asked_of_a_school_that_is_not_registered() {
        School::unregistered()
            .when(enrol(ADA))
            .refused(Refusal::SchoolNotFound)
            .when(set(ADA, 1))
            .refused(Refusal::SchoolNotFound)
            .when(debit(ADA, 1))
            .refused(Refusal::SchoolNotFound)
            .when(settle("h", 1))
            .refused(Refusal::SchoolNotFound)
            .when(release("h"))
            .refused(Refusal::SchoolNotFound);
    }
}

mod subscriptions {
    use super::*;

    fn bought(school: &School) -> [i64; 3] {
        [CLAUDE, CONTENT, ASSESSMENT].map(|name| {
            school
                .pool_of(name)
                .total
                .finite()
                .unwrap_or(Units::MAX)
                .get()
        })
    }

    #[test]
    fn the_event_of_a_changed_total_has_the_old_one() {
        let event = SubscriptionChanged {
            tier_before: Tier::Enterprise,
            tier: Tier::Enterprise,
            management: Management::Advanced,
            totals_before: quotas([100, 50, 25]),
            totals: quotas([500, 50, 25]),
            turn: None,
        };
        School::k12()
            .when(buy("lesson_generation", 500))
            .then(school_event([SchoolEvent::SubscriptionChanged(event)]))
            .pools(500, 0, 0, 0)
            .when(buy(CLAUDE, 500))
            .then_nothing()
            .when(buy("video", 1))
            .refused(unknown_service("video"));
    }

    #[test]
    fn a_total_can_be_unlimited_and_finite_again() {
        School::k12()
            .given(buy(CLAUDE, Quota::Unlimited))
            .with_member(ADA)
            .allocated(90)
            .pools(Quota::Unlimited, 90, 0, 0)
            .given(buy(CLAUDE, 90))
            .pools(90, 90, 0, 0);
    }

    #[test]
    fn a_total_below_what_is_allocated_is_refused_with_the_number() {
        School::k12()
            .with_member(ADA)
            .allocated(60)
            .used(5)
            .given(buy(CLAUDE, 60))
            .when(buy(CLAUDE, 59))
            .refused(
                short(Rule::TotalBelowAllocated, Level::Pool)
                    .limit(60)
                    .used(5)
                    .asked(59),
            );
    }

    #[test]
    fn a_total_below_what_is_used_and_held_is_refused_with_that_number_first() {
        School::k12()
            .with_member(ADA)
            .allocated(60)
            .used(5)
            .given(hold("h", ADA, 3))
            .when(buy(CLAUDE, 7))
            .refused(
                short(Rule::TotalBelowUsage, Level::Pool)
                    .limit(8)
                    .used(5)
                    .held(3)
                    .asked(7)
                    .available(40),
            )
            .when(buy(CLAUDE, 8))
            .refused(
                short(Rule::TotalBelowAllocated, Level::Pool)
                    .limit(60)
                    .used(5)
                    .held(3)
                    .asked(8)
                    .available(40),
            );
    }

    #[test]
    fn a_total_can_be_raised_even_while_usage_exceeds_it() {
        School::k12_without_management()
            .with_member(ADA)
            .given(hold("h", ADA, 20))
            .given(settle("h", 30))
            .pools(20, 0, 30, 0)
            .given(buy(CLAUDE, 25))
            .when(buy(CLAUDE, 24))
            .refused(
                short(Rule::TotalBelowUsage, Level::Pool)
                    .limit(30)
                    .used(30)
                    .asked(24),
            );
    }

    #[test]
    fn another_tier_brings_its_totals_except_where_the_school_bought_its_own() {
        let school = School::k12_without_management()
            .given(buy(CONTENT, 33))
            .given(go_to(Tier::Enterprise));
        assert_eq!(bought(&school), [100, 33, 25]);
        let school = school.given(go_to(Tier::Free));
        assert_eq!(bought(&school), [20, 33, 5]);
    }

    #[test]
    fn another_tier_brings_its_self_service_except_where_the_school_decided() {
        let on = |school: &School| {
            let school = school.state.school().expect("it is registered");
            school.settings.self_service_requests
        };
        let school = School::registered(OrgType::Preschool, Tier::Pro);
        let school = school.given(go_to(Tier::Premium));
        assert!(on(&school));
        let school = school.given(go_to(Tier::Pro));
        assert!(!on(&school));
        let decided = |on| ChangeSettings {
            self_service_requests: Some(on),
            ..Default::default()
        };
        let only_the_subscription = |school: School, tier| {
            let events = school.log.len();
            let school = school.given(go_to(tier));
            assert_eq!(school.log.len(), events + 1);
            school
        };
        let school = only_the_subscription(school.given(decided(true)), Tier::Premium);
        assert!(on(&school));
        let school = only_the_subscription(school.given(decided(false)), Tier::Pro);
        assert!(!on(&school));
    }

    #[test]
    fn a_new_service_of_the_catalogue_is_added_by_the_next_change() {
        let built_in = include_str!("../../src/plan.toml");
        let with_video = built_in
            .replace("[defaults]", "[services.video]\n\n[defaults]")
            .replace("totals = { ", "totals = { video = 7, ");
        let catalogue = Catalogue::parse(&with_video).expect("the catalogue is valid");
        let school = School::k12()
            .under(catalogue)
            .given(SetSubscription::default());
        assert_eq!(school.pool_of("video").total, 7.quota());
        school.when(SetSubscription::default()).then_nothing();
    }

    #[test]
    fn another_catalogue_changes_nothing_until_the_school_does() {
        let built_in = include_str!("../../src/plan.toml");
        let basic = built_in.replace("\"advanced\"", "\"basic\"");
        let catalogue = Catalogue::parse(&basic).expect("the catalogue is valid");
        let management = |school: &School| {
            let school = school.state.school().expect("it is registered");
            school.management
        };
        let school = School::k12().under(catalogue);
        assert_eq!(management(&school), Management::Advanced);
        let school = school.given(SetSubscription::default());
        assert_eq!(management(&school), Management::Basic);
    }

    #[test]
    fn the_same_tier_is_no_change() {
        School::k12().when(go_to(Tier::Enterprise)).then_nothing();
        School::k12()
            .when(SetSubscription::default())
            .then_nothing();
    }

    #[test]
    fn a_plan_without_allocations_waits_until_nothing_unused_is_allocated() {
        let unused = |allocated: i64| Refusal::AllocationsOutstanding {
            service: service(CLAUDE),
            allocated: allocated.quota(),
        };
        School::k12()
            .with_member(ADA)
            .allocated(12)
            .used(3)
            .given(hold("h", ADA, 2))
            .when(go_to(Tier::Free))
            .refused(unused(7))
            .given(revoke_all(ADA))
            .given(go_to(Tier::Free))
            .given(settle("h", 2))
            .holds(ADA, 5, 5, 0)
            .pools(20, 5, 5, 0)
            .when(debit(ADA, 16))
            .refused(over_quota(Level::Pool, (15, 0), 16).available(15))
            .given(debit(ADA, 15))
            .pools(20, 5, 20, 0)
            .given(go_to(Tier::Basic));
    }

    #[test]
    fn what_was_drawn_on_the_pool_before_allocations_is_not_allocated_again() {
        School::k12_without_management()
            .with_member(ADA)
            .used(15)
            .given(hold("h", ADA, 4))
            .given(go_to(Tier::Enterprise))
            .when(set(ADA, 82))
            .refused(
                short(Rule::PoolExceeded, Level::Pool)
                    .limit(100)
                    .used(15)
                    .held(4)
                    .asked(82)
                    .available(81),
            )
            .given(set(ADA, 81))
            .holds(ADA, 81, 0, 0)
            .pools(100, 81, 15, 4)
            .given(settle("h", 4));
    }
}

mod settings {
    use super::*;

    #[test]
    fn a_cap_changes_and_the_event_holds_all_rules_before_and_after() {
        let before = Settings {
            max_individual_quota: quotas([100, 50, 30]),
            default_member_quota: quotas([10, 5, 3]),
            self_service_requests: true,
            ..Settings::default()
        };
        let after = Settings {
            max_individual_quota: quotas([40, 50, 30]),
            ..before.clone()
        };
        School::registered(OrgType::K12, Tier::Enterprise)
            .when(cap("lesson_generation", 40))
            .then(school_event([SchoolEvent::SettingsChanged(
                SettingsChanged { before, after },
            )]))
            .when(cap(CLAUDE, 40))
            .then_nothing()
            .when(cap("video", 40))
            .refused(unknown_service("video"))
            .when(grant("video", 40))
            .refused(unknown_service("video"));
    }

    #[test]
    fn a_cap_that_is_lowered_takes_nothing_away() {
        School::k12()
            .with_member(ADA)
            .allocated(60)
            .given(cap(CLAUDE, 40))
            .holds(ADA, 60, 0, 0)
            .given(set(ADA, 50))
            .holds(ADA, 50, 0, 0);
    }
}
