//! Cells that a spreadsheet would evaluate as formulas (OWASP, "CSV Injection").
//!
//! A spreadsheet evaluates a cell that begins with one of [`FORMULA`], quoted or not: the name of a
//! member could run a program on the principal's machine. An export prefixes the cell with `'`,
//! which makes it text, and an import removes the prefix. A text that looks guarded already gets
//! another `'`, so that every text survives the round trip.

use std::borrow::Cow;

/// The first characters of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The prefix that makes a formula text.
const GUARD: char = '\'';

/// Guards a text for an export.
pub(super) fn guard(text: &str) -> Cow<'_, str> {
    if is_formula_when_unguarded(text) {
        Cow::Owned(format!("{GUARD}{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Undoes [`guard`].
pub(super) fn unguard(cell: &str) -> &str {
    match cell.strip_prefix(GUARD) {
        Some(text) if is_formula_when_unguarded(text) => text,
        Some(_) | None => cell,
    }
}

/// Whether the text is a formula without its guards.
fn is_formula_when_unguarded(text: &str) -> bool {
    text.trim_start_matches(GUARD).starts_with(FORMULA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_formula_is_guarded_and_restored() {
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
    fn an_unguarded_formula_is_accepted() {
        assert_eq!(unguard("+27 82 123"), "+27 82 123");
    }

    proptest! {
        #[test]
        fn every_text_is_restored_and_none_is_a_formula(text in "['=+@\t\r-]{0,4}.{0,8}") {
            let cell = guard(&text);
            prop_assert!(!cell.starts_with(FORMULA));
            prop_assert_eq!(unguard(&cell), text.as_str());
        }
    }
}
