//! Does every form of an event that was ever written still read? `golden/` holds one file for each
//! kind and version: once committed, a file is never edited, since the log holds its like for
//! ever. A new version of an event brings a new file and keeps the old one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ledger_core::Event;
use ledger_core::catalog::{Kind, UnreadableEvent};
use rstest::rstest;
use serde_json::{Value, json};

struct Golden {
    file: String,
    kind: String,
    version: i16,
    data: Value,
}

impl Golden {
    fn read(&self) -> Event {
        let read = Event::read(&self.kind, self.version, self.data.clone());
        read.unwrap_or_else(|error| panic!("{} does not read any more: {error:?}", self.file))
    }
}

fn golden_files() -> Vec<Golden> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = fs::read_dir(folder).expect("the golden files are there");
    let read = |path: &Path| {
        let text = fs::read_to_string(path).expect("a golden file is readable");
        let event: Value = serde_json::from_str(&text).expect("a golden file is JSON");
        let version = event["version"]
            .as_i64()
            .expect("a golden file has a version");
        Golden {
            file: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            kind: event["kind"].as_str().unwrap_or_default().to_owned(),
            version: version.try_into().expect("a version is a small number"),
            data: event["data"].clone(),
        }
    };
    entries
        .map(|entry| read(&entry.expect("a golden file is there").path()))
        .collect()
}

#[test]
fn every_form_ever_written_reads() {
    for golden in golden_files() {
        assert_eq!(
            golden.read().kind().as_str(),
            golden.kind,
            "{}",
            golden.file
        );
    }
}

#[test]
fn an_event_is_written_as_it_was_read() {
    let written_today = |golden: &Golden| {
        let kind = Kind::ALL.iter().find(|kind| kind.as_str() == golden.kind);
        kind.is_some_and(|kind| kind.version() == golden.version)
    };
    for golden in golden_files().into_iter().filter(written_today) {
        let data = golden.read().data().expect("an event is JSON");
        assert_eq!(data, golden.data, "{}", golden.file);
    }
}

#[test]
fn every_kind_has_a_file_for_every_version_since_the_first() {
    let files: BTreeSet<_> = golden_files()
        .into_iter()
        .map(|golden| {
            let name = format!("{}.v{}", golden.kind, golden.version);
            let named = golden.file.starts_with(&format!("{name}."));
            assert!(named, "{} is not named after its {name}", golden.file);
            name
        })
        .collect();
    let needed: BTreeSet<_> = Kind::ALL
        .iter()
        .flat_map(|kind| (1..=kind.version()).map(|v| format!("{}.v{v}", kind.as_str())))
        .collect();
    let missing: Vec<_> = needed.difference(&files).collect();
    assert!(missing.is_empty(), "without a golden file: {missing:?}");
    let unknown: Vec<_> = files.difference(&needed).collect();
    assert!(unknown.is_empty(), "of no kind: {unknown:?}");
}

#[test]
fn kinds_have_names_of_their_own() {
    let names: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(names.len(), Kind::ALL.len());
}

#[rstest]
#[case::of_a_newer_kind("school_painted", 1)]
#[case::of_a_newer_version("member_removed", 2)]
#[case::of_no_version("member_removed", 0)]
fn an_event_that_a_newer_ledger_wrote_is_named(#[case] kind: &str, #[case] version: i16) {
    let member = json!({"member_id": "00000000-0000-0000-0000-000000000ada"});
    let error = Event::read(kind, version, member);
    assert!(
        matches!(error, Err(UnreadableEvent::Unknown { .. })),
        "{error:?}"
    );
}

#[rstest]
#[case::missing(json!({}))]
#[case::of_another_form(json!({"member_id": 7}))]
#[case::with_more_than_we_know(
    json!({"member_id": "00000000-0000-0000-0000-000000000ada", "name": "Ada"})
)]
fn damaged_data_does_not_read(#[case] data: Value) {
    let error = Event::read("member_removed", 1, data);
    assert!(
        matches!(error, Err(UnreadableEvent::Form { .. })),
        "{error:?}"
    );
}

#[rstest]
fn a_quota_is_a_whole_number_or_the_word_unlimited(
    #[values(json!(-1), json!(1.5), json!("many"), json!(null), json!(1_u64 << 63))] quota: Value,
) {
    let golden = golden_files();
    let file = golden
        .iter()
        .find(|golden| golden.file == "units_allocated.v1.json");
    let mut data = file.expect("it is there").data.clone();
    data["after"] = quota;
    let error = Event::read("units_allocated", 1, data);
    assert!(
        matches!(error, Err(UnreadableEvent::Form { .. })),
        "{error:?}"
    );
}
