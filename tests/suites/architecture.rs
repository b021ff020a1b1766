//! The dependencies between the workspace's crates.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// The workspace crates that each crate may depend on, dev-dependencies left out.
const ARROWS: [(&str, &[&str]); 10] = [
    ("private-postgres", &[]),
    ("ledger-core", &[]),
    ("ledger-store", &["ledger-core"]),
    ("ledger-projections", &["ledger-core", "ledger-store"]),
    ("ledger-auth", &["ledger-core"]),
    (
        "ledger-api",
        &[
            "ledger-core",
            "ledger-store",
            "ledger-projections",
            "ledger-auth",
        ],
    ),
    (
        "ledger-cli",
        &[
            "ledger-core",
            "ledger-store",
            "ledger-projections",
            "ledger-auth",
            "ledger-api",
            "private-postgres",
        ],
    ),
    ("ledger-bench", &["private-postgres"]),
    (
        "ledger-test-postgres",
        &["ledger-store", "private-postgres"],
    ),
    (
        "ledger-tests",
        &[
            "ledger-core",
            "ledger-store",
            "ledger-projections",
            "ledger-auth",
            "ledger-api",
            "ledger-test-postgres",
        ],
    ),
];

/// Crates that a crate must not depend on.
const FORBIDDEN: [(&str, &[&str]); 4] = [
    ("ledger-core", &["tokio", "sqlx", "axum", "rand"]),
    ("ledger-store", &["axum"]),
    ("ledger-projections", &["axum"]),
    ("ledger-auth", &["axum", "http", "hyper-util", "tower"]),
];

/// Each workspace crate with the names of its dependencies, dev-dependencies left out.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
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
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            let normal = dependencies.iter().filter(|d| d["kind"].is_null());
            (
                text(&package["name"]),
                normal.map(|d| text(&d["name"])).collect(),
            )
        })
        .collect()
}

#[test]
fn crates_depend_on_each_other_in_one_direction() {
    let dependencies = dependencies();
    let members: BTreeSet<&str> = dependencies.keys().map(String::as_str).collect();
    let listed: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(members, listed, "ARROWS lists every workspace crate");
    for (name, allowed) in ARROWS {
        let ours = dependencies[name].iter().map(String::as_str);
        let ours: BTreeSet<&str> = ours.filter(|name| members.contains(name)).collect();
        let allowed = allowed.iter().copied().collect();
        assert!(ours.is_subset(&allowed), "{name} depends on {ours:?}");
    }
}

#[test]
fn lower_crates_depend_on_no_http_framework() {
    let dependencies = dependencies();
    for (name, forbidden) in FORBIDDEN {
        for other in forbidden {
            assert!(
                !dependencies[name].contains(*other),
                "{name} depends on {other}"
            );
        }
    }
}
