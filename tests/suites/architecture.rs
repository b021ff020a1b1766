//! Do the arrows between the crates run one way?

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Which of the workspace's crates each may know.
const ARROWS: [(&str, &[&str]); 5] = [
    ("private-postgres", &[]),
    ("ledger-core", &[]),
    ("ledger-store", &["ledger-core"]),
    ("ledger-projections", &["ledger-core", "ledger-store"]),
    (
        "ledger-api",
        &["ledger-core", "ledger-store", "ledger-projections"],
    ),
];

#[test]
fn core_knows_nobody_store_knows_core_projections_know_store_and_the_api_knows_all() {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let known: BTreeMap<&str, BTreeSet<&str>> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            let ours = dependencies.iter().filter_map(|d| d["name"].as_str());
            let ours = ours.filter(|name| name.starts_with("ledger-")).collect();
            (package["name"].as_str().unwrap(), ours)
        })
        .collect();
    assert_eq!(
        known.len(),
        ARROWS.len() + 1,
        "a crate that the house does not know: {known:?}"
    );
    for (name, may_know) in ARROWS {
        let may_know: BTreeSet<&str> = may_know.iter().copied().collect();
        assert!(
            known[name].is_subset(&may_know),
            "{name} knows {:?}",
            known[name]
        );
    }
}
