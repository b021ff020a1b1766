//! `ledger token`

use std::path::PathBuf;

use crate::config::Settings;
use chrono::Utc;
use ledger_auth::{TokenGrant, TokenIssuer};
use ledger_core::{Role, SchoolId, Timestamp};
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use crate::data_dir;
use crate::demo;
use crate::failure::Failure;
use crate::output::print;
use crate::span::Span;

/// Print a token (JWT) for a local installation
///
/// It is signed with the secret of the demo in --data-dir, or else with LEDGER_JWT_SECRET (or
/// jwt.hs256_secret of the settings), or else with that of a demo in .ledger.
#[derive(Debug, clap::Args)]
pub struct Token {
    /// What its bearer may be: teacher, principal, principal_admin, auditor, proxy, platform_admin
    #[arg(long, value_parser = role)]
    role: Role,
    /// The school; a proxy without one is for all schools, a platform admin always is
    #[arg(long, value_name = "UUID", required_if_eq_any = [
        ("role", "teacher"), ("role", "principal"), ("role", "principal_admin"), ("role", "auditor"),
    ])]
    school: Option<Uuid>,
    /// Who it is: a member's id or one of his external ids. Without it, a fixed id for each role,
    /// which is no member's
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// How long it holds: a number and s, m, h or d
    #[arg(long, default_value = "1h")]
    ttl: Span,
    /// The folder of a `ledger demo`, which need not be running
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

impl Token {
    /// Prints a token.
    pub fn run(self, settings: Settings) -> Result<(), Failure> {
        let jwt = match &self.data_dir {
            None if settings.jwt.hs256_secret.is_some() => settings.jwt,
            folder => {
                let folder = folder.as_deref().unwrap_or(data_dir::DEFAULT.as_ref());
                demo::jwt(data_dir::secret(folder).map_err(Failure::no)?)
            }
        };
        let subject = self
            .subject
            .unwrap_or_else(|| stand_in(self.role).to_string());
        let grant = TokenGrant {
            role: self.role,
            school: self.school.map(SchoolId),
            subject: &subject,
            ttl_seconds: self.ttl.seconds,
        };
        let token = TokenIssuer::new(&jwt)
            .map_err(Failure::no)?
            .issue(grant, Timestamp::new(Utc::now()))
            .map_err(Failure::usage)?;
        print(&format!("{}\n", token.expose_secret()))
    }
}

fn role(text: &str) -> Result<Role, String> {
    let names = Role::CREDENTIAL.map(Role::as_str).join(", ");
    Role::CREDENTIAL
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| format!("a role is one of {names}"))
}

/// Who a token is for when nobody says: one fixed id for each role, so that the log shows one
/// actor for what one role did from the command line.
pub fn stand_in(role: Role) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, role.as_str().as_bytes())
}
