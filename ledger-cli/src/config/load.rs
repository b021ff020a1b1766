//! Reads the settings: defaults, file, environment.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

use config::{Config, ConfigError, File, FileFormat, Map, Source, Value, ValueKind};

use super::show::names;
use super::{Settings, SettingsError};

/// Before each setting's variable.
const PREFIX: &str = "LEDGER_";

/// Variables that stand for a setting's own, which wins.
const SHORT: [(&str, &str); 2] = [
    ("DATABASE_URL", "database_url"),
    ("LEDGER_JWT_SECRET", "jwt.hs256_secret"),
];

/// Variables of this program that are no settings: they say where to look for them, or are
/// arguments of a command.
const NOT_SETTINGS: [&str; 2] = ["LEDGER_CONFIG", "LEDGER_DATA_DIR"];

/// The longest stop that makes sense, seconds.
const GRACE_SECONDS_MAX: u64 = 3_600;

impl Settings {
    /// Reads the settings from `file`, if one is given, and the process's environment.
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
        let known: BTreeSet<String> = names().into_iter().collect();
        let mut unknown = Vec::new();
        let mut builder = Config::builder();
        if let Some(path) = file {
            let values = read_file(path)?;
            let found = flattened("", &values).into_iter();
            unknown.extend(
                found
                    .filter(|name| !known.contains(name))
                    .map(|name| format!("{name} in {}", path.display())),
            );
            builder = builder.add_source(Values(values));
        }
        let (environment, strangers) = read_environment(&known, variables);
        unknown.extend(
            strangers
                .into_iter()
                .map(|name| format!("{name} in the environment")),
        );
        if !unknown.is_empty() {
            return Err(SettingsError::Unknown { unknown });
        }
        builder
            .add_source(Values(environment))
            .build()
            .and_then(Config::try_deserialize::<Self>)
            .map_err(SettingsError::Value)?
            .checked()
    }

    fn checked(self) -> Result<Self, SettingsError> {
        let pool = self.pool;
        let at_least_one = "must be at least 1";
        let shards = u32::try_from(self.writer.shards).unwrap_or(u32::MAX);
        let workers = u32::try_from(self.workers).unwrap_or(u32::MAX);
        let rules = [
            ("writer.shards", self.writer.shards > 0, at_least_one),
            (
                "writer.snapshot_every",
                self.writer.snapshot_every > 0,
                at_least_one,
            ),
            (
                "jwt.jwks_file",
                self.jwt.jwks_url.is_none() || self.jwt.jwks_file.is_none(),
                "and jwt.jwks_url cannot both be set",
            ),
            ("pool.reader", pool.reader > 0, at_least_one),
            ("pool.authenticator", pool.authenticator > 0, at_least_one),
            ("pool.replayer", pool.replayer > 0, at_least_one),
            (
                "pool.writer",
                pool.writer > shards,
                "must be greater than writer.shards: each shard keeps a connection",
            ),
            (
                "pool.projector",
                pool.projector > workers,
                "must be greater than workers: each takes a connection, and looking for work another",
            ),
            (
                "shutdown_grace_seconds",
                self.shutdown_grace_seconds <= GRACE_SECONDS_MAX,
                "must be at most 3600",
            ),
            (
                "rate_limit.people_burst",
                self.rate_limit.people_burst > 0 || self.rate_limit.people_per_second == 0,
                at_least_one,
            ),
            (
                "rate_limit.proxies_burst",
                self.rate_limit.proxies_burst > 0 || self.rate_limit.proxies_per_second == 0,
                at_least_one,
            ),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((name, _, rule)) => Err(SettingsError::Range { name, rule }),
            None => Ok(self),
        }
    }
}

/// Values by name, from wherever.
#[derive(Clone, Debug)]
struct Values(Map<String, Value>);

impl Source for Values {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

fn read_file(path: &Path) -> Result<Map<String, Value>, SettingsError> {
    File::from(path)
        .format(FileFormat::Toml)
        .collect()
        .map_err(|source| SettingsError::File {
            file: path.to_owned(),
            source,
        })
}

/// The settings that the environment holds, and the variables that look like settings and are none.
fn read_environment(
    known: &BTreeSet<String>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> (Map<String, Value>, Vec<String>) {
    let settings: BTreeMap<String, &String> =
        known.iter().map(|name| (variable(name), name)).collect();
    let mut values = Map::new();
    let mut strangers = Vec::new();
    for (name, value) in variables {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        if value.is_empty() {
            continue;
        }
        let short = SHORT
            .iter()
            .find(|(short, _)| *short == name)
            .map(|(_, setting)| *setting);
        let Some(setting) = short.or_else(|| settings.get(&*name).map(|own| own.as_str())) else {
            if name.starts_with(PREFIX) && !is_none_of_ours(&name) {
                strangers.push(name.into_owned());
            }
            continue;
        };
        let origin = format!("the variable {name}");
        let value = Value::new(Some(&origin), ValueKind::String(value.into_owned()));
        if short.is_some() {
            values.entry(setting.to_owned()).or_insert(value);
        } else {
            values.insert(setting.to_owned(), value);
        }
    }
    strangers.sort_unstable();
    (values, strangers)
}

fn variable(setting: &str) -> String {
    format!("{PREFIX}{}", setting.replace('.', "_").to_uppercase())
}

/// Kubernetes gives every container `LEDGER_PORT…` and `LEDGER_SERVICE_…` when a service is called
/// `ledger`.
fn is_none_of_ours(name: &str) -> bool {
    NOT_SETTINGS.contains(&name)
        || name == "LEDGER_PORT"
        || name.starts_with("LEDGER_PORT_")
        || name.starts_with("LEDGER_SERVICE_")
}

/// The full names of all values, tables taken apart.
fn flattened(prefix: &str, values: &Map<String, Value>) -> Vec<String> {
    let mut names = Vec::new();
    for (name, value) in values {
        let name = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        if let ValueKind::Table(inner) = &value.kind
            && !inner.is_empty()
        {
            names.extend(flattened(&name, inner));
        } else {
            names.push(name);
        }
    }
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::config::LogFormat;

    fn from(file: &str, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let mut toml = tempfile::NamedTempFile::new().unwrap();
        toml.write_all(file.as_bytes()).unwrap();
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        Settings::from_sources(Some(toml.path()), variables)
    }

    fn said(error: &dyn std::error::Error) -> String {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        text
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
        let file = "listen = '0.0.0.0:80'\n[pool]\nreader = 3\nwriter = 9\n[log]\nformat = 'json'";
        let settings = from(file, &[("LEDGER_POOL_READER", "5"), ("PATH", "/bin")]).unwrap();
        assert_eq!(settings.listen, "0.0.0.0:80");
        assert_eq!((settings.pool.reader, settings.pool.writer), (5, 9));
        assert_eq!(settings.pool.projector, 6);
        assert_eq!(settings.log.format, LogFormat::Json);
    }

    #[test]
    fn the_database_may_be_named_as_usual_but_our_own_variable_wins() {
        let url = |variables: &[(&str, &str)]| {
            let settings = from("database_url = 'postgres://file'", variables).unwrap();
            settings.database_url.unwrap().expose_secret().to_owned()
        };
        let usual = ("DATABASE_URL", "postgres://usual");
        let own = ("LEDGER_DATABASE_URL", "postgres://own");
        assert_eq!(url(&[]), "postgres://file");
        assert_eq!(url(&[usual]), "postgres://usual");
        assert_eq!(url(&[usual, own]), "postgres://own");
        assert_eq!(url(&[own, usual]), "postgres://own");
        assert_eq!(url(&[("DATABASE_URL", "")]), "postgres://file");
    }

    #[test]
    fn the_secret_has_a_short_variable() {
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
    fn unknown_names_are_refused_by_name() {
        let error = from(
            "listn = 'x'\n[jwt]\nsecrets = 's'\n[nothing]\n",
            &[("LEDGER_LISTN", "x"), ("LEDGER_PORT", "tcp://10.0.0.1:80")],
        )
        .unwrap_err();
        let text = said(&error);
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
    fn a_value_of_the_wrong_kind_is_refused_with_its_name_and_place() {
        let text = said(&from("", &[("LEDGER_WORKERS", "many")]).unwrap_err());
        assert!(
            text.contains("workers") && text.contains("LEDGER_WORKERS"),
            "{text}"
        );
        let text = said(&from("[log]\nformat = 'xml'", &[]).unwrap_err());
        assert!(text.contains("format") && text.contains("xml"), "{text}");
        let text = said(&from("[pool]\nwriter = 4", &[]).unwrap_err());
        assert!(text.contains("pool.writer"), "{text}");
    }

    #[test]
    fn every_setting_has_one_variable_of_its_own() {
        let names = names();
        let variables: BTreeSet<String> = names.iter().map(|name| variable(name)).collect();
        assert_eq!(variables.len(), names.len());
        assert!(variables.contains("LEDGER_JWT_HS256_SECRET"));
        assert!(variables.contains("LEDGER_DATABASE_URL"));
        assert!(!variables.iter().any(|name| is_none_of_ours(name)));
    }
}
