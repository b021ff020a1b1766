//! Files and comments.

use super::tree::{assert_none, sources};

const FILE_LINES_MAX: usize = 400;
const TEST_FILE_LINES_MAX: usize = 600;

#[test]
fn files_are_short() {
    let mut long = Vec::new();
    for source in sources(&["rs"]) {
        let lines = source.text.lines().count();
        let max = if source.is_test() {
            TEST_FILE_LINES_MAX
        } else {
            FILE_LINES_MAX
        };
        if lines > max {
            long.push(format!("{}: {lines} of at most {max}", source.path));
        }
    }
    assert_none("files that are too long", &long);
}

/// `make test` runs no doc tests, so none may exist.
#[test]
fn code_blocks_in_comments_are_text() {
    let mut found = Vec::new();
    for source in sources(&["rs"]) {
        let mut is_open = false;
        for (number, line) in source.text.lines().enumerate() {
            let line = line.trim_start();
            let comment = line.strip_prefix("///").or(line.strip_prefix("//!"));
            let Some(language) = comment.and_then(|text| text.trim().strip_prefix("```")) else {
                continue;
            };
            if !is_open && matches!(language, "" | "rust" | "no_run" | "should_panic") {
                found.push(format!("{}:{}", source.path, number + 1));
            }
            is_open = !is_open;
        }
    }
    assert_none("code blocks without a language such as `text`", &found);
}
