//! Who calls.

use std::fmt;

use ledger_core::Role;
use ledger_tests::server::token;
use uuid::Uuid;

/// Somebody with a token, or without one.
pub struct Caller {
    /// What he is; of no weight where he has no good token.
    pub role: Role,
    token: Option<String>,
    /// What tells him from others of his role, to be said after it.
    kind: &'static str,
}

impl Caller {
    /// Nobody in particular: he sends no token.
    pub const NOBODY: Self = Self {
        role: Role::PlatformAdmin,
        token: None,
        kind: "nobody",
    };

    /// Somebody of a school, or of all.
    pub fn new(kind: &'static str, role: Role, school: Option<Uuid>, subject: Uuid) -> Self {
        let token = Some(token(role, school, &subject.to_string()));
        Self { role, token, kind }
    }

    /// Somebody whose token says everything and was signed by nobody.
    pub fn impostor() -> Self {
        let good = token(Role::PlatformAdmin, None, "impostor");
        let (signed, _) = good.rsplit_once('.').unwrap();
        Self {
            role: Role::PlatformAdmin,
            token: Some(format!("{signed}.c2lnbmVkIGJ5IG5vYm9keQ")),
            kind: " whose token nobody signed",
        }
    }

    /// The bearer token that he sends.
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
