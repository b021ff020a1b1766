//! Who acts: the roles of the system, and the actor that a command carries.

use serde::{Deserialize, Serialize};

use crate::ids::ActorId;

/// What somebody may do. A member of a school has one; a credential carries one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Uses AI, asks for more.
    Teacher,
    /// Allocates, suspends, approves, plans.
    Principal,
    /// A principal who also administers the school's settings.
    PrincipalAdmin,
    /// Replays and verifies the log.
    Auditor,
    /// A service that reserves, settles and debits.
    Proxy,
    /// Runs the installation: any school.
    PlatformAdmin,
    /// The ledger itself, for what time brings about.
    System,
}

/// The text is no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown role")]
pub struct UnknownRole;

impl Role {
    /// Every role that a credential may carry.
    pub const CREDENTIAL: [Self; 6] = [
        Self::Teacher,
        Self::Principal,
        Self::PrincipalAdmin,
        Self::Auditor,
        Self::Proxy,
        Self::PlatformAdmin,
    ];

    /// The role's word in tokens, events and columns.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Teacher => "teacher",
            Self::Principal => "principal",
            Self::PrincipalAdmin => "principal_admin",
            Self::Auditor => "auditor",
            Self::Proxy => "proxy",
            Self::PlatformAdmin => "platform_admin",
            Self::System => "system",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::CREDENTIAL
            .into_iter()
            .chain([Self::System])
            .find(|role| role.as_str() == text)
            .ok_or(UnknownRole)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who issued a command, by opaque id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// In which role.
    pub role: Role,
    /// Whose subject.
    pub id: ActorId,
}

impl Actor {
    /// The ledger itself.
    pub const SYSTEM: Self = Self {
        role: Role::System,
        id: ActorId(uuid::Uuid::nil()),
    };
}
