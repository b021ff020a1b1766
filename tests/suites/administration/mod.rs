//! Administrative commands: schools, members, allocations, plans and API keys. A command answers as
//! the contract says and takes effect once, entirely or not at all.

mod allocations;
mod api_keys;
mod downgrade;
mod members;
mod plans;
mod schools;

use uuid::Uuid;

use crate::fixture::Fixture;

/// A school of 1,000 Claude messages with two members who hold 100 each.
async fn start() -> Fixture {
    Fixture::start(1_000, 2, 100).await
}

/// The two members.
fn both_members(fixture: &Fixture) -> [Uuid; 2] {
    fixture.school.members.clone().try_into().unwrap()
}
