//! The source files of the workspace.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that contain no source files.
const SKIPPED: [&str; 5] = [".git", ".venv", ".ledger", "target", "node_modules"];

pub struct Source {
    /// Relative to the workspace's root, with `/`.
    pub path: String,
    pub text: String,
}

impl Source {
    /// Returns whether the file contains only tests and their helpers.
    pub fn is_test(&self) -> bool {
        let in_folder = |part: &str| matches!(part, "tests" | "fixtures");
        self.path.split('/').any(in_folder) || self.path.ends_with("/tests.rs")
    }
}

pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().to_path_buf()
}

/// Returns the files whose names end in one of `extensions`, sorted by path.
pub fn sources(extensions: &[&str]) -> Vec<Source> {
    let root = root();
    let mut paths = Vec::new();
    collect(&root, extensions, &mut paths);
    paths.sort();
    let read = |path: PathBuf| Source {
        text: fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(&root).unwrap().display().to_string(),
    };
    paths.into_iter().map(read).collect()
}

fn collect(folder: &Path, extensions: &[&str], paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (name, path) = (entry.file_name(), entry.path());
        if entry.file_type().unwrap().is_dir() {
            if !SKIPPED.iter().any(|skipped| name == *skipped) {
                collect(&path, extensions, paths);
            }
        } else if path
            .extension()
            .is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted))
        {
            paths.push(path);
        }
    }
}

/// Fails with the list of `violations` if there is one.
pub fn assert_none(rule: &str, violations: &[String]) {
    let count = violations.len();
    assert!(
        violations.is_empty(),
        "{rule}: {count}\n{}",
        violations.join("\n")
    );
}
