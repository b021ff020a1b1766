//! The table of permissions: roles per permission. A change here changes the API contract.
//!
//! A handler names a permission as the type of an extractor, so that it cannot run without it.

use ledger_core::Role;

/// A permission, as an uninhabited type.
///
/// **Invariant:** every permission is in the table: the trait is sealed.
pub trait Permission: sealed::Listed + Send + Sync + 'static {
    /// Name, as in a `forbidden` problem.
    const NAME: &'static str;
    /// Roles with the permission for the whole school.
    const ROLES: &'static [Role];
    /// Roles with the permission for the caller's own data only.
    const OWN_ROLES: &'static [Role];
}

/// A permission in the path's school: `Allowed<P>`.
pub trait InSchool: Permission {}

/// A permission in the path's school, for all of it or the caller's own data: `AllowedViewer<P>`,
/// `AllowedMember<P>`.
pub trait InSchoolOrOwn: Permission {}

/// A permission on the installation: `AllowedOnPlatform<P>`.
pub trait OnPlatform: Permission {}

/// Calls a generic method for each permission of the table.
pub trait PermissionVisitor {
    /// Visits a permission in a school.
    fn in_school<P: InSchool>(&mut self);
    /// Visits a permission in a school or for own data.
    fn in_school_or_own<P: InSchoolOrOwn>(&mut self);
    /// Visits a permission on the installation.
    fn on_platform<P: OnPlatform>(&mut self);
}

mod sealed {
    pub trait Listed {}
}

macro_rules! permissions {
    ($($scope:ident $visit:ident {
        $($(#[doc = $doc:literal])+ $name:ident: $($role:ident)+ $(, own: $($own:ident)+)?;)+
    })+) => {
        $($(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug)]
            pub enum $name {}

            impl sealed::Listed for $name {}
            impl Permission for $name {
                const NAME: &'static str = stringify!($name);
                const ROLES: &'static [Role] = &[$(Role::$role),+];
                const OWN_ROLES: &'static [Role] = &[$($(Role::$own),+)?];
            }
            impl $scope for $name {}
        )+)+

        /// Visits every permission.
        pub fn visit_permissions(visitor: &mut impl PermissionVisitor) {
            $($(visitor.$visit::<$name>();)+)+
        }
    };
}

permissions! {
    InSchool in_school {
        /// Allocate, revoke, transfer, suspend, reactivate; decide requests.
        Allocate: Principal PrincipalAdmin PlatformAdmin;

        /// Change the school's settings, members and departments.
        Administer: Principal PrincipalAdmin PlatformAdmin;

        /// Erase a person's data outside of the log.
        Erase: PrincipalAdmin PlatformAdmin;

        /// Change the subscription: tier, totals, period.
        Subscribe: Principal PrincipalAdmin PlatformAdmin;

        /// Debit, hold, settle, release, report usage. Not for people, platform admins included.
        Spend: Proxy;

        /// Correct usage, assign unattributed usage.
        Correct: Principal PrincipalAdmin PlatformAdmin;

        /// Read the school, its plan, settings, departments and members.
        ReadSchool: Principal PrincipalAdmin Auditor PlatformAdmin;

        /// Read the school's balance.
        ReadBalance: Principal PrincipalAdmin Auditor PlatformAdmin Proxy;

        /// Read, follow and export the log.
        ReadLog: Principal PrincipalAdmin Auditor PlatformAdmin;

        /// Create, list and revoke the school's API keys.
        ManageApiKeys: PrincipalAdmin PlatformAdmin;
    }

    InSchoolOrOwn in_school_or_own {
        /// Read a member.
        ReadMember: Principal PrincipalAdmin Auditor PlatformAdmin, own: Teacher;

        /// Read a member's balance.
        ReadMemberBalance: Principal PrincipalAdmin Auditor PlatformAdmin Proxy, own: Teacher;

        /// Read a department.
        ReadDepartment: Principal PrincipalAdmin Auditor PlatformAdmin, own: Teacher;

        /// Read a department's balance.
        ReadDepartmentBalance: Principal PrincipalAdmin Auditor PlatformAdmin Proxy, own: Teacher;

        /// Read history, usage and requests.
        ReadActivity: Principal PrincipalAdmin Auditor PlatformAdmin, own: Teacher;

        /// File and withdraw requests. Principals file on behalf of members.
        AskForUnits: Principal PrincipalAdmin PlatformAdmin, own: Teacher;
    }

    OnPlatform on_platform {
        /// Register a school.
        RegisterSchool: PlatformAdmin;

        /// Create, list and revoke API keys for all schools.
        ManagePlatformApiKeys: PlatformAdmin;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_role_has_no_permission() {
        struct Check;
        fn check<P: Permission>() {
            let has_system = [P::ROLES, P::OWN_ROLES].concat().contains(&Role::System);
            assert!(!has_system, "{}", P::NAME);
        }
        impl PermissionVisitor for Check {
            fn in_school<P: InSchool>(&mut self) {
                check::<P>();
            }
            fn in_school_or_own<P: InSchoolOrOwn>(&mut self) {
                check::<P>();
            }
            fn on_platform<P: OnPlatform>(&mut self) {
                check::<P>();
            }
        }
        visit_permissions(&mut Check);
    }
}
