//! The rules of erasing a person (SPEC §6, Privacy): the log says that it was done, and keeps all
//! that it has.

mod support;

use ledger_core::catalog::Event;
use ledger_core::school::{MemberErased, SchoolCommand, SchoolEvent};
use ledger_core::{MemberId, OrgType, Tier, fold};

use support::commands::{debit, enrol, erase, hold, reason, remove, set, settle, suspend};
use support::events::member_not_found;
use support::requests::principal;
use support::{ADA, BEN, NOBODY, School};

const fn erased(member_id: MemberId) -> Event {
    Event::School(SchoolEvent::MemberErased(MemberErased {
        member_id,
        reason: None,
    }))
}

#[test]
fn who_left_is_erased_once() {
    School::k12()
        .with_member(ADA)
        .given(remove(ADA))
        .when(erase(ADA))
        .then([erased(ADA)])
        .when(erase(ADA))
        .then_nothing();
}

#[test]
fn who_stays_is_erased_and_goes_on_under_his_opaque_id() {
    School::k12()
        .with_member(ADA)
        .allocated(50)
        .used(5)
        .when(erase(ADA))
        .then([erased(ADA)])
        .holds(ADA, 50, 5, 0)
        .given(debit(ADA, 1))
        .given(hold("h", ADA, 1))
        .given(settle("h", 1))
        .when(erase(ADA))
        .then_nothing();
}

#[test]
fn an_individual_is_erased_too() {
    School::registered(OrgType::Individual, Tier::Free)
        .with_member(ADA)
        .when(erase(ADA))
        .then([erased(ADA)]);
}

#[test]
fn nobody_is_erased_who_never_was_a_member() {
    School::k12()
        .when(erase(NOBODY))
        .refused(member_not_found(NOBODY));
}

#[test]
fn the_event_commits_to_why() {
    let event = MemberErased {
        member_id: ADA,
        reason: Some(reason().commitment()),
    };
    School::k12()
        .with_member(ADA)
        .when(SchoolCommand::EraseMember {
            member_id: ADA,
            reason: Some(reason()),
        })
        .then([Event::School(SchoolEvent::MemberErased(event))])
        .when(erase(ADA))
        .then_nothing();
}

mod there_is_something_to_erase_again {
    use super::*;

    fn gone() -> School {
        School::k12().with_member(ADA).given(erase(ADA))
    }

    #[test]
    fn when_he_comes_back() {
        gone()
            .given(remove(ADA))
            .given(enrol(ADA))
            .when(erase(ADA))
            .then([erased(ADA)]);
    }

    #[test]
    fn when_somebody_writes_about_him() {
        gone()
            .given(suspend(ADA))
            .when(erase(ADA))
            .then([erased(ADA)]);
    }

    #[test]
    fn when_he_writes_about_somebody() {
        gone()
            .with_member(BEN)
            .by(principal(ADA))
            .given(set(BEN, 5))
            .when(erase(ADA))
            .then([erased(ADA)]);
    }

    #[test]
    fn when_he_says_himself_why_he_is_erased() {
        let by_himself = SchoolCommand::EraseMember {
            member_id: ADA,
            reason: Some(reason()),
        };
        School::k12()
            .with_member(ADA)
            .by(principal(ADA))
            .given(by_himself)
            .when(erase(ADA))
            .then([erased(ADA)])
            .when(erase(ADA))
            .then_nothing();
    }

    #[test]
    fn and_not_when_others_write_about_others() {
        gone()
            .with_member(BEN)
            .by(principal(BEN))
            .given(set(BEN, 5))
            .when(erase(ADA))
            .then_nothing();
    }
}

#[test]
fn the_log_before_it_folds_to_what_it_was() {
    let school = School::k12().with_member(ADA).allocated(50).used(5);
    let before = fold(&school.log);
    let events = school.log.clone();
    let school = school.given(erase(ADA));
    assert_eq!(school.log[..events.len()], events);
    assert_eq!(fold(&school.log[..events.len()]), before);
}
