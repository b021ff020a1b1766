//! The schools that a credential is valid for.

use ledger_core::SchoolId;
use uuid::Uuid;

/// The schools that a credential is valid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tenancy {
    /// One school.
    School(SchoolId),
    /// Every school of the installation.
    AllSchools,
}

impl Tenancy {
    /// Whether the credential is valid for `school`. Never for the nil id: in the table of API keys
    /// it means all schools, so that it cannot name one.
    #[must_use]
    pub fn includes(self, school: SchoolId) -> bool {
        !school.0.is_nil()
            && match self {
                Self::School(own) => own == school,
                Self::AllSchools => true,
            }
    }

    /// The value of the `school_id` column of an API key: nil for all schools.
    #[must_use]
    pub fn column(self) -> Uuid {
        match self {
            Self::School(school) => school.0,
            Self::AllSchools => Uuid::nil(),
        }
    }

    /// The tenancy in a `school_id` column that [`column`](Self::column) wrote.
    #[must_use]
    pub fn from_column(school_id: Uuid) -> Self {
        if school_id.is_nil() {
            Self::AllSchools
        } else {
            Self::School(SchoolId(school_id))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{OTHER_SCHOOL, SCHOOL};

    #[test]
    fn the_nil_school_is_in_no_tenancy() {
        let nil = SchoolId(Uuid::nil());
        assert!(!Tenancy::AllSchools.includes(nil));
        assert!(!Tenancy::School(nil).includes(nil));
    }

    #[test]
    fn a_school_includes_itself_only() {
        assert!(Tenancy::School(SCHOOL).includes(SCHOOL));
        assert!(!Tenancy::School(SCHOOL).includes(OTHER_SCHOOL));
        assert!(Tenancy::AllSchools.includes(OTHER_SCHOOL));
    }
}
