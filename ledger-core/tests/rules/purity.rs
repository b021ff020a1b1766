//! Is the core pure? Its manifest has no input, output, waiting, randomness or clock,
//! and its sources name nothing of the kind.

use std::fs;
use std::path::{Path, PathBuf};

/// Everything that the core may stand on: data, its forms, and arithmetic.
const ALLOWED: &[&str] = &[
    "chrono",
    "chrono-tz",
    "compact_str",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "toml",
    "uuid",
];

/// What no line of the core may hold, and why not.
const FORBIDDEN: &[(&str, &str)] = &[
    ("Utc::now", "time is an argument"),
    ("Local::now", "time is an argument"),
    ("SystemTime", "time is an argument"),
    ("Instant", "time is an argument"),
    ("new_v4", "ids are arguments"),
    ("now_v6", "ids are arguments"),
    ("now_v7", "ids are arguments"),
    ("rand", "randomness is an argument"),
    ("getrandom", "randomness is an argument"),
    ("RandomState", "randomness is an argument"),
    ("HashMap", "its order is random, and folds must not differ"),
    ("HashSet", "its order is random, and folds must not differ"),
    ("std::env", "configuration is an argument"),
    ("std::fs", "the core does no input or output"),
    ("std::io", "the core does no input or output"),
    ("std::net", "the core does no input or output"),
    ("std::process", "the core does no input or output"),
    ("std::thread", "the core runs on its caller's thread"),
    ("thread_local", "the core keeps nothing between calls"),
    ("static", "the core keeps nothing between calls"),
    ("async", "the core never waits"),
    ("await", "the core never waits"),
    ("println", "the core does no input or output"),
    ("eprintln", "the core does no input or output"),
    ("f32", "amounts are whole numbers"),
    ("f64", "amounts are whole numbers"),
    ("unsafe", "nothing here needs it"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn manifest(path: &Path) -> toml::Table {
    let text = fs::read_to_string(path).expect("the manifest is readable");
    toml::from_str(&text).expect("the manifest is TOML")
}

/// Every source below `folder`, in some order.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is readable");
    entries
        .map(|entry| entry.expect("the entry is readable").path())
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// Whether `code` holds `name` as a word of its own: `rand` is not in `operand`.
fn names(code: &str, name: &str) -> bool {
    let part_of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + name.len()..].chars().next();
        let lifetime = before == Some('\'');
        !lifetime && !before.is_some_and(part_of_a_word) && !after.is_some_and(part_of_a_word)
    })
}

#[test]
fn the_core_depends_on_nothing_that_acts() {
    let manifest = manifest(&root().join("Cargo.toml"));
    let dependencies = manifest["dependencies"].as_table().expect("it is a table");
    let others: Vec<_> = dependencies
        .keys()
        .filter(|name| !ALLOWED.contains(&name.as_str()))
        .collect();
    assert!(
        others.is_empty(),
        "not on the list of what the core may stand on: {others:?}"
    );
    for elsewhere in ["target", "build-dependencies", "features"] {
        assert!(!manifest.contains_key(elsewhere), "[{elsewhere}] hides one");
    }
    assert!(!root().join("build.rs").exists(), "a build script acts");
}

/// The features that the workspace asks of `name`.
fn workspace_features(workspace: &toml::Table, name: &str) -> Vec<String> {
    let dependency = &workspace["workspace"]["dependencies"][name];
    let features = dependency["features"].as_array().expect("it is a list");
    let names = features.iter().filter_map(toml::Value::as_str);
    names.map(str::to_owned).collect()
}

#[test]
fn chrono_has_no_clock() {
    let workspace = manifest(&root().join("../Cargo.toml"));
    let chrono = &workspace["workspace"]["dependencies"]["chrono"];
    assert_eq!(chrono["default-features"].as_bool(), Some(false));
    let with_a_clock = ["clock", "now", "wasmbind"];
    let features = workspace_features(&workspace, "chrono");
    assert!(
        features
            .iter()
            .all(|feature| !with_a_clock.contains(&feature.as_str()))
    );
}

#[test]
fn uuid_has_no_clock_and_no_randomness() {
    let workspace = manifest(&root().join("../Cargo.toml"));
    assert_eq!(workspace_features(&workspace, "uuid"), ["serde", "v5"]);
}

#[test]
fn the_core_adds_no_feature_of_its_own() {
    let manifest = manifest(&root().join("Cargo.toml"));
    let dependencies = manifest["dependencies"].as_table().expect("it is a table");
    let with_more: Vec<_> = dependencies
        .iter()
        .filter(|(_, dependency)| dependency.get("features").is_some())
        .collect();
    assert!(with_more.is_empty(), "{with_more:?}");
}

#[test]
fn the_sources_name_no_clock_no_chance_and_no_outside() {
    let sources = sources(&root().join("src"));
    assert!(sources.len() > 20, "the sources were not found");
    let mut found = Vec::new();
    for path in sources {
        let text = fs::read_to_string(&path).expect("the source is readable");
        for (index, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for (name, why) in FORBIDDEN {
                if names(code, name) {
                    found.push(format!("{}:{}: {name}: {why}", path.display(), index + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_name_is_found_as_a_word_of_its_own() {
    assert!(names("let x = rand::random();", "rand"));
    assert!(names("chrono::Utc::now()", "Utc::now"));
    assert!(!names("operand", "rand"));
    assert!(!names("&'static str", "static"));
}
