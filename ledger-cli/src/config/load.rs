//! Loads the settings: defaults, file, environment.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

use config::{Config, File, FileFormat, Map, Source as _, Value, ValueKind};

use super::error::SettingsError;
use super::print::flatten;
use super::settings::Settings;

/// Prefix of every setting's variable.
const PREFIX: &str = "LEDGER_";

/// Short forms of variables. The setting's own variable takes precedence.
const SHORT_FORMS: [(&str, &str); 2] = [
    ("DATABASE_URL", "database_url"),
    ("LEDGER_JWT_SECRET", "jwt.hs256_secret"),
];

/// Variables of the program that are not settings but arguments.
const ARGUMENTS: [&str; 2] = ["LEDGER_CONFIG", "LEDGER_DATA_DIR"];

impl Settings {
    /// Loads the settings from `file`, if any, and the process's environment.
    ///
    /// # Errors
    /// [`SettingsError`] names what cannot be used.
    pub fn load(file: Option<&Path>) -> Result<Self, SettingsError> {
        Self::from_sources(file, std::env::vars_os())
    }

    fn from_sources(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, SettingsError> {
        let names = names();
        let mut unknown = Vec::new();
        let mut builder = Config::builder();
        if let Some(path) = file {
            let source = File::from(path).format(FileFormat::Toml);
            let values = source.collect().map_err(|source| SettingsError::File {
                file: path.to_owned(),
                source,
            })?;
            let in_file = full_names("", &values);
            let not_settings = in_file.difference(&names);
            unknown.extend(not_settings.map(|name| format!("{name} in {}", path.display())));
            builder = builder.add_source(source);
        }
        let mut variables = read_environment(variables);
        let short_forms = SHORT_FORMS.map(|(variable, name)| (variable.to_owned(), name));
        let own = names.iter().map(|name| (variable(name), name.as_str()));
        for (variable, name) in short_forms.into_iter().chain(own) {
            let value = variables.remove(&variable).map(|value| {
                let origin = format!("the variable {variable}");
                Value::new(Some(&origin), ValueKind::String(value))
            });
            builder = builder
                .set_override_option(name, value)
                .map_err(SettingsError::Value)?;
        }
        let not_settings = variables.keys().filter(|name| is_unknown(name));
        unknown.extend(not_settings.map(|name| format!("{name} in the environment")));
        if !unknown.is_empty() {
            return Err(SettingsError::Unknown { unknown });
        }
        let settings = builder.build().and_then(Config::try_deserialize::<Self>);
        let settings = settings.map_err(SettingsError::Value)?;
        settings.validate()?;
        Ok(settings)
    }
}

/// The full names of all settings.
fn names() -> BTreeSet<String> {
    let settings = flatten(&Settings::default()).into_iter();
    settings.map(|(name, _)| name).collect()
}

/// The variables that are not empty.
fn read_environment(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> BTreeMap<String, String> {
    let text = |value: OsString| value.to_string_lossy().into_owned();
    variables
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

fn variable(setting: &str) -> String {
    format!("{PREFIX}{}", setting.replace('.', "_").to_uppercase())
}

/// Whether a variable that is not a setting is an error. Kubernetes sets `LEDGER_PORT…` and
/// `LEDGER_SERVICE_…` in every container when a service is named `ledger`.
fn is_unknown(name: &str) -> bool {
    name.starts_with(PREFIX)
        && name != "LEDGER_PORT"
        && !name.starts_with("LEDGER_PORT_")
        && !name.starts_with("LEDGER_SERVICE_")
        && !ARGUMENTS.contains(&name)
}

/// The full names of all values; a name in a table is `table.name`.
fn full_names(prefix: &str, values: &Map<String, Value>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (name, value) in values {
        let name = format!("{prefix}{name}");
        if let ValueKind::Table(inner) = &value.kind
            && !inner.is_empty()
        {
            names.append(&mut full_names(&format!("{name}."), inner));
        } else {
            names.insert(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::telemetry::LogFormat;

    fn from(file: &str, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let mut toml = tempfile::NamedTempFile::new().unwrap();
        toml.write_all(file.as_bytes()).unwrap();
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        Settings::from_sources(Some(toml.path()), variables)
    }

    fn message(error: &dyn std::error::Error) -> String {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        text
    }

    #[test]
    fn the_environment_overrides_the_file_and_the_file_the_defaults() {
        let file = "listen = '0.0.0.0:80'\n[pool]\nreader = 3\nwriter = 9\n[log]\nformat = 'json'";
        let settings = from(file, &[("LEDGER_POOL_READER", "5"), ("PATH", "/bin")]).unwrap();
        assert_eq!(settings.listen, "0.0.0.0:80");
        assert_eq!((settings.pool.reader, settings.pool.writer), (5, 9));
        assert_eq!(settings.pool.projector, 6);
        assert_eq!(settings.log.format, LogFormat::Json);
    }

    #[test]
    fn the_own_variable_of_the_database_overrides_its_short_form() {
        let url = |variables: &[(&str, &str)]| {
            let settings = from("database_url = 'postgres://file'", variables).unwrap();
            settings.database_url.unwrap().expose_secret().to_owned()
        };
        let short = ("DATABASE_URL", "postgres://short");
        let own = ("LEDGER_DATABASE_URL", "postgres://own");
        assert_eq!(url(&[]), "postgres://file");
        assert_eq!(url(&[short]), "postgres://short");
        assert_eq!(url(&[short, own]), "postgres://own");
        assert_eq!(url(&[own, short]), "postgres://own");
        assert_eq!(url(&[("DATABASE_URL", "")]), "postgres://file");
    }

    #[test]
    fn the_secret_has_a_short_form() {
        let secret = |variables: &[(&str, &str)]| {
            let secret = from("", variables).unwrap().jwt.hs256_secret.unwrap();
            secret.expose_secret().to_owned()
        };
        let (short, own) = (
            ("LEDGER_JWT_SECRET", "short"),
            ("LEDGER_JWT_HS256_SECRET", "own"),
        );
        assert_eq!(secret(&[short]), "short");
        assert_eq!(secret(&[short, own]), "own");
    }

    #[test]
    fn unknown_names_are_refused_with_their_place() {
        let error = from(
            "listn = 'x'\n[jwt]\nsecrets = 's'\n[nothing]\n",
            &[("LEDGER_LISTN", "x"), ("LEDGER_PORT", "tcp://10.0.0.1:80")],
        )
        .unwrap_err();
        let text = message(&error);
        for name in [
            "listn in /",
            "jwt.secrets",
            "nothing",
            "LEDGER_LISTN in the environment",
        ] {
            assert!(text.contains(name), "{name} in {text}");
        }
        assert!(!text.contains("LEDGER_PORT"), "{text}");
    }

    #[test]
    fn an_invalid_value_is_refused_with_its_name_and_place() {
        let text = message(&from("", &[("LEDGER_WORKERS", "many")]).unwrap_err());
        assert!(
            text.contains("workers") && text.contains("LEDGER_WORKERS"),
            "{text}"
        );
        let text = message(&from("[log]\nformat = 'xml'", &[]).unwrap_err());
        assert!(text.contains("format") && text.contains("xml"), "{text}");
        let text = message(&from("[pool]\nwriter = 4", &[]).unwrap_err());
        assert!(text.contains("pool.writer"), "{text}");
    }

    #[test]
    fn every_setting_has_one_variable_of_its_own() {
        let variables: BTreeSet<String> = names().iter().map(|name| variable(name)).collect();
        assert_eq!(variables.len(), names().len());
        assert!(variables.contains("LEDGER_JWT_HS256_SECRET"));
        assert!(variables.contains("LEDGER_DATABASE_URL"));
        assert!(variables.iter().all(|name| is_unknown(name)));
    }
}
