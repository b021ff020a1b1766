//! What the server weighs with many schools loaded.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use uuid::Uuid;

use super::installation::{Call, Installation};
use super::load::{Load, Pace};
use super::report::Loaded;

const MEMBERS: usize = 100;
const CONNECTIONS: usize = 32;

/// Registers the schools and enrols their teachers, who each are granted all three services; the
/// writer then has every school's state in memory.
pub async fn load(installation: &Installation, schools: usize) -> anyhow::Result<Loaded> {
    let before_kib = installation.resident_kib().context("the server's memory")?;
    let ids: Arc<Vec<Uuid>> = Arc::new((0..schools).map(|_| Uuid::now_v7()).collect());
    let register = installation.call("POST", "/v1/schools", &installation.admin);
    let calls: Vec<Vec<u8>> = ids
        .iter()
        .map(|id| {
            register.with(&format!(
                r#"{{"school_id":"{id}","name":"bench","org_type":"k12","tier":"enterprise","time_zone":"UTC","totals":{{"claude_messages":100000,"content_generation":100000,"assessment_ai":100000}}}}"#
            ))
        })
        .collect();
    drive(installation, calls)?;
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
    drive(installation, calls.collect())?;
    installation.caught_up().await?;
    let after_kib = installation.resident_kib().context("the server's memory")?;
    Ok(Loaded {
        schools,
        before_kib,
        after_kib,
    })
}

/// Makes every call once.
fn drive(installation: &Installation, calls: Vec<Vec<u8>>) -> anyhow::Result<()> {
    let expected = calls.len() as u64;
    let next = move |connection: usize, n: u64| {
        let index = usize::try_from(n)
            .ok()?
            .checked_mul(CONNECTIONS)?
            .checked_add(connection)?;
        calls.get(index).cloned()
    };
    let limit = Duration::from_secs(600);
    let round = Load::new(installation.address, next).run(CONNECTIONS, Pace::Closed, limit)?;
    anyhow::ensure!(
        round.done == expected,
        "{} of {expected} calls were done",
        round.done
    );
    Ok(())
}
