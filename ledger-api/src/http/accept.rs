//! `Accept` (RFC 9110 §12.5.1): which of the formats that can be sent the caller would rather have.

use axum::http::{HeaderMap, header};

use crate::problem::{Code, Problem};

/// The one of the `offered` media types that the caller would rather have; of those that he likes
/// as much the one that he names, then the first.
///
/// # Errors
/// [`Code::NotAcceptable`] when he will have none of them.
pub fn preferred(headers: &HeaderMap, offered: &[&'static str]) -> Result<&'static str, Problem> {
    let said: Vec<&str> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .collect();
    let mut best: Option<(Liking, &'static str)> = None;
    for media_type in offered {
        let liking = liking(&said, media_type);
        if liking.quality > 0 && best.is_none_or(|(most, _)| liking > most) {
            best = Some((liking, media_type));
        }
    }
    best.map(|(_, media_type)| media_type).ok_or_else(|| {
        let formats = offered.join(" or ");
        Problem::new(Code::NotAcceptable, format!("the path returns {formats}"))
    })
}

/// How much a caller likes a media type: in thousandths, then by how closely he names it.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Liking {
    quality: u16,
    closeness: u8,
}

/// What the closest of the ranges says.
fn liking(said: &[&str], media_type: &str) -> Liking {
    if said.is_empty() {
        return Liking {
            quality: 1_000,
            closeness: 0,
        };
    }
    let (kind, _) = media_type.split_once('/').unwrap_or_default();
    let matches = said.iter().filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let closeness = match parts.next()? {
            named if named.eq_ignore_ascii_case(media_type) => 2,
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
        Some(Liking { quality, closeness })
    });
    matches
        .max_by_key(|liking| liking.closeness)
        .unwrap_or_default()
}

/// A weight from 0 to 1 with three digits at most; one that is none counts as 0.
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
    fn the_caller_gets_what_he_likes_best() {
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
