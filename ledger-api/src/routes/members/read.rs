//! Members are read.

use axum::extract::State;
use axum::http::Uri;
use ledger_core::school::MemberStatus;
use ledger_core::{DepartmentId, Refusal};
use ledger_projections::roster::read::{MemberView, MembersFilter};
use ledger_projections::{ProjectionName, roster};
use uuid::Uuid;

use super::MemberProblems;
use super::answers::{MemberDocument, MembersAnswer};
use crate::auth::{Allowed, AllowedMember};
use crate::http::{MemberCursor, MemberPath, Page, PageLimit, Query, SchoolPath, query};
use crate::limits::PAGE_DEFAULT;
use crate::problem::Problem;
use crate::reads::{begin_read, require_known};
use crate::state::AppState;
use ledger_auth::{ReadMember, ReadSchool};

query! {
    /// Which members to list.
    MembersQuery {
        /// Where to go on, as the page before said.
        cursor: MemberCursor,
        /// At most so many; 100 when not given.
        limit: PageLimit,
        /// Whether to list those who left, too.
        with_removed: bool,
        /// Those of this department alone.
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
        headers(("Link" = String, description = "The next page, if there is one (RFC 8288).")))),
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
    /// How a member is read.
    MemberQuery {}
}

/// Reads a member; a teacher himself only. Whoever left is no member any more.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/members/{member}",
    tag = "members",
    params(MemberPath, MemberQuery),
    responses((status = 200, description = "The member.", body = MemberDocument), MemberProblems),
)]
pub async fn read_member(
    allowed: AllowedMember<ReadMember>,
    State(state): State<AppState>,
    Query(query): Query<MemberQuery>,
) -> Result<axum::Json<MemberView>, Problem> {
    let (caller, viewer) = (&allowed.credential, allowed.viewer);
    let roster = ProjectionName::Roster;
    let mut read = begin_read(&state, caller, viewer, roster, query.min_seq).await?;
    let member = roster::read::member(&mut read, allowed.member).await?;
    read.finish().await?;
    let present = member.filter(|member| member.status != MemberStatus::Removed);
    let member_id = Some(allowed.member);
    Ok(axum::Json(
        present.ok_or(Refusal::MemberNotFound { member_id })?,
    ))
}
