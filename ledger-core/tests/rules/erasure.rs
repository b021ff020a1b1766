//! The rules of erasing a person (SPEC §6, Privacy): the log says that it was done, and keeps all
//! that it has.

use ledger_core::catalog::Event;
use ledger_core::school::{MemberErased, SchoolCommand, SchoolEvent};
use ledger_core::{MemberId, OrgType, Tier, fold};

use crate::support::commands::{debit, erase, hold, reason, remove, settle};
use crate::support::events::member_not_found;
use crate::support::{ADA, NOBODY, School};

const fn erased(member_id: MemberId) -> Event {
    Event::School(SchoolEvent::MemberErased(MemberErased {
        member_id,
        reason: None,
    }))
}

#[test]
fn a_removed_member_is_erased_repeatedly() {
    School::k12()
        .with_member(ADA)
        .given(remove(ADA))
        .when(erase(ADA))
        .then([erased(ADA)])
        .when(erase(ADA))
        .then([erased(ADA)]);
}

#[test]
fn a_present_member_is_erased_and_keeps_the_opaque_id() {
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
        .holds(ADA, 50, 7, 0);
}

#[test]
fn an_individual_is_erased_too() {
    School::registered(OrgType::Individual, Tier::Free)
        .with_member(ADA)
        .when(erase(ADA))
        .then([erased(ADA)]);
}

#[test]
fn only_a_present_or_past_member_is_erased() {
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
        .then([Event::School(SchoolEvent::MemberErased(event))]);
}

#[test]
fn the_log_before_an_event_folds_to_the_state_before_it() {
    let school = School::k12().with_member(ADA).allocated(50).used(5);
    let before = fold(&school.log);
    let events = school.log.clone();
    let school = school.given(erase(ADA));
    assert_eq!(school.log[..events.len()], events);
    assert_eq!(fold(&school.log[..events.len()]), before);
}
