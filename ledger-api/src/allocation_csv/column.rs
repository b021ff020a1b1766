//! The columns of a table of allocations.

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Whose allocation, where it is a member's.
    MemberId,
    /// The same, where it is a department's; empty where it is a member's.
    DepartmentId,
    /// A member's by an id of another system; looked at where there is no `member_id`.
    ExternalId,
    /// The holder's name; informs only.
    DisplayName,
    /// Of which service, by name or alias.
    Service,
    /// How many units, or `unlimited`.
    Units,
    /// How the holder ranks; empty leaves it.
    Priority,
    /// Whether it is granted again in the next period; empty leaves it.
    AutoRenew,
    /// Units used in the period; informs only.
    Used,
    /// Units held for calls in flight; informs only.
    Held,
}

impl Column {
    /// Every column, in the order in which they are written.
    pub const ALL: [Self; 10] = [
        Self::MemberId,
        Self::DepartmentId,
        Self::ExternalId,
        Self::DisplayName,
        Self::Service,
        Self::Units,
        Self::Priority,
        Self::AutoRenew,
        Self::Used,
        Self::Held,
    ];

    /// Its name in the header line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MemberId => "member_id",
            Self::DepartmentId => "department_id",
            Self::ExternalId => "external_id",
            Self::DisplayName => "display_name",
            Self::Service => "service",
            Self::Units => "units",
            Self::Priority => "priority",
            Self::AutoRenew => "auto_renew",
            Self::Used => "used",
            Self::Held => "held",
        }
    }

    /// The column of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.as_str() == name)
    }
}
