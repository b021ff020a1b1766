//! Which database a command works on.

use std::path::{Path, PathBuf};

use private_postgres::running_url;

use crate::config::Settings;

use crate::data_dir;
use crate::failure::Failure;

/// Which database a command works on: the one of a demo that runs, or DATABASE_URL.
#[derive(Debug, clap::Args)]
pub struct DatabaseArgs {
    /// The folder of a `ledger demo` that is running. Without it DATABASE_URL (or the settings)
    /// says where the database is, and where neither does, a demo that runs in .ledger
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

impl DatabaseArgs {
    /// Puts the database into the settings.
    pub fn apply(&self, settings: &mut Settings) -> Result<(), Failure> {
        let folder = match &self.data_dir {
            Some(folder) => folder.as_path(),
            None if settings.database_url.is_some() => return Ok(()),
            None => Path::new(data_dir::DEFAULT),
        };
        match running_url(folder, data_dir::DATABASE) {
            Some(url) => {
                settings.database_url = Some(url.into());
                Ok(())
            }
            None if self.data_dir.is_some() => Err(Failure::no(format!(
                "no `ledger demo` runs in {}, or not as a user whom you are: start it there, or \
                 leave --data-dir out and set DATABASE_URL",
                folder.display()
            ))),
            None => Err(Failure::no(
                "no database: set DATABASE_URL (or database_url in the settings), or name the \
                 --data-dir of a `ledger demo` that is running",
            )),
        }
    }
}
