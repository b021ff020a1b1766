//! One change to an allocation: an item of a batch, or a row of a table.

mod change;
mod index;
mod variants;

use ledger_core::allocation::{AllocationRow, Change, Holder, HolderName};
use ledger_core::{DepartmentId, MemberId, Units};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

use super::{Priority, Quota, ServiceName, Subject, Value};

pub use change::ItemChange;
pub use index::ItemIndex;
pub use variants::AllocationItemSchema;

/// The operations of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Sets the units.
    Set,
    /// Adds units.
    Add,
    /// Takes units back.
    Revoke,
    /// Moves units to another holder.
    Transfer,
}

impl Operation {
    const ALL: [Self; 4] = [Self::Set, Self::Add, Self::Revoke, Self::Transfer];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Add => "add",
            Self::Revoke => "revoke",
            Self::Transfer => "transfer",
        }
    }

    /// The members of an item that this operation refuses, even as null.
    const fn refused_members(self) -> [&'static str; 2] {
        match self {
            Self::Set | Self::Add | Self::Revoke => ["to_member_id", "to_department_id"],
            Self::Transfer => ["priority", "auto_renew"],
        }
    }
}

const EXACTLY_ONE_HOLDER: &str =
    "exactly one holder is needed: member_id, department_id or, in a table, external_id";

/// One change. As JSON it is what distinguishes it from another change: the fingerprint of a
/// request contains it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct AllocationItem {
    /// The operation.
    #[schema(value_type = String)]
    pub op: Operation,
    /// The holder, if it is a member; in a transfer the giver.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub member_id: Option<MemberId>,
    /// The holder, if it is a department; in a transfer the giver.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub department_id: Option<DepartmentId>,
    /// The holder, if it is a member known by an external id. Tables alone have it.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Subject>,
    /// The taker, if it is a member.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "is_null")]
    #[schema(value_type = Option<Uuid>)]
    pub to_member_id: Option<Option<MemberId>>,
    /// The taker, if it is a department.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "is_null")]
    #[schema(value_type = Option<Uuid>)]
    pub to_department_id: Option<Option<DepartmentId>>,
    /// The service.
    pub service: ServiceName,
    /// The number of units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<Quota>,
    /// The holder's rank when units are short; unchanged by default.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "is_null")]
    #[schema(value_type = Option<Priority>)]
    pub priority: Option<Option<Priority>>,
    /// Whether the allocation is granted again in the next period; unchanged by default.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "is_null")]
    #[schema(value_type = Option<bool>)]
    pub auto_renew: Option<Option<bool>>,
}

/// Distinguishes null, which is `Some(None)`, from an absent member.
///
/// # Errors
/// Those of `T`.
pub fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

const fn is_null<T>(member: &Option<Option<T>>) -> bool {
    !matches!(member, Some(Some(_)))
}

impl<'de> Deserialize<'de> for AllocationItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let item = Self::deserialize(deserializer)?;
        item.row().map_err(de::Error::custom)?;
        Ok(item)
    }
}

impl Serialize for AllocationItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl AllocationItem {
    /// The row of the command that makes this change.
    ///
    /// # Errors
    /// A sentence: the members do not fit together.
    pub fn row(&self) -> Result<AllocationRow, String> {
        if let Some(name) = self.refused_member() {
            let operation = self.op.as_str();
            return Err(format!(
                "unknown field `{name}` of the operation {operation}"
            ));
        }
        Ok(AllocationRow {
            holder: self.holder()?,
            service: self.service.0.clone(),
            change: self.change()?,
            priority: self.priority.flatten().map(|priority| priority.0),
            auto_renew: self.auto_renew.flatten(),
        })
    }

    fn refused_member(&self) -> Option<&'static str> {
        let given = [
            ("to_member_id", self.to_member_id.is_some()),
            ("to_department_id", self.to_department_id.is_some()),
            ("priority", self.priority.is_some()),
            ("auto_renew", self.auto_renew.is_some()),
        ];
        let refused = self.op.refused_members();
        let mut given = given.into_iter();
        given.find_map(|(name, is_given)| (is_given && refused.contains(&name)).then_some(name))
    }

    fn holder(&self) -> Result<HolderName, String> {
        match (self.member_id, self.department_id, &self.external_id) {
            (Some(member_id), None, None) => Ok(member_id.into()),
            (None, Some(department_id), None) => Ok(department_id.into()),
            (None, None, Some(Subject(external_id))) => Ok(external_id.clone().into()),
            _ => Err(EXACTLY_ONE_HOLDER.to_owned()),
        }
    }

    fn taker(&self) -> Result<Holder, String> {
        match (self.to_member_id.flatten(), self.to_department_id.flatten()) {
            (Some(member_id), None) => Ok(member_id.into()),
            (None, Some(department_id)) => Ok(department_id.into()),
            _ => Err("exactly one of to_member_id and to_department_id is needed".to_owned()),
        }
    }

    fn change(&self) -> Result<Change, String> {
        let needed = || format!("the operation {} needs units", self.op.as_str());
        Ok(match self.op {
            Operation::Set => Change::Set(self.units.ok_or_else(needed)?.0),
            Operation::Add => Change::Add(self.some_units()?.ok_or_else(needed)?),
            Operation::Revoke => Change::Revoke(self.some_units()?),
            Operation::Transfer => Change::Transfer {
                units: self.some_units()?.ok_or_else(needed)?,
                to: self.taker()?,
            },
        })
    }

    /// The units of every operation but `set`, which alone takes 0 and `unlimited`.
    fn some_units(&self) -> Result<Option<Units>, String> {
        let Some(Value(units)) = self.units else {
            return Ok(None);
        };
        let some = units.finite().filter(|units| *units > Units::ZERO);
        some.map(Some).ok_or_else(|| {
            let operation = self.op.as_str();
            format!("units of the operation {operation} are a whole number from 1")
        })
    }
}

#[cfg(test)]
mod tests;
