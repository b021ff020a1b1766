//! Cells of text that a spreadsheet would take for formulas (OWASP, "CSV Injection").
//!
//! A spreadsheet evaluates a cell that begins with one of [`FORMULA`], quoted in the file or not: a
//! member's name could run something on the principal's machine. Such a cell is written with a `'`
//! before it, which makes it text, and read without. So that every text comes back as it was, one
//! that looks as if it had been guarded already gets one more `'`.

use std::borrow::Cow;

/// What a formula begins with.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// What makes a formula text.
const GUARD: char = '\'';

/// The text as it is written.
pub(super) fn guard(text: &str) -> Cow<'_, str> {
    if is_formula_when_unguarded(text) {
        Cow::Owned(format!("{GUARD}{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text as it was before it was written.
pub(super) fn unguard(cell: &str) -> &str {
    match cell.strip_prefix(GUARD) {
        Some(text) if is_formula_when_unguarded(text) => text,
        Some(_) | None => cell,
    }
}

/// Whether it is a formula once all guards before it are gone.
fn is_formula_when_unguarded(text: &str) -> bool {
    text.trim_start_matches(GUARD).starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_formula_is_written_as_text_and_comes_back() {
        for (text, cell) in [
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("+27 82 123", "'+27 82 123"),
            ("-1", "'-1"),
            ("@sum", "'@sum"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("'=1", "''=1"),
            ("'s-Gravenhage", "'s-Gravenhage"),
            ("'", "'"),
            ("", ""),
            ("a=b", "a=b"),
        ] {
            assert_eq!(guard(text), cell);
            assert_eq!(unguard(cell), text);
        }
    }

    #[test]
    fn who_writes_a_formula_by_hand_is_understood_too() {
        assert_eq!(unguard("+27 82 123"), "+27 82 123");
    }

    proptest! {
        #[test]
        fn every_text_comes_back_and_none_is_a_formula(text in "['=+@\t\r-]{0,4}.{0,8}") {
            let cell = guard(&text);
            prop_assert!(!cell.starts_with(FORMULA));
            prop_assert_eq!(unguard(&cell), text.as_str());
        }
    }
}
