//! Actors: who issues a command, and in which role.

use serde::{Deserialize, Serialize};

use crate::ids::ActorId;
use crate::vocabulary::vocabulary;

vocabulary! {
    /// The role of a member or a credential.
    pub enum Role {
        Teacher = "teacher" => "Uses AI and requests units.",
        Principal = "principal" => "Allocates, suspends, decides requests, plans.",
        PrincipalAdmin = "principal_admin" => "A principal who also changes the settings.",
        Auditor = "auditor" => "Replays and verifies the log.",
        Proxy = "proxy" => "A service that reserves, settles and debits.",
        PlatformAdmin = "platform_admin" => "Administers the installation: any school.",
        System = "system" => "The ledger itself, for events caused by time.",
    }
}

impl Role {
    /// The roles that a member may have.
    pub const MEMBERS: [Self; 4] = [
        Self::Teacher,
        Self::Principal,
        Self::PrincipalAdmin,
        Self::Auditor,
    ];

    /// Every role that a credential may have.
    pub fn credentials() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|role| *role != Self::System)
    }
}

/// The actor of a command, by opaque id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The role.
    pub role: Role,
    /// The id of the token's subject.
    pub id: ActorId,
}

impl Actor {
    /// The ledger itself.
    pub const SYSTEM: Self = Self {
        role: Role::System,
        id: ActorId(uuid::Uuid::nil()),
    };
}
