//! Lines, files, words and attributes.

use super::tree::{assert_none, root, sources};

const COLUMNS_MAX: usize = 100;
const FILE_LINES_MAX: usize = 400;
const TEST_FILE_LINES_MAX: usize = 600;

/// Names the retired words, so it contains them.
const STYLE: &str = "docs/STYLE.md";

#[test]
fn lines_fit_in_100_columns() {
    let mut long = Vec::new();
    for source in sources(&["rs", "sql"]) {
        for (number, line) in source.text.lines().enumerate() {
            if line.chars().count() > COLUMNS_MAX {
                long.push(format!("{}:{}", source.path, number + 1));
            }
        }
    }
    assert_none("lines of more than 100 columns", &long);
}

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

/// `expect` with a reason is permitted: it fails once the code is used.
#[test]
fn no_unused_code_is_allowed() {
    // Composed, because this file must not contain it.
    let lint = ["dead", "code"].join("_");
    let mut found = Vec::new();
    for source in sources(&["rs"]) {
        let text: String = source.text.split_whitespace().collect();
        if text.contains(&format!("allow({lint}")) {
            found.push(source.path);
        }
    }
    assert_none("files that allow unused code", &found);
}

#[test]
fn no_retired_word_is_used() {
    let style = std::fs::read_to_string(root().join(STYLE)).unwrap();
    let (_, section) = style.split_once("\n## Retired words\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let words: Vec<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("- `")?.strip_suffix('`'))
        .collect();
    assert!(!words.is_empty(), "{STYLE} lists the retired words");
    let mut found = Vec::new();
    for source in sources(&["rs", "sql", "md"]) {
        if source.path == STYLE {
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            let line = line.to_lowercase();
            for word in words.iter().filter(|word| has_word(&line, word)) {
                found.push(format!("{}:{}: {word}", source.path, number + 1));
            }
        }
    }
    assert_none("retired words", &found);
}

/// Returns whether `line` contains `word` between characters that are no letters or digits. An
/// underscore separates words too: names are made of words.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[test]
fn a_word_is_found_in_text_and_in_names() {
    assert!(has_word("an old hat", "old") && has_word("some_old_hats", "old"));
    assert!(!has_word("a bold hat", "old") && !has_word("older hats", "old"));
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
