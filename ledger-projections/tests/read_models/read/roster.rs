//! The school and its members.

use ledger_core::{Action, Quota, Role, Seq, Tier};
use ledger_projections::roster;
use ledger_projections::roster::read::MembersFilter;

use super::{ADVANCED, as_principal, fold_all};
use crate::support::database::test_database;
use crate::support::school::{Ledger, member, start};

#[tokio::test]
async fn the_roster_has_the_school_and_its_members() {
    let db = test_database().await;
    let ledger = Ledger::start(&db.database);
    let school = ledger
        .school(ADVANCED, "Africa/Johannesburg", Quota::Unlimited)
        .await;
    for n in 0..5 {
        school.enrol(member(n), Role::Teacher).await;
    }
    let remove = ledger_core::school::SchoolCommand::RemoveMember {
        member_id: member(3),
    };
    school.act(Action::School(remove), start()).await.unwrap();
    fold_all(&db).await;

    let mut reader = as_principal(&db, &school).await;
    let seen = roster::read::school(&mut reader, start())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(seen.name.as_deref(), Some("Rivonia Primary"));
    assert_eq!((seen.tier, seen.version), (Tier::Enterprise, Seq(1)));
    let seen = serde_json::to_value(seen).unwrap();
    assert_eq!(seen["time_zone"], "Africa/Johannesburg");
    assert_eq!(seen["period"]["start"], "2026-11-14T22:00:00Z");
    assert_eq!(seen["totals"]["claude_messages"], "unlimited");
    assert_eq!(
        seen["settings"]["max_individual_quota"]["claude_messages"],
        100
    );

    let (mut ids, mut filter) = (Vec::new(), MembersFilter::default());
    loop {
        let page = roster::read::members(&mut reader, filter, 2).await.unwrap();
        ids.extend(page.members.iter().map(|member| member.member_id));
        filter.after = page.next_after;
        if filter.after.is_none() {
            break;
        }
    }
    assert_eq!(ids, [0, 1, 2, 4].map(member));
    let gone = roster::read::member(&mut reader, member(3))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(gone.removed_at, Some(start()));
    assert_eq!(gone.external_ids, Vec::<String>::new(), "free for another");
    let here = roster::read::member(&mut reader, member(4))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(here.external_ids, [format!("auth|{}", member(4))]);
    assert!(here.display_name.is_some());
    let unknown = roster::read::member(&mut reader, member(99)).await.unwrap();
    assert_eq!(unknown, None);
}
