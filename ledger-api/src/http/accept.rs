//! `Accept` (RFC 9110 §12.5.1): content negotiation.

use axum::http::{HeaderMap, header};

use crate::problem::{Code, Problem};

/// The media type of `offered` that the caller prefers; of equally preferred ones the one that
/// matches most closely, then the first.
///
/// # Errors
/// [`Code::NotAcceptable`] when the caller accepts none of them.
pub fn preferred(headers: &HeaderMap, offered: &[&'static str]) -> Result<&'static str, Problem> {
    let ranges: Vec<&str> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .collect();
    let mut best: Option<(Preference, &'static str)> = None;
    for media_type in offered {
        let preference = preference(&ranges, media_type);
        if preference.quality > 0 && best.is_none_or(|(max, _)| preference > max) {
            best = Some((preference, media_type));
        }
    }
    best.map(|(_, media_type)| media_type).ok_or_else(|| {
        let formats = offered.join(" or ");
        Problem::new(Code::NotAcceptable, format!("the path returns {formats}"))
    })
}

/// The caller's preference of a media type: by its weight in thousandths, then by how closely the
/// range matches.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    quality: u16,
    closeness: u8,
}

/// The preference of the range that matches most closely.
fn preference(ranges: &[&str], media_type: &str) -> Preference {
    if ranges.is_empty() {
        return Preference {
            quality: 1_000,
            closeness: 0,
        };
    }
    let (kind, _) = media_type.split_once('/').unwrap_or_default();
    let matches = ranges.iter().filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let closeness = match parts.next()? {
            exact if exact.eq_ignore_ascii_case(media_type) => 2,
            "*/*" => 0,
            range
                if range
                    .strip_suffix("/*")
                    .is_some_and(|k| k.eq_ignore_ascii_case(kind)) =>
            {
                1
            }
            _ => return None,
        };
        let quality = parts
            .find_map(|part| part.strip_prefix("q="))
            .map_or(1_000, thousandths);
        Some(Preference { quality, closeness })
    });
    matches
        .max_by_key(|preference| preference.closeness)
        .unwrap_or_default()
}

/// A weight from 0 to 1 with at most three digits; an invalid one counts as 0.
fn thousandths(weight: &str) -> u16 {
    let (whole, rest) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = format!("{rest:0<3}");
    match (whole, digits.parse::<u16>()) {
        ("0", Ok(thousandths)) if digits.len() == 3 => thousandths,
        ("1", Ok(_)) => 1_000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn chosen(accept: &str) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        }
        preferred(&headers, &["application/json", "application/x-ndjson"]).ok()
    }

    #[test]
    fn the_preferred_format_is_chosen() {
        let (json, lines) = (Some("application/json"), Some("application/x-ndjson"));
        for (accept, expected) in [
            ("", json),
            ("*/*", json),
            ("application/*", json),
            ("application/json", json),
            ("Application/X-NDJSON", lines),
            ("application/x-ndjson, */*", lines),
            ("application/x-ndjson;q=0.5, application/json;q=0.25", lines),
            ("application/x-ndjson;q=0.5, */*;q=0.8", json),
            ("application/json;q=0, */*;q=0.1", lines),
            ("text/html", None),
            ("text/*, application/json;q=0", None),
            ("application/json;q=x", None),
        ] {
            assert_eq!(chosen(accept), expected, "{accept}");
        }
    }
}
