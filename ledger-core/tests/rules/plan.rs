//! Which plan includes which command (SPEC §2): a row for every command, tried in schools of every
//! kind and tier.

use ledger_core::allocation::{AllocationCommand, AllocationRow, Change, HolderName, Priority};
use ledger_core::department::DepartmentCommand;
use ledger_core::request::RequestCommand;
use ledger_core::school::{ChangeSettings, EnrolMember, SchoolCommand, SetSubscription};
use ledger_core::usage::{RefusedFor, UsageCommand, UsageRefused};
use ledger_core::{Action, Management, OrgType, Refusal, Role, Tier};
use rstest::rstest;

use crate::support::commands::{
    Ask, add, buy, cap, close, debit, enrol, erase, give, go_to, grant, hold, import, keep,
    move_to, of, open, reactivate, refund_all, release, remove, report, reported, revoke, set,
    set_role, settle, suspend, transfer, with_auto_renew, with_priority,
};
use crate::support::requests::{ASKED, OTHER, approve, ask, file, reject, withdraw};
use crate::support::{
    ADA, ARTS, ASSESSMENT, BEN, CLAUDE, CLEO, CONTENT, MATHS, NOBODY, SPORTS, School, register,
    service, start, units,
};

/// A row says what management a command needs, and has one to try. The match has no wildcard arm:
/// a command that is new does not compile until it has a row.
macro_rules! commands {
    ($($needs:ident: $command:pat => $sample:expr;)+) => {
        fn needs(action: &Action) -> Management {
            match action { $($command => Management::$needs,)+ }
        }

        fn samples() -> Vec<(&'static str, Management, Action)> {
            vec![$((stringify!($command), Management::$needs, $sample.action()),)+]
        }
    };
}

commands! {
    // What every school does, whatever it pays for.
    None: Action::School(SchoolCommand::Register(_)) => register(OrgType::K12, Tier::Free);
    None: Action::School(SchoolCommand::SetSubscription(_)) => buy(CLAUDE, 1_000);
    None: Action::School(SchoolCommand::EnrolMember(_)) => enrol(CLEO);
    None: Action::School(SchoolCommand::SetRole { .. }) => set_role(ADA, Role::Principal);
    None: Action::School(SchoolCommand::RemoveMember { .. }) => remove(ADA);
    None: Action::School(SchoolCommand::EraseMember { .. }) => erase(ADA);
    None: Action::School(SchoolCommand::CatchUp) => SchoolCommand::CatchUp;
    None: Action::Usage(UsageCommand::Debit(_)) => debit(ADA, 1);
    None: Action::Usage(UsageCommand::PlaceHold(_)) => hold("another", ADA, 1);
    None: Action::Usage(UsageCommand::Settle(_)) => settle("h", 1);
    None: Action::Usage(UsageCommand::Release(_)) => release("h");
    None: Action::Usage(UsageCommand::NoteRefused(_)) => note_refused();
    None: Action::Usage(UsageCommand::Report(_)) => report("another", ADA, 1);
    None: Action::Usage(UsageCommand::Attribute(_)) => give(reported("parked"), ADA);
    None: Action::Usage(UsageCommand::Correct(_)) => refund_all(reported("r"));

    // Rules of allocating, and allocating.
    Basic: Action::School(SchoolCommand::ChangeSettings(_)) => cap(CLAUDE, 77);
    Basic: Action::Allocation(AllocationCommand::Apply { .. }) => set(ADA, 9);
    Advanced: Action::Allocation(AllocationCommand::Import { .. }) => import([set(ADA, 9)]);
    Basic: Action::Allocation(AllocationCommand::Suspend { .. }) => suspend(ADA);
    Basic: Action::Allocation(AllocationCommand::Reactivate { .. }) => reactivate(ADA);

    // Departments.
    Advanced: Action::Department(DepartmentCommand::Open { .. }) => open(SPORTS);
    Advanced: Action::Department(DepartmentCommand::Close { .. }) => close(ARTS);
    Advanced: Action::Department(DepartmentCommand::Move { .. }) => move_to(MATHS, ADA);

    // Asking for units.
    Basic: Action::Request(RequestCommand::File(_)) => another_request();
    Basic: Action::Request(RequestCommand::Approve(_)) => approve(ASKED);
    Basic: Action::Request(RequestCommand::Reject(_)) => reject(ASKED);
    Basic: Action::Request(RequestCommand::Withdraw { .. }) => withdraw(ASKED);
}

/// What a row of allocations needs by whose it is and what it changes.
const fn needs_of(row: &AllocationRow) -> Management {
    match (&row.holder, row.change) {
        (HolderName::Department(_), _) | (_, Change::Transfer { .. }) => Management::Advanced,
        (
            HolderName::Owner(_),
            Change::Set(_) | Change::Add(_) | Change::Revoke(_) | Change::Keep,
        ) => Management::Basic,
    }
}

/// The forms of commands of a row above.
fn variations() -> Vec<(&'static str, Management, Action)> {
    let row = |name, row: AllocationRow| (name, needs_of(&row), row.action());
    let basic = |name, ask: Action| (name, Management::Basic, ask);
    let advanced = |name, ask: Action| (name, Management::Advanced, ask);
    let drawing = ChangeSettings {
        draw_on_department: Some(true),
        ..Default::default()
    };
    let into_maths = EnrolMember {
        department_id: Some(MATHS),
        ..enrol(CLEO)
    };
    vec![
        row("add", add(ADA, 1)),
        row("revoke", revoke(ADA, 1)),
        row("transfer", transfer(ADA, BEN, 1)),
        row("priority", with_priority(Priority::High, keep(ADA))),
        row("auto-renew", with_auto_renew(true, keep(ADA))),
        row("a department's", set(MATHS, 60)),
        advanced("drawing on departments", drawing.action()),
        advanced("enrolling into a department", into_maths.action()),
        basic("a batch", vec![set(ADA, 9), add(BEN, 1)].action()),
        basic("default grants", grant(CLAUDE, 7).action()),
        basic("self-service", self_service(false).action()),
        basic("self-service", self_service(true).action()),
    ]
}

fn note_refused() -> Action {
    Action::Usage(UsageCommand::NoteRefused(UsageRefused {
        member_id: ADA,
        department_id: None,
        service: service(CLAUDE),
        reason: RefusedFor::QuotaExceeded,
        minute: start().start_of_minute(),
        times: units(1),
        units: units(1),
    }))
}

fn another_request() -> RequestCommand {
    file(ledger_core::request::FileRequest {
        request_id: OTHER,
        ..ask(ADA, &[(CONTENT, 1)])
    })
}

fn self_service(on: bool) -> ChangeSettings {
    ChangeSettings {
        self_service_requests: Some(on),
        ..Default::default()
    }
}

/// What a school's plan includes, by SPEC §2.
const fn included(org_type: OrgType, tier: Tier) -> Management {
    match (org_type, tier) {
        (OrgType::Preschool, Tier::Pro | Tier::Premium | Tier::Enterprise) => Management::Basic,
        (OrgType::K12, Tier::Enterprise) => Management::Advanced,
        (OrgType::Preschool, Tier::Free | Tier::Basic)
        | (OrgType::K12, Tier::Free | Tier::Basic | Tier::Pro | Tier::Premium)
        | (
            OrgType::Individual,
            Tier::Free | Tier::Basic | Tier::Pro | Tier::Premium | Tier::Enterprise,
        ) => Management::None,
    }
}

/// The least tier at which a school of this kind has it.
const fn least_tier(org_type: OrgType, needed: Management) -> Option<Tier> {
    match (org_type, needed) {
        (_, Management::None) => Some(Tier::Free),
        (OrgType::Preschool, Management::Basic) => Some(Tier::Pro),
        (OrgType::K12, Management::Basic | Management::Advanced) => Some(Tier::Enterprise),
        (OrgType::Preschool, Management::Advanced)
        | (OrgType::Individual, Management::Basic | Management::Advanced) => None,
    }
}

/// A school in which everything that its plan includes can be done: members who hold units, a call
/// in flight, usage that was reported, a pending request.
fn school(org_type: OrgType, tier: Tier) -> School {
    let mut school = School::registered(org_type, tier).with_member(ADA);
    if org_type != OrgType::Individual {
        school = school.with_member(BEN);
    }
    if included(org_type, tier) > Management::None {
        school = school.given(file(ask(ADA, &[(CLAUDE, 1)])));
    }
    if included(org_type, tier) == Management::Advanced {
        school = school.given(open(MATHS)).given(open(ARTS));
        let holds = [CLAUDE, CONTENT, ASSESSMENT].map(|name| of(name, set(MATHS, 12)));
        school = school.given(holds);
    }
    school
        .given(hold("h", ADA, 1))
        .given(report("r", ADA, 1))
        .given(report("parked", NOBODY, 1))
}

/// Refusals that have nothing to do with the plan: an individual has one member, and a school
/// registers once.
const fn is_of_its_kind(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::SchoolExists | Refusal::IndividualIsOneMember
    )
}

#[rstest]
fn a_command_is_done_where_the_plan_includes_it_and_names_the_least_tier_elsewhere(
    #[values(OrgType::Preschool, OrgType::K12, OrgType::Individual)] org_type: OrgType,
    #[values(Tier::Free, Tier::Basic, Tier::Pro, Tier::Premium, Tier::Enterprise)] tier: Tier,
) {
    let has = included(org_type, tier);
    for (name, needed, action) in samples().into_iter().chain(variations()) {
        let school = school(org_type, tier);
        let settings = &school.state.school().expect("it is registered").settings;
        let is_so_already = match &action {
            Action::School(SchoolCommand::ChangeSettings(change)) => {
                change.self_service_requests == Some(settings.self_service_requests)
            }
            Action::School(_)
            | Action::Department(_)
            | Action::Allocation(_)
            | Action::Request(_)
            | Action::Usage(_) => false,
        };
        let result = school.when(action).result;
        if has >= needed || is_so_already {
            let done = result.as_ref().err().is_none_or(is_of_its_kind);
            assert!(done, "{name}: {result:?}");
        } else {
            let expected = Refusal::PlanRequired {
                has,
                needs: needed,
                tier: least_tier(org_type, needed),
            };
            assert_eq!(result, Err(expected), "{name}");
        }
    }
}

#[test]
fn every_sample_is_of_its_row() {
    for (name, needed, action) in samples() {
        assert_eq!(needs(&action), needed, "{name}");
    }
    let mut names: Vec<_> = samples().into_iter().map(|(name, ..)| name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), samples().len());
}

#[test]
fn in_a_batch_the_plan_refuses_the_row_that_it_does_not_include() {
    let outcome = school(OrgType::Preschool, Tier::Pro)
        .when([of(CONTENT, add(BEN, 1)), transfer(ADA, BEN, 1)]);
    let Err(Refusal::Rows(rows)) = outcome.result else {
        panic!("{:?}", outcome.result);
    };
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].index, 1);
    let expected = Refusal::PlanRequired {
        has: Management::Basic,
        needs: Management::Advanced,
        tier: None,
    };
    assert_eq!(rows[0].refusal, expected);
}

#[test]
fn settings_that_change_nothing_need_no_plan() {
    School::k12_without_management()
        .when(cap(CLAUDE, 100))
        .then_nothing()
        .when(ChangeSettings::default())
        .then_nothing();
}

mod a_plan_that_is_gone {
    use super::*;

    fn downgraded(school: School) -> School {
        school.given(SetSubscription {
            reclaim: ledger_core::school::Reclaim::ByPriority,
            ..go_to(Tier::Free)
        })
    }

    #[test]
    fn a_downgrade_leaves_no_member_suspended() {
        let school = School::k12().with_member(ADA).given(suspend(ADA));
        downgraded(school)
            .when(debit(ADA, 1))
            .refused(Refusal::MemberSuspended { member_id: ADA })
            .given(reactivate(ADA))
            .given(debit(ADA, 1))
            .when(reactivate(ADA))
            .refused(Refusal::PlanRequired {
                has: Management::None,
                needs: Management::Basic,
                tier: Some(Tier::Enterprise),
            });
    }

    #[test]
    fn lets_a_pending_request_be_rejected_or_taken_back_and_not_approved() {
        let asked = || {
            downgraded(
                School::k12()
                    .with_member(ADA)
                    .given(file(ask(ADA, &[(CLAUDE, 1)]))),
            )
        };
        asked()
            .when(approve(ASKED))
            .refused(Refusal::PlanRequired {
                has: Management::None,
                needs: Management::Basic,
                tier: Some(Tier::Enterprise),
            })
            .when(reject(ASKED))
            .then_done();
        asked().when(withdraw(ASKED)).then_done();
    }
}
