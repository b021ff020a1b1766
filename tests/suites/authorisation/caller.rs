//! Callers of the API.

use std::fmt;

use ledger_core::Role;
use ledger_tests::server::token;
use uuid::Uuid;

/// A caller with a token, or without one.
pub struct Caller {
    /// The role; without meaning if the token is missing or invalid.
    pub role: Role,
    token: Option<String>,
    /// The suffix of the description, which distinguishes callers of one role.
    kind: &'static str,
}

impl Caller {
    /// A caller without a token.
    pub const ANONYMOUS: Self = Self {
        role: Role::PlatformAdmin,
        token: None,
        kind: "an anonymous caller",
    };

    /// A caller of one school, or of all schools.
    pub fn new(kind: &'static str, role: Role, school: Option<Uuid>, subject: Uuid) -> Self {
        let token = Some(token(role, school, &subject.to_string()));
        Self { role, token, kind }
    }

    /// A caller whose token claims every permission and has an invalid signature.
    pub fn forger() -> Self {
        let good = token(Role::PlatformAdmin, None, "forger");
        let (signed, _) = good.rsplit_once('.').unwrap();
        Self {
            role: Role::PlatformAdmin,
            token: Some(format!("{signed}.c2lnbmVkIGJ5IG5vYm9keQ")),
            kind: " with an invalid signature",
        }
    }

    /// The bearer token.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.token {
            Some(_) => write!(f, "a {}{}", self.role, self.kind),
            None => f.write_str(self.kind),
        }
    }
}
