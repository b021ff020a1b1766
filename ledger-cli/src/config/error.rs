//! Settings that cannot be used.

use std::path::PathBuf;

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is missing, unreadable or not TOML.
    #[error("cannot read the settings in {file}")]
    File {
        file: PathBuf,
        #[source]
        source: config::ConfigError,
    },
    /// Names that are not settings.
    #[error("unknown settings: {}", .unknown.join(", "))]
    Unknown { unknown: Vec<String> },
    /// A value of the wrong type.
    #[error("invalid setting")]
    Value(#[source] config::ConfigError),
    /// A value out of range.
    #[error("the setting {name} {rule}")]
    Range {
        name: &'static str,
        /// The rule that it breaks, a verb phrase.
        rule: &'static str,
    },
}
