//! The columns of a table of allocations.

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Whose allocation.
    MemberId,
    /// The same by an id of another system; looked at where there is no `member_id`.
    ExternalId,
    /// His name; informs only.
    DisplayName,
    /// Of which service, by name or alias.
    Service,
    /// How many units, or `unlimited`.
    Units,
    /// How the member ranks; empty leaves it.
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
    pub const ALL: [Self; 9] = [
        Self::MemberId,
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
