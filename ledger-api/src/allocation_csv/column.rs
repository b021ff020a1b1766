//! The columns of a table of allocations.

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The holder, if it is a member.
    MemberId,
    /// The holder, if it is a department.
    DepartmentId,
    /// The holder, if it is a member without `member_id`, by an id of another system.
    ExternalId,
    /// The holder's name; ignored by an import.
    DisplayName,
    /// The service, by name or alias.
    Service,
    /// The number of units, or `unlimited`.
    Units,
    /// The holder's rank when units are short; unchanged if empty.
    Priority,
    /// Whether the allocation is granted again in the next period; unchanged if empty.
    AutoRenew,
    /// The units used in the period; ignored by an import.
    Used,
    /// The units held for calls in flight; ignored by an import.
    Held,
}

impl Column {
    /// All columns in the order of an export.
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

    /// The name in the header line.
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
