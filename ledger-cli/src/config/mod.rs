//! Settings: defaults, a TOML file, the environment.
//!
//! Order of the files: `settings` ← `print` ← `load`.

mod error;
mod load;
mod print;
mod settings;

pub use settings::Settings;
