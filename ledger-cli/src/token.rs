//! `ledger token`

use std::path::PathBuf;

use chrono::Utc;
use ledger_auth::{TokenGrant, TokenIssuer};
use ledger_core::{Role, SchoolId, Timestamp};
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use crate::config::Settings;
use crate::data_folder::{DEFAULT_FOLDER, jwt_settings};
use crate::failure::Failure;
use crate::output::print;
use crate::subject::default_subject;

/// Print a token (JWT) for a local installation
///
/// Signed with the secret of the demo in --data-dir; without it, with LEDGER_JWT_SECRET
/// (jwt.hs256_secret); without both, with the secret of the demo in .ledger.
#[derive(Debug, clap::Args)]
pub struct Token {
    /// Role: teacher, principal, principal_admin, auditor, proxy or platform_admin
    #[arg(long, value_parser = parse_role)]
    role: Role,
    /// Id of the school. Proxies without one and platform admins have access to all schools
    #[arg(long, value_name = "UUID", required_if_eq_any = [
        ("role", "teacher"),
        ("role", "principal"),
        ("role", "principal_admin"),
        ("role", "auditor"),
    ])]
    school: Option<Uuid>,
    /// Subject: a member id or an external id. Default: a fixed id per role that is no member's
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Time to live: a number with s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = parse_seconds)]
    ttl: u32,
    /// Data folder of a `ledger demo`, running or not
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

impl Token {
    pub fn run(self, settings: Settings) -> Result<(), Failure> {
        let jwt = match &self.data_dir {
            None if settings.jwt.hs256_secret.is_some() => settings.jwt,
            folder => jwt_settings(folder.as_deref().unwrap_or(DEFAULT_FOLDER.as_ref()))?,
        };
        let subject = self
            .subject
            .unwrap_or_else(|| default_subject(self.role).to_string());
        let grant = TokenGrant {
            role: self.role,
            school: self.school.map(SchoolId),
            subject: &subject,
            ttl_seconds: self.ttl,
        };
        let token = TokenIssuer::new(&jwt)?
            .issue(grant, Timestamp::new(Utc::now()))
            .map_err(Failure::usage)?;
        print(&format!("{}\n", token.expose_secret()))
    }
}

fn parse_role(text: &str) -> Result<Role, String> {
    let role = Role::credentials().find(|role| role.as_str() == text);
    role.ok_or_else(|| {
        let words: Vec<_> = Role::credentials().map(Role::as_str).collect();
        format!("must be one of {}", words.join(", "))
    })
}

/// The seconds in `90s`, `15m`, `1h` or `30d`.
fn parse_seconds(text: &str) -> Result<u32, &'static str> {
    let parse = || {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            "d" => 24 * 60 * 60,
            _ => return None,
        };
        let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
        digits
            .parse::<u32>()
            .ok()
            .filter(|_| is_number)?
            .checked_mul(seconds)
    };
    parse().ok_or("must be a number with s, m, h or d, as in 90s, 15m, 1h or 30d")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("1h", 3_600), ("30d", 2_592_000)] {
            assert_eq!(parse_seconds(text), Ok(seconds));
        }
        for text in [
            "",
            "1",
            "h",
            "1 h",
            "-1h",
            "+1h",
            "1.5h",
            "1w",
            "1hh",
            "99999999999s",
            "9999999d",
            "é",
        ] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
