//! Shows settings without what is secret.

use std::fmt::Write as _;

use ledger_auth::settings::SECRET_MARK;
use serde_json::Value;

use super::Settings;

impl Settings {
    /// The settings as a TOML file would set them, a line each; what is not set, or secret, is a
    /// comment.
    #[must_use]
    pub fn shown(&self) -> String {
        let mut text = String::new();
        for (name, value) in flattened(self) {
            // Writing to a String cannot fail.
            let _ = if value.is_null() {
                writeln!(text, "# {name} is not set")
            } else if value == SECRET_MARK {
                writeln!(text, "# {name} {SECRET_MARK}")
            } else {
                // Strings, numbers and booleans look alike in JSON and TOML.
                writeln!(text, "{name} = {value}")
            };
        }
        text
    }
}

/// The full names of all settings.
pub(super) fn names() -> Vec<String> {
    flattened(&Settings::default())
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

/// Every setting and its value, those outside of a table first.
fn flattened(settings: &Settings) -> Vec<(String, Value)> {
    let (mut outside, mut inside) = (Vec::new(), Vec::new());
    let Ok(Value::Object(all)) = serde_json::to_value(settings) else {
        return outside;
    };
    for (name, value) in all {
        if let Value::Object(table) = value {
            let named = |(inner, value)| (format!("{name}.{inner}"), value);
            inside.extend(table.into_iter().map(named));
        } else {
            outside.push((name, value));
        }
    }
    outside.extend(inside);
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_a_settings_file_without_its_secrets() {
        let mut settings = Settings {
            listen: "0.0.0.0:81".to_owned(),
            ..Settings::default()
        };
        settings.jwt.hs256_secret = Some("hush-hush-hush".to_owned().into());
        let text = settings.shown();
        assert!(!text.contains("hush"), "{text}");
        assert!(!format!("{settings:?}").contains("hush"));
        assert!(
            text.contains("# jwt.hs256_secret (set, not shown)"),
            "{text}"
        );
        assert!(text.contains("# database_url is not set"), "{text}");
        let read: Settings = toml::from_str(&text).unwrap();
        assert_eq!(read.listen, "0.0.0.0:81");
        assert_eq!(
            read.shown(),
            text.replace(
                "jwt.hs256_secret (set, not shown)",
                "jwt.hs256_secret is not set"
            )
        );
    }
}
