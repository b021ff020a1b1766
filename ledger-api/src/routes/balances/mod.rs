//! Balances: what a school has, what a department has of that, and what a member can use.

pub mod department;

use axum::extract::State;
use ledger_core::school::MemberStatus;
use ledger_core::{MemberId, Refusal, Timestamp};
use ledger_projections::balance::closed::{self, KnownPeriod};
use ledger_projections::balance::of_state;
use ledger_projections::balance::read::{MemberBalance, SchoolBalance};
use ledger_projections::{ProjectionName, TenantRead, balance};
use utoipa::ToSchema;

use crate::auth::{Allowed, AllowedMember};
use crate::http::{MemberPath, Now, Query, SchoolPath, query};
use crate::openapi::{problems, schema};
use crate::problem::Problem;
use crate::reads::{AsOf, begin_balance_read, no_period_of, require_known};
use crate::state::AppState;
use crate::values::{Day, Instant, PeriodAnswer, Position, words};
use ledger_auth::{ReadBalance, ReadMemberBalance};

/// What a school has, has given and has used in its period.
#[derive(Debug, ToSchema)]
#[schema(as = SchoolBalance)]
#[allow(
    dead_code,
    reason = "it describes what balance::read::SchoolBalance is written as"
)]
pub struct SchoolBalanceDocument {
    /// The event up to which the numbers count.
    #[schema(value_type = schema::Seq)]
    seq: i64,
    /// The billing cycle.
    period: PeriodAnswer,
    /// A row per service, in the order of their names.
    services: Vec<PoolDocument>,
}

/// What a school has of a service.
#[derive(Debug, ToSchema)]
#[schema(as = PoolBalance)]
#[allow(
    dead_code,
    reason = "it describes what balance::read::PoolBalance is written as"
)]
pub struct PoolDocument {
    /// Of which service.
    #[schema(value_type = schema::ServiceId)]
    service: String,
    /// Bought.
    #[schema(value_type = schema::Quota)]
    total: i64,
    /// Allocated to departments, and to members in none.
    #[schema(value_type = schema::Quota)]
    allocated: i64,
    /// Neither allocated nor drawn straight on the pool.
    #[schema(value_type = schema::Quota)]
    unallocated: i64,
    /// Used by all.
    #[schema(value_type = schema::Units)]
    used: i64,
    /// Held by all for calls in flight.
    #[schema(value_type = schema::Units)]
    held: i64,
    /// total − used − held.
    #[schema(value_type = schema::Quota)]
    available: i64,
}

/// What a member can use.
#[derive(Debug, ToSchema)]
#[schema(as = MemberBalance)]
#[allow(
    dead_code,
    reason = "it describes what balance::read::MemberBalance is written as"
)]
pub struct MemberBalanceDocument {
    /// The event up to which the numbers count.
    #[schema(value_type = schema::Seq)]
    seq: i64,
    /// The billing cycle.
    period: PeriodAnswer,
    /// Whether he may use it.
    #[schema(value_type = words::Standing)]
    status: String,
    /// A row per service, in the order of their names. Where members draw straight on the pool
    /// these are the pool's numbers.
    services: Vec<LineDocument>,
}

/// What a member can use of a service.
#[derive(Debug, ToSchema)]
#[schema(as = LineBalance)]
#[allow(
    dead_code,
    reason = "it describes what balance::read::LineBalance is written as"
)]
pub struct LineDocument {
    /// Of which service.
    #[schema(value_type = schema::ServiceId)]
    service: String,
    /// Allocated.
    #[schema(value_type = schema::Quota)]
    allocated: i64,
    /// Used.
    #[schema(value_type = schema::Units)]
    used: i64,
    /// Held for calls in flight.
    #[schema(value_type = schema::Units)]
    held: i64,
    /// allocated − used − held, never below zero.
    #[schema(value_type = schema::Quota)]
    available: i64,
    /// What his next call draws on: his own allocation, his department's or the pool. Where it is
    /// not his own these are the numbers of what is left there to all who draw on it.
    #[schema(value_type = words::Level)]
    level: String,
    /// How the member ranks when units are short.
    #[schema(value_type = words::Priority)]
    priority: String,
    /// Whether it is granted again in the next period.
    auto_renew: bool,
}

query! {
    /// How a balance is read.
    BalanceQuery {
        /// The balance of the billing period that this day of the school's time zone lies in; that
        /// of now when not given. What was held as the period closed settles into it later.
        period: Day,
        /// The balance as it was right after this event.
        as_of_seq: Position,
        /// The balance as it was at this instant.
        as_of: Instant,
    }
}

impl BalanceQuery {
    /// When in the past the balance is asked for, if it is.
    fn past(&self, now: Timestamp) -> Result<Option<AsOf>, Problem> {
        let past = AsOf::of(self.as_of_seq, self.as_of, now)?;
        if past.is_some() && self.period.is_some() {
            let said = "say period or as of when, not both";
            return Err(Problem::invalid(said).with("at", "period"));
        }
        Ok(past)
    }
}

problems!(SchoolBalanceProblems: PeriodNotFound);
problems!(MemberBalanceProblems: MemberNotFound, PeriodNotFound);

/// Reads what the school has, has given and has used in its period.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/balance",
    tag = "reads",
    params(SchoolPath, BalanceQuery),
    responses(
        (status = 200, description = "The balance.", body = SchoolBalanceDocument),
        SchoolBalanceProblems,
    ),
)]
pub async fn read_school_balance(
    allowed: Allowed<ReadBalance>,
    State(state): State<AppState>,
    Now(now): Now,
    Query(query): Query<BalanceQuery>,
) -> Result<axum::Json<SchoolBalance>, Problem> {
    if let Some(past) = query.past(now)? {
        let (then, seq) = past.load(&state.database, allowed.school).await?;
        let balance = of_state::school(&then, seq);
        return Ok(axum::Json(balance.ok_or(Refusal::SchoolNotFound)?));
    }
    let (caller, viewer) = (&allowed.credential, allowed.viewer());
    let mut read = begin_balance_read(&state, caller, viewer, query.min_seq, now).await?;
    let balance = match period(&mut read, query.period).await? {
        KnownPeriod::Current => balance::read::school(&mut read, now).await?,
        KnownPeriod::Closed(period) => closed::school(&mut read, period, now).await?,
    };
    read.finish().await?;
    Ok(axum::Json(balance.ok_or(Refusal::SchoolNotFound)?))
}

/// Reads what a member can use; a teacher reads his own only.
#[utoipa::path(
    get,
    path = "/v1/schools/{school}/members/{member}/balance",
    tag = "reads",
    params(MemberPath, BalanceQuery),
    responses(
        (status = 200, description = "The balance.", body = MemberBalanceDocument),
        MemberBalanceProblems,
    ),
)]
pub async fn read_member_balance(
    allowed: AllowedMember<ReadMemberBalance>,
    State(state): State<AppState>,
    Now(now): Now,
    Query(query): Query<BalanceQuery>,
) -> Result<axum::Json<MemberBalance>, Problem> {
    if let Some(past) = query.past(now)? {
        let (then, seq) = past.load(&state.database, allowed.school).await?;
        return present(of_state::member(&then, allowed.member, seq), allowed.member);
    }
    let (caller, viewer) = (&allowed.credential, allowed.viewer);
    let mut read = begin_balance_read(&state, caller, viewer, query.min_seq, now).await?;
    let (member, period) = (allowed.member, period(&mut read, query.period).await?);
    let balance = match period {
        KnownPeriod::Current => balance::read::member(&mut read, member, now).await?,
        KnownPeriod::Closed(period) => closed::member(&mut read, member, period, now).await?,
    };
    read.finish().await?;
    present(balance, allowed.member)
}

/// The balance of somebody who is there; one who left has none.
fn present(
    balance: Option<MemberBalance>,
    member: MemberId,
) -> Result<axum::Json<MemberBalance>, Problem> {
    let present = balance.filter(|balance| balance.status != MemberStatus::Removed);
    let member_id = Some(member);
    Ok(axum::Json(
        present.ok_or(Refusal::MemberNotFound { member_id })?,
    ))
}

/// The period that is asked for.
async fn period(read: &mut TenantRead, day: Option<Day>) -> Result<KnownPeriod, Problem> {
    let Some(day) = day else {
        return Ok(KnownPeriod::Current);
    };
    let seq = read.seq_of(ProjectionName::Balance).await?;
    require_known(read, seq).await?;
    let period = closed::find(read, day.0).await?;
    period.ok_or_else(|| no_period_of(day))
}
