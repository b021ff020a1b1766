//! Bodies that say one of two things, such as a member or a department who holds an allocation.

use ledger_core::allocation::Holder;
use ledger_core::{DepartmentId, MemberId};
use utoipa::openapi::schema::{AllOf, ObjectBuilder, OneOf, Schema, SchemaType, Type};
use utoipa::openapi::{Object, RefOr};

/// What a body is told that says both of two things, or neither.
pub const EXACTLY_ONE: &str = "one of member_id and department_id is needed, and only one";

/// Whoever holds an allocation: the member or the department, whichever is named.
///
/// # Errors
/// [`EXACTLY_ONE`] when none or both are.
pub const fn one_holder(
    member_id: Option<MemberId>,
    department_id: Option<DepartmentId>,
) -> Result<Holder, &'static str> {
    match (member_id, department_id) {
        (Some(member_id), None) => Ok(Holder::Member(member_id)),
        (None, Some(department_id)) => Ok(Holder::Department(department_id)),
        (None, None) | (Some(_), Some(_)) => Err(EXACTLY_ONE),
    }
}

/// How a body is documented of which exactly one member of each pair is given. Of one that is not
/// given, `null` says so too.
#[must_use]
pub fn one_of(body: RefOr<Schema>, pairs: &[[&str; 2]]) -> Schema {
    let mut all = AllOf::new();
    all.items.push(body);
    for [one, other] in pairs {
        let mut either = OneOf::new();
        either.items = [(one, other), (other, one)]
            .into_iter()
            .map(|(given, missing)| RefOr::T(Schema::Object(only(given, missing))))
            .collect();
        all.items.push(RefOr::T(Schema::OneOf(either)));
    }
    Schema::AllOf(all)
}

fn only(given: &str, missing: &str) -> Object {
    let of = |kind: Type| ObjectBuilder::new().schema_type(SchemaType::new(kind));
    ObjectBuilder::new()
        .property(given, of(Type::String))
        .property(missing, of(Type::Null))
        .required(given)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_holder_is_a_member_or_a_department() {
        let (member, department) = (MemberId(Uuid::max()), DepartmentId(Uuid::max()));
        assert_eq!(one_holder(Some(member), None), Ok(member.into()));
        assert_eq!(one_holder(None, Some(department)), Ok(department.into()));
        assert!(one_holder(None, None).is_err());
        assert!(one_holder(Some(member), Some(department)).is_err());
    }
}
