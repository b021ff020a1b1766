//! Memory of the server with many schools loaded.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use uuid::Uuid;

use crate::installation::{Call, Installation};
use crate::load::{Load, Pace};
use crate::report::Memory;

const MEMBERS: usize = 100;
const CONNECTIONS: usize = 32;

/// Registers schools and enrols their teachers, who get the default quota of three services. The
/// writer then has the state of every school in memory.
pub async fn measure(installation: &Installation, schools: usize) -> anyhow::Result<Memory> {
    let before_kib = installation.resident_kib().context("the server's memory")?;
    let ids: Arc<Vec<Uuid>> = Arc::new((0..schools).map(|_| Uuid::now_v7()).collect());
    let register = installation.call("POST", "/v1/schools", &installation.admin);
    let calls: Vec<Vec<u8>> = ids
        .iter()
        .map(|id| {
            let totals = json!({"claude_messages": 100_000, "content_generation": 100_000,
                "assessment_ai": 100_000});
            let school = json!({"school_id": id, "name": "bench", "org_type": "k12",
                "tier": "enterprise", "time_zone": "UTC", "totals": totals});
            register.with(&school.to_string())
        })
        .collect();
    send(installation, calls)?;
    let enrol: Vec<Call> = ids
        .iter()
        .map(|id| {
            installation.call(
                "POST",
                &format!("/v1/schools/{id}/members"),
                &installation.admin,
            )
        })
        .collect();
    let calls = (0..schools * MEMBERS).map(|n| enrol[n % schools].with(r#"{"role":"teacher"}"#));
    send(installation, calls.collect())?;
    installation.caught_up().await?;
    let after_kib = installation.resident_kib().context("the server's memory")?;
    Ok(Memory {
        schools,
        before_kib,
        after_kib,
    })
}

/// Sends every request once.
fn send(installation: &Installation, calls: Vec<Vec<u8>>) -> anyhow::Result<()> {
    let expected = calls.len() as u64;
    let next = move |connection: usize, n: u64| {
        let index = usize::try_from(n)
            .ok()?
            .checked_mul(CONNECTIONS)?
            .checked_add(connection)?;
        calls.get(index).cloned()
    };
    let limit = Duration::from_secs(600);
    let load = Load::new(installation.address, next).with(CONNECTIONS, Pace::Closed);
    let round = load.run(limit)?;
    anyhow::ensure!(
        round.done == expected,
        "{} of {expected} requests succeeded",
        round.done
    );
    Ok(())
}
