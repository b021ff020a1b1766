//! Documents and the code that they describe, and the shape of the route folders.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use ledger_api::problem::Code;
use ledger_tests::server::executable;

use super::tree::{assert_none, root, sources};

/// The files of a route folder.
const ROUTE_FILES: [&str; 4] = ["mod.rs", "bodies.rs", "answers.rs", "read.rs"];

/// Other files of route folders, each with its reason.
const OTHER_ROUTE_FILES: [(&str, &str); 2] = [
    (
        "debits/call.rs",
        "the facts of a call, in the bodies of debits, holds and reports",
    ),
    ("reports/event.rs", "the parser of CloudEvents"),
];

#[test]
fn route_folders_have_one_shape() {
    let mut others = Vec::new();
    for source in sources(&["rs"]) {
        let Some(path) = source.path.strip_prefix("ledger-api/src/routes/") else {
            continue;
        };
        let is_listed = OTHER_ROUTE_FILES.iter().any(|(other, _)| *other == path);
        if let Some((_, file)) = path.split_once('/')
            && !ROUTE_FILES.contains(&file)
            && !is_listed
        {
            others.push(path.to_owned());
        }
    }
    assert_none(
        "files in route folders beside mod, bodies, answers, read",
        &others,
    );
}

#[test]
fn titles_of_problems_are_unique() {
    let mut codes = BTreeMap::<&str, Vec<&str>>::new();
    for code in Code::ALL {
        codes.entry(code.title()).or_default().push(code.as_str());
    }
    let shared: Vec<String> = codes
        .into_iter()
        .filter(|(_, codes)| codes.len() > 1)
        .map(|(title, codes)| format!("{title}: {}", codes.join(", ")))
        .collect();
    assert_none("titles of several problems", &shared);
}

#[test]
fn operations_md_lists_every_setting_with_its_default() {
    let documented = documented_settings();
    let output = Command::new(executable())
        .args(["serve", "--print-config"])
        .env_clear()
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let effective: BTreeMap<&str, String> = printed.lines().filter_map(effective_setting).collect();
    let names = documented.keys().map(String::as_str);
    let names: BTreeSet<&str> = names.chain(effective.keys().copied()).collect();
    let mut different = Vec::new();
    for name in names {
        let (document, code) = (documented.get(name), effective.get(name));
        if document != code {
            different.push(format!("{name}: document {document:?}, code {code:?}"));
        }
    }
    assert_none("defaults that differ from the code", &different);
}

/// Name and default of each row of the settings' table; `—` is no default.
fn documented_settings() -> BTreeMap<String, String> {
    let document = fs::read_to_string(root().join("docs/OPERATIONS.md")).unwrap();
    let (_, table) = document
        .split_once("| setting | default | meaning |\n")
        .unwrap();
    let rows = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let cell = |index: usize| cells[index].trim_matches('`').to_owned();
        (cell(1), cell(2))
    })
    .collect()
}

/// Name and value of a line of `ledger serve --print-config`.
fn effective_setting(line: &str) -> Option<(&str, String)> {
    if let Some(name) = line.strip_prefix("# ") {
        return Some((name.strip_suffix(" is not set")?, "—".to_owned()));
    }
    let (name, value) = line.split_once(" = ")?;
    Some((name, value.trim_matches('"').to_owned()))
}
