//! Does every problem have its page in docs/problems, and every page its problem?

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use ledger_api::problem::{Code, TYPE_BASE};
use serde_json::Value;

/// The list of all pages.
const INDEX: &str = "README.md";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/problems")
}

fn page(code: Code) -> String {
    let file = folder().join(format!("{}.md", code.as_str()));
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The block of JSON under "Example".
fn example(page: &str) -> Option<Value> {
    let (_, after) = page.split_once("\n## Example\n")?;
    let (_, json) = after.split_once("```json\n")?;
    serde_json::from_str(json.split_once("\n```")?.0).ok()
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let codes: BTreeSet<String> = Code::ALL
        .iter()
        .map(|code| format!("{}.md", code.as_str()))
        .collect();
    let pages: BTreeSet<String> = fs::read_dir(folder())
        .expect("the folder is readable")
        .map(|entry| entry.expect("the entry is readable").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name != INDEX)
        .collect();
    let without_page: Vec<_> = codes.difference(&pages).collect();
    let without_code: Vec<_> = pages.difference(&codes).collect();
    assert!(
        without_page.is_empty() && without_code.is_empty(),
        "codes without a page: {without_page:?}; pages without a code: {without_code:?}"
    );
}

#[test]
fn a_page_has_the_title_and_the_status_of_its_code() {
    for code in Code::ALL {
        let page = page(*code);
        for line in [
            format!("# {}", code.as_str()),
            format!("- Title: {}", code.title()),
            format!("- Status: {}", code.status()),
        ] {
            assert!(
                page.lines().any(|l| l == line),
                "{}: no line {line:?}",
                code.as_str()
            );
        }
    }
}

#[test]
fn a_page_shows_a_problem_of_its_code() {
    for code in Code::ALL {
        let example = example(&page(*code));
        let example = example.unwrap_or_else(|| panic!("{}: no example", code.as_str()));
        let expected = format!("{TYPE_BASE}{}", code.as_str());
        assert_eq!(example["type"], expected);
        assert_eq!(example["title"], code.title(), "{}", code.as_str());
        assert_eq!(example["status"], code.status().as_u16());
        assert!(example["detail"].is_string(), "{}", code.as_str());
    }
}

#[test]
fn the_list_has_every_page() {
    let index = fs::read_to_string(folder().join(INDEX)).expect("the list is readable");
    for code in Code::ALL {
        let (status, name) = (code.status().as_u16(), code.as_str());
        let row = format!("| {status} | [{name}]({name}.md) | {} |", code.title());
        assert!(index.lines().any(|line| line == row), "no row {row:?}");
    }
}
