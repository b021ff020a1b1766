//! Spans of time as people write them: `90s`, `15m`, `1h`, `30d`.

use std::str::FromStr;

/// A span of time, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// How long.
    pub seconds: u32,
}

/// The text is no span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotASpan;

impl std::fmt::Display for NotASpan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("write a number and s, m, h or d, as in 90s, 15m, 1h or 30d")
    }
}

impl std::error::Error for NotASpan {}

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = match &text[digits.len()..] {
            "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            "d" => 24 * 60 * 60,
            _ => return Err(NotASpan),
        };
        if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(NotASpan);
        }
        let number: u32 = digits.parse().map_err(|_| NotASpan)?;
        let seconds = number.checked_mul(unit).ok_or(NotASpan)?;
        Ok(Self { seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("1h", 3_600), ("30d", 2_592_000)] {
            assert_eq!(text.parse(), Ok(Span { seconds }));
        }
        for odd in [
            "",
            "1",
            "h",
            "1 h",
            "-1h",
            "+1h",
            "1.5h",
            "1w",
            "1hh",
            "99999999999s",
            "9999999d",
            "é",
        ] {
            assert_eq!(odd.parse::<Span>(), Err(NotASpan), "{odd}");
        }
    }
}
