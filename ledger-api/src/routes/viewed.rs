//! Whose rows a caller reads, who sees all of them or only his own.

use ledger_core::{Catalogue, MemberId, Refusal, ServiceId};
use ledger_projections::Viewer;

use crate::problem::Problem;
use crate::values::ServiceName;

/// The member whose rows are read: the one who is asked for, or the only one whom the caller sees.
///
/// # Errors
/// [`crate::problem::Code::MemberNotFound`] when he asks for another one than that.
pub(super) fn member_seen(
    viewer: Viewer,
    asked: Option<MemberId>,
) -> Result<Option<MemberId>, Problem> {
    match (viewer.member_id, asked) {
        (Some(own), Some(other)) if own != other => {
            let member_id = Some(other);
            Err(Refusal::MemberNotFound { member_id }.into())
        }
        (own, asked) => Ok(own.or(asked)),
    }
}

/// The service whose rows are read, by its name or an alias.
///
/// # Errors
/// [`crate::problem::Code::UnknownService`].
pub(super) fn service_asked(
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
    fn a_teacher_sees_himself_and_a_principal_whom_he_asks_for() {
        let [me, other] = [1, 2].map(|n| MemberId(Uuid::from_u128(n)));
        let seen = |member_id, asked| {
            let viewer = Viewer {
                school_id: SchoolId(Uuid::from_u128(9)),
                role: Role::Teacher,
                member_id,
            };
            member_seen(viewer, asked).map_err(|problem| problem.code)
        };
        assert_eq!(seen(Some(me), None), Ok(Some(me)));
        assert_eq!(seen(Some(me), Some(me)), Ok(Some(me)));
        assert_eq!(seen(Some(me), Some(other)), Err(Code::MemberNotFound));
        assert_eq!(seen(None, None), Ok(None));
        assert_eq!(seen(None, Some(other)), Ok(Some(other)));
    }
}
