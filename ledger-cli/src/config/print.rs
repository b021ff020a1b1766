//! Prints settings without secrets.

use std::fmt::Write as _;

use ledger_auth::REDACTED;
use serde_json::Value;

use super::settings::Settings;

impl Settings {
    /// The settings as a TOML file, one per line. Secrets and unset settings are comments.
    #[must_use]
    pub fn as_toml(&self) -> String {
        let mut text = String::new();
        for (name, value) in flatten(self) {
            // Writing to a String cannot fail.
            let _ = if value.is_null() {
                writeln!(text, "# {name} is not set")
            } else if value == REDACTED {
                writeln!(text, "# {name} {REDACTED}")
            } else {
                // Strings, numbers and booleans have the same syntax in JSON and TOML.
                writeln!(text, "{name} = {value}")
            };
        }
        text
    }
}

/// The full names and values of all settings, those outside of a table first.
pub(super) fn flatten(settings: &Settings) -> Vec<(String, Value)> {
    let (mut outside, mut inside) = (Vec::new(), Vec::new());
    let Ok(Value::Object(all)) = serde_json::to_value(settings) else {
        return outside;
    };
    for (name, value) in all {
        if let Value::Object(table) = value {
            let full = |(inner, value)| (format!("{name}.{inner}"), value);
            inside.extend(table.into_iter().map(full));
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
    fn the_output_is_a_settings_file_without_secrets() {
        let mut settings = Settings {
            listen: "0.0.0.0:81".to_owned(),
            ..Settings::default()
        };
        settings.jwt.hs256_secret = Some("hush-hush-hush".to_owned().into());
        let text = settings.as_toml();
        assert!(!text.contains("hush"), "{text}");
        assert!(!format!("{settings:?}").contains("hush"));
        let secret = "jwt.hs256_secret (set, not shown)";
        assert!(text.contains(&format!("# {secret}")), "{text}");
        assert!(text.contains("# database_url is not set"), "{text}");
        let read: Settings = toml::from_str(&text).unwrap();
        assert_eq!(read.listen, "0.0.0.0:81");
        let without_secret = text.replace(secret, "jwt.hs256_secret is not set");
        assert_eq!(read.as_toml(), without_secret);
    }
}
