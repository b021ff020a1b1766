//! Schools: registration, reads, subscription, settings.

mod answers;
mod bodies;
pub mod read;

use crate::routes::prelude::*;
use answers::{ChangedSettingsAnswer, RegisteredAnswer, SubscriptionAnswer};
use bodies::{RegisterBody, SettingsBody, SubscriptionBody};
use ledger_auth::permission::{Administer, RegisterSchool, Subscribe};

problems!(RegisterProblems: SchoolExists, UnknownService);
problems!(
    SubscriptionProblems: PreconditionFailed, AllocationsOutstanding, UnknownService,
    TotalBelowUsage, TotalBelowAllocated,
);
problems!(SettingsProblems: PreconditionFailed, PlanRequired, UnknownService);

/// Registers a school.
///
/// Without a `school_id` the id is derived from the Idempotency-Key, so that a retry finds the
/// school.
#[utoipa::path(post, path = "/v1/schools", responses(RegisterProblems))]
pub async fn register_school(
    issuer: Issuer<AllowedOnPlatform<RegisterSchool>>,
    Json(body): Json<RegisterBody>,
) -> Result<Located<Created<RegisteredAnswer>>, Problem> {
    let (state, name) = (&issuer.state, body.name.0.clone());
    let (school, envelope) = body.into_envelope(&issuer.origin, &state.catalogue())?;
    let receipt = state.submit(school, envelope).await?;
    let answer = answers::registered(name, &receipt)?;
    let url = format!("/v1/schools/{}", answer.subject.school_id);
    Ok(Located(url, Created::new(&receipt, answer)))
}

/// Changes a school's subscription.
///
/// A total below the used and held units is refused. A total below the allocated units is refused
/// as well unless `reclaim` is `by_priority`: then `reclaimed` lists the reduced allocations. With
/// `dry_run` the answer is a preview and nothing is changed.
#[utoipa::path(
    put,
    path = "/v1/schools/{school}/subscription",
    responses(SubscriptionProblems)
)]
pub async fn set_subscription(
    issuer: Issuer<Allowed<Subscribe>>,
    if_match: IfMatch,
    Json(body): Json<SubscriptionBody>,
) -> Result<Versioned<Written<SubscriptionAnswer>>, Problem> {
    let dry_run = body.dry_run;
    let envelope = body.into_envelope(&issuer.origin, &issuer.state.catalogue())?;
    let receipt = issuer.submit(envelope.with_version(if_match.0)).await?;
    let answer = answers::subscription(dry_run, &receipt)?;
    let version = answer.outcome.version.0;
    Ok(Versioned(version, Written::new(&receipt, answer)))
}

/// Changes a school's settings. Members that are not given keep their values, and existing
/// allocations stay. A plan without allocation management refuses settings of allocations.
#[utoipa::path(
    patch,
    path = "/v1/schools/{school}/settings",
    responses(SettingsProblems)
)]
pub async fn change_settings(
    issuer: Issuer<Allowed<Administer>>,
    if_match: IfMatch,
    Json(body): Json<SettingsBody>,
) -> Result<Versioned<Written<ChangedSettingsAnswer>>, Problem> {
    let envelope = body.into_envelope(&issuer.origin, &issuer.state.catalogue())?;
    let receipt = issuer.submit(envelope.with_version(if_match.0)).await?;
    let answer = answers::changed_settings(&receipt)?;
    let version = answer.outcome.version.0;
    Ok(Versioned(version, Written::new(&receipt, answer)))
}
