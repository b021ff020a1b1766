//! Settings that cannot be used.

use std::path::PathBuf;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is not there, cannot be read or is not TOML.
    #[error("cannot read the settings in {file}")]
    File {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: config::ConfigError,
    },
    /// Names that are no settings.
    #[error("unknown settings: {}", .unknown.join(", "))]
    Unknown {
        /// Which, and where.
        unknown: Vec<String>,
    },
    /// A value of the wrong kind.
    #[error("a setting cannot be used")]
    Value(#[source] config::ConfigError),
    /// A value outside of what makes sense.
    #[error("the setting {name} {rule}")]
    Range {
        /// Which.
        name: &'static str,
        /// What it must be.
        rule: &'static str,
    },
}
