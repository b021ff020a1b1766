//! Who may do what: the whole of it, on this page.
//!
//! A handler names a permission in its arguments, as the type of an extractor, and so cannot be
//! reached without it. Every change here is a change of the contract.

use ledger_core::Role;

/// Something that a role may do. The types that implement it are values of nothing.
///
/// **Invariant:** every permission is in [`PERMISSIONS`]: the trait cannot be implemented elsewhere.
pub trait Permission: sealed::Listed + Send + Sync + 'static {
    /// The name, as a `forbidden` problem states it.
    const NAME: &'static str;
    /// Who may, for the whole school.
    const ROLES: &'static [Role];
    /// Who may, for himself only.
    const OWN: &'static [Role];
}

/// A permission in the school that the path names: `Allowed<P>`.
pub trait InSchool: Permission {}

/// A permission in the school that the path names, which some have for themselves only:
/// `AllowedViewer<P>`, `AllowedMember<P>`.
pub trait InSchoolOrOwn: Permission {}

/// A permission on the installation, of no school: `AllowedOnPlatform<P>`.
pub trait OnPlatform: Permission {}

/// A line of the table, for tests and documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermissionRow {
    /// Its name.
    pub name: &'static str,
    /// Who may, for the whole school.
    pub roles: &'static [Role],
    /// Who may, for himself only.
    pub own: &'static [Role],
}

mod sealed {
    pub trait Listed {}
}

macro_rules! permissions {
    ($($reach:ident {
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
                const OWN: &'static [Role] = &[$($(Role::$own),+)?];
            }
            impl $reach for $name {}
        )+)+

        /// Every permission there is.
        pub const PERMISSIONS: &[PermissionRow] = &[$($(
            PermissionRow {
                name: $name::NAME,
                roles: $name::ROLES,
                own: $name::OWN,
            },
        )+)+];
    };
}

permissions! {
    InSchool {
        /// Allocate, revoke, transfer, suspend, reactivate; decide requests.
        Allocate: Principal PrincipalAdmin PlatformAdmin;

        /// Change the school's settings, its members, their roles and departments.
        Administer: Principal PrincipalAdmin PlatformAdmin;

        /// Erase what is kept of a person beside the log, for ever.
        Erase: PrincipalAdmin PlatformAdmin;

        /// Change what the school buys: tier, totals, period.
        Subscribe: Principal PrincipalAdmin PlatformAdmin;

        /// Debit, hold, settle, release, report usage. Nobody spends by hand, not even who runs
        /// the installation.
        Spend: Proxy;

        /// Refund usage by a correction, give unattributed usage to a member.
        Correct: Principal PrincipalAdmin PlatformAdmin;

        /// Read the school, its plan, settings, departments and members.
        ReadSchool: Principal PrincipalAdmin Auditor PlatformAdmin;

        /// Read the school's balance: a proxy's only read, and its members' balances.
        ReadBalance: Principal PrincipalAdmin Auditor PlatformAdmin Proxy;

        /// Read, follow and export the log.
        ReadLog: Principal PrincipalAdmin Auditor PlatformAdmin;

        /// Make, list and revoke the school's API keys.
        ManageApiKeys: PrincipalAdmin PlatformAdmin;
    }

    InSchoolOrOwn {
        /// Read a member: a teacher himself only.
        ReadMember: Principal PrincipalAdmin Auditor PlatformAdmin, own: Teacher;

        /// Read a member's balance: a proxy anybody's, a teacher his own.
        ReadMemberBalance: Principal PrincipalAdmin Auditor PlatformAdmin Proxy, own: Teacher;

        /// Read a department: a teacher his own only.
        ReadDepartment: Principal PrincipalAdmin Auditor PlatformAdmin, own: Teacher;

        /// Read a department's balance: a proxy any, a teacher that of his own.
        ReadDepartmentBalance: Principal PrincipalAdmin Auditor PlatformAdmin Proxy, own: Teacher;

        /// Read history, usage and requests: a teacher his own rows.
        ReadActivity: Principal PrincipalAdmin Auditor PlatformAdmin, own: Teacher;

        /// Ask for units, and withdraw that: a teacher for himself, a principal on behalf.
        AskForUnits: Principal PrincipalAdmin PlatformAdmin, own: Teacher;
    }

    OnPlatform {
        /// Register a school.
        RegisterSchool: PlatformAdmin;

        /// Make, list and revoke API keys that are for all schools.
        ManagePlatformApiKeys: PlatformAdmin;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_as_agreed() {
        let table: Vec<String> = PERMISSIONS
            .iter()
            .map(|row| {
                let words = |roles: &[Role]| {
                    let words: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
                    words.join(" ")
                };
                let row = format!("{}: {} | {}", row.name, words(row.roles), words(row.own));
                row.trim_end_matches([' ', '|']).to_owned()
            })
            .collect();
        assert_eq!(
            table,
            [
                "Allocate: principal principal_admin platform_admin",
                "Administer: principal principal_admin platform_admin",
                "Erase: principal_admin platform_admin",
                "Subscribe: principal principal_admin platform_admin",
                "Spend: proxy",
                "Correct: principal principal_admin platform_admin",
                "ReadSchool: principal principal_admin auditor platform_admin",
                "ReadBalance: principal principal_admin auditor platform_admin proxy",
                "ReadLog: principal principal_admin auditor platform_admin",
                "ManageApiKeys: principal_admin platform_admin",
                "ReadMember: principal principal_admin auditor platform_admin | teacher",
                "ReadMemberBalance: principal principal_admin auditor platform_admin proxy | teacher",
                "ReadDepartment: principal principal_admin auditor platform_admin | teacher",
                "ReadDepartmentBalance: principal principal_admin auditor platform_admin proxy | teacher",
                "ReadActivity: principal principal_admin auditor platform_admin | teacher",
                "AskForUnits: principal principal_admin platform_admin | teacher",
                "RegisterSchool: platform_admin",
                "ManagePlatformApiKeys: platform_admin",
            ]
        );
    }

    #[test]
    fn the_ledger_itself_is_let_in_nowhere() {
        for row in PERMISSIONS {
            let system = |roles: &[Role]| roles.contains(&Role::System);
            assert!(!system(row.roles) && !system(row.own), "{}", row.name);
        }
    }
}
