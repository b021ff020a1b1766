//! The filters of a read: the member and the service.

use ledger_core::{Catalogue, MemberId, Refusal, ServiceId};
use ledger_projections::Viewer;

use crate::problem::Problem;
use crate::values::ServiceName;

/// The member whose rows are read: the requested one, or the only one that the caller may see.
///
/// # Errors
/// [`crate::problem::Code::MemberNotFound`] if the caller may not see the requested member.
pub fn member_seen(
    viewer: Viewer,
    requested: Option<MemberId>,
) -> Result<Option<MemberId>, Problem> {
    match (viewer.member_id, requested) {
        (Some(own), Some(other)) if own != other => {
            let member_id = Some(other);
            Err(Refusal::MemberNotFound { member_id }.into())
        }
        (own, requested) => Ok(own.or(requested)),
    }
}

/// The service whose rows are read, by its name or an alias.
///
/// # Errors
/// [`crate::problem::Code::UnknownService`].
pub fn requested_service(
    catalogue: &Catalogue,
    name: Option<ServiceName>,
) -> Result<Option<ServiceId>, Problem> {
    name.map(|ServiceName(name)| {
        let service = catalogue.resolve(&name).cloned();
        service.ok_or_else(|| Refusal::UnknownService { name }.into())
    })
    .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Code;
    use ledger_core::{Role, SchoolId};
    use uuid::Uuid;

    #[test]
    fn a_teacher_sees_own_rows_and_a_principal_all() {
        let [me, other] = [1, 2].map(|n| MemberId(Uuid::from_u128(n)));
        let seen = |member_id, requested| {
            let viewer = Viewer {
                school_id: SchoolId(Uuid::from_u128(9)),
                role: Role::Teacher,
                member_id,
            };
            member_seen(viewer, requested).map_err(|problem| problem.code)
        };
        assert_eq!(seen(Some(me), None), Ok(Some(me)));
        assert_eq!(seen(Some(me), Some(me)), Ok(Some(me)));
        assert_eq!(seen(Some(me), Some(other)), Err(Code::MemberNotFound));
        assert_eq!(seen(None, None), Ok(None));
        assert_eq!(seen(None, Some(other)), Ok(Some(other)));
    }
}
