//! Reads of members.

use axum::http::Uri;
use ledger_core::school::MemberStatus;
use ledger_core::{DepartmentId, Refusal};
use ledger_projections::roster::read::MembersFilter;
use ledger_projections::{ProjectionName, roster};
use uuid::Uuid;

use super::MemberProblems;
use super::answers::{Member, MembersAnswer};
use crate::http::MemberCursor;
use crate::routes::prelude::*;
use ledger_auth::permission::{ReadMember, ReadSchool};

query! {
    /// The members to list.
    MembersQuery {
        /// The `next` of the previous page.
        cursor: MemberCursor,
        /// The maximum number of members; 100 if not given.
        limit: PageLimit,
        /// Whether to include removed members.
        with_removed: bool,
        /// Only members of this department.
        department: Uuid,
    }
}

/// Lists the school's members.
#[utoipa::path(get, path = "/v1/schools/{school}/members")]
pub async fn list_members(
    caller: Caller<Allowed<ReadSchool>>,
    uri: Uri,
    Query(query): Query<MembersQuery>,
) -> Result<Page<MembersAnswer>, Problem> {
    let filter = MembersFilter {
        after: query.cursor.map(|cursor| cursor.0),
        with_removed: query.with_removed.unwrap_or_default(),
        department_id: query.department.map(DepartmentId),
    };
    let limit = query.limit.unwrap_or_default().0;
    let mut read = caller.read(ProjectionName::Roster, query.min_seq).await?;
    let page = roster::read::members(&mut read, filter, limit).await?;
    finish_known(read, page.seq).await?;
    Ok(Page::new(&uri, page))
}

query! {
    /// The freshness of the read.
    MemberQuery {}
}

/// Reads a member. A teacher reads only themselves. A removed member is not found.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/members/{member}",
    responses(MemberProblems)
)]
pub async fn read_member(
    caller: Caller<AllowedMember<ReadMember>>,
    Query(query): Query<MemberQuery>,
) -> Result<axum::Json<Member>, Problem> {
    let member_id = caller.allowed.member;
    let mut read = caller.read(ProjectionName::Roster, query.min_seq).await?;
    let member = roster::read::member(&mut read, member_id).await?;
    read.finish().await?;
    let present = member.filter(|member| member.status != MemberStatus::Removed);
    let member_id = Some(member_id);
    let member = present.ok_or(Refusal::MemberNotFound { member_id })?;
    Ok(axum::Json(member.into()))
}
