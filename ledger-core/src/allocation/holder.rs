//! The holders of allocations.

use serde::{Deserialize, Serialize};

use crate::ids::{DepartmentId, ExternalId, MemberId, Owner};

/// The holder of an allocation. In JSON it is one field of the enclosing object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Holder {
    /// A member, funded by a department or by the pool.
    #[serde(rename = "member_id")]
    Member(MemberId),
    /// A department, funded by the pool.
    #[serde(rename = "department_id")]
    Department(DepartmentId),
}

impl Holder {
    /// The member, if the holder is one.
    #[must_use]
    pub const fn member_id(self) -> Option<MemberId> {
        match self {
            Self::Member(member_id) => Some(member_id),
            Self::Department(_) => None,
        }
    }

    /// The department, if the holder is one.
    #[must_use]
    pub const fn department_id(self) -> Option<DepartmentId> {
        match self {
            Self::Member(_) => None,
            Self::Department(department_id) => Some(department_id),
        }
    }
}

impl From<MemberId> for Holder {
    fn from(member_id: MemberId) -> Self {
        Self::Member(member_id)
    }
}

impl From<DepartmentId> for Holder {
    fn from(department_id: DepartmentId) -> Self {
        Self::Department(department_id)
    }
}

/// A holder as a command names it, before look-up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HolderName {
    /// A member, by either kind of id.
    Owner(Owner),
    /// A department.
    Department(DepartmentId),
}

impl HolderName {
    /// The member, if the name is a member's.
    #[must_use]
    pub const fn owner(&self) -> Option<&Owner> {
        match self {
            Self::Owner(owner) => Some(owner),
            Self::Department(_) => None,
        }
    }

    /// The holder, unless it is named by external id.
    #[must_use]
    pub const fn by_id(&self) -> Option<Holder> {
        match self {
            Self::Owner(Owner::Member(member_id)) => Some(Holder::Member(*member_id)),
            Self::Owner(Owner::External(_)) => None,
            Self::Department(department_id) => Some(Holder::Department(*department_id)),
        }
    }

    /// The department, if the name is a department's.
    #[must_use]
    pub const fn department_id(&self) -> Option<DepartmentId> {
        match self {
            Self::Owner(_) => None,
            Self::Department(department_id) => Some(*department_id),
        }
    }
}

impl From<Holder> for HolderName {
    fn from(holder: Holder) -> Self {
        match holder {
            Holder::Member(member_id) => member_id.into(),
            Holder::Department(department_id) => department_id.into(),
        }
    }
}

impl From<MemberId> for HolderName {
    fn from(member_id: MemberId) -> Self {
        Self::Owner(Owner::Member(member_id))
    }
}

impl From<DepartmentId> for HolderName {
    fn from(department_id: DepartmentId) -> Self {
        Self::Department(department_id)
    }
}

impl From<ExternalId> for HolderName {
    fn from(external_id: ExternalId) -> Self {
        Self::Owner(Owner::External(external_id))
    }
}

/// The JSON form of a transfer's taker beside the giver: its fields begin with `to_`.
pub(super) mod taker {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Holder;
    use crate::ids::{DepartmentId, MemberId};

    #[derive(Serialize, Deserialize)]
    enum Taker {
        #[serde(rename = "to_member_id")]
        Member(MemberId),
        #[serde(rename = "to_department_id")]
        Department(DepartmentId),
    }

    pub(crate) fn serialize<S: Serializer>(holder: &Holder, to: S) -> Result<S::Ok, S::Error> {
        let taker = match holder {
            Holder::Member(member_id) => Taker::Member(*member_id),
            Holder::Department(department_id) => Taker::Department(*department_id),
        };
        taker.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Holder, D::Error> {
        Ok(match Taker::deserialize(from)? {
            Taker::Member(member_id) => Holder::Member(member_id),
            Taker::Department(department_id) => Holder::Department(department_id),
        })
    }
}
