//! Reads of members.

use axum::extract::State;
use axum::http::Uri;
use ledger_core::school::MemberStatus;
use ledger_core::{DepartmentId, Refusal};
use ledger_projections::roster::read::MembersFilter;
use ledger_projections::{ProjectionName, roster};
use uuid::Uuid;

use super::MemberProblems;
use super::answers::{Member, MembersAnswer};
use crate::auth::{Allowed, AllowedMember};
use crate::http::{MemberCursor, MemberPath, Page, PageLimit, Query, SchoolPath, query};
use crate::limits::PAGE_DEFAULT;
use crate::problem::Problem;
use crate::reads::{begin_read, require_known};
use crate::state::AppState;
use ledger_auth::{ReadMember, ReadSchool};

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
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/members",
    tag = "members",
    params(SchoolPath, MembersQuery),
    responses((status = 200, description = "Members.", body = MembersAnswer,
        headers(("Link" = String, description = "The next page, if any (RFC 8288).")))),
)]
pub async fn list_members(
    allowed: Allowed<ReadSchool>,
    State(state): State<AppState>,
    uri: Uri,
    Query(query): Query<MembersQuery>,
) -> Result<Page<MembersAnswer>, Problem> {
    let (caller, viewer) = (&allowed.credential, allowed.viewer());
    let filter = MembersFilter {
        after: query.cursor.map(|cursor| cursor.0),
        with_removed: query.with_removed.unwrap_or_default(),
        department_id: query.department.map(DepartmentId),
    };
    let limit = query.limit.map_or(PAGE_DEFAULT, |limit| limit.0);
    let roster = ProjectionName::Roster;
    let mut read = begin_read(&state, caller, viewer, roster, query.min_seq).await?;
    let page = roster::read::members(&mut read, filter, limit).await?;
    require_known(&mut read, page.seq).await?;
    read.finish().await?;
    let answer = MembersAnswer::from(page);
    Ok(Page::new(&uri, answer.next, answer))
}

query! {
    /// The freshness of the read.
    MemberQuery {}
}

/// Reads a member. A teacher reads only themselves. A removed member is not found.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/members/{member}",
    tag = "members",
    params(MemberPath, MemberQuery),
    responses((status = 200, description = "The member.", body = Member), MemberProblems),
)]
pub async fn read_member(
    allowed: AllowedMember<ReadMember>,
    State(state): State<AppState>,
    Query(query): Query<MemberQuery>,
) -> Result<axum::Json<Member>, Problem> {
    let (caller, viewer) = (&allowed.credential, allowed.viewer);
    let roster = ProjectionName::Roster;
    let mut read = begin_read(&state, caller, viewer, roster, query.min_seq).await?;
    let member = roster::read::member(&mut read, allowed.member).await?;
    read.finish().await?;
    let present = member.filter(|member| member.status != MemberStatus::Removed);
    let member_id = Some(allowed.member);
    let member = present.ok_or(Refusal::MemberNotFound { member_id })?;
    Ok(axum::Json(member.into()))
}
