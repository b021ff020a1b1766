//! The default subject of a role.

use ledger_core::Role;
use uuid::Uuid;

/// The subject of tokens and commands without one: a fixed id per role, so that the log shows one
/// actor for everything that a role did from the command line. No member has it.
pub fn default_subject(role: Role) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, role.as_str().as_bytes())
}
