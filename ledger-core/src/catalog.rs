//! Each event's name and version on one page, and how its data is written and read.
//!
//! Every form that was ever written reads for ever: a new version of an event keeps the arm of the
//! old one here and is turned into the new one as it is read. Golden files in `tests/golden` hold
//! one of each.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::allocation::{AllocationEvent, Cause, Holder};
use crate::department::DepartmentEvent;
use crate::ids::{DepartmentId, EventId, MemberId};
use crate::period::PeriodEvent;
use crate::request::RequestEvent;
use crate::school::SchoolEvent;
use crate::service::ServiceId;
use crate::text::Commitment;
use crate::usage::UsageEvent;

/// Something that happened to a school.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// To the school itself or its members.
    School(SchoolEvent),
    /// To departments and who is in them.
    Department(DepartmentEvent),
    /// To allocations.
    Allocation(AllocationEvent),
    /// To requests for units.
    Request(RequestEvent),
    /// To usage.
    Usage(UsageEvent),
    /// To the billing cycle.
    Period(PeriodEvent),
}

macro_rules! nouns {
    ($($noun:ident($type:ident);)*) => {$(
        impl From<$type> for Event {
            fn from(event: $type) -> Self {
                Self::$noun(event)
            }
        }
    )*};
}

nouns! {
    School(SchoolEvent);
    Department(DepartmentEvent);
    Allocation(AllocationEvent);
    Request(RequestEvent);
    Usage(UsageEvent);
    Period(PeriodEvent);
}

macro_rules! kinds {
    ($(
        $(#[$doc:meta])*
        $kind:ident = $name:literal v $version:literal <- $noun:ident($type:ident::$variant:ident);
    )*) => {
        /// The name of an event's type, as it stands in the log.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The name in the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// The kind of a name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$kind),)* _ => None }
            }

            /// The version that is written today.
            #[must_use]
            pub const fn version(self) -> i16 {
                match self { $(Self::$kind => $version,)* }
            }
        }

        impl Event {
            /// The type's name.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$noun($type::$variant(_)) => Kind::$kind,)* }
            }

            /// The event's data as JSON, in the form of its kind's present version.
            ///
            /// # Errors
            /// Only what `serde_json` itself refuses, which no event holds.
            pub fn data(&self) -> Result<Value, serde_json::Error> {
                match self { $(Self::$noun($type::$variant(data)) => serde_json::to_value(data),)* }
            }

            /// Reads an event as it was written, whatever its version.
            ///
            /// # Errors
            /// [`UnreadableEvent`] when the kind or version was never written, or the data is not
            /// of its form.
            pub fn read(kind: &str, version: i16, data: Value) -> Result<Self, UnreadableEvent> {
                match (Kind::parse(kind), version) {
                    $((Some(Kind::$kind), $version) => parse(kind, version, data)
                        .map(|data| Self::$noun($type::$variant(data))),)*
                    _ => Err(UnreadableEvent::Unknown { kind: kind.to_owned(), version }),
                }
            }
        }
    };
}

kinds! {
    /// A school exists.
    SchoolRegistered = "school_registered" v 1 <- School(SchoolEvent::Registered);
    /// A school bought something else.
    SubscriptionChanged = "subscription_changed" v 1 <- School(SchoolEvent::SubscriptionChanged);
    /// A school changed its own rules.
    SettingsChanged = "settings_changed" v 1 <- School(SchoolEvent::SettingsChanged);
    /// A person came in.
    MemberEnrolled = "member_enrolled" v 1 <- School(SchoolEvent::MemberEnrolled);
    /// A member may do something else.
    MemberRoleChanged = "member_role_changed" v 1 <- School(SchoolEvent::MemberRoleChanged);
    /// A member left.
    MemberRemoved = "member_removed" v 1 <- School(SchoolEvent::MemberRemoved);
    /// What was kept of a person beside the log is erased.
    MemberErased = "member_erased" v 1 <- School(SchoolEvent::MemberErased);
    /// A department exists.
    DepartmentOpened = "department_opened" v 1 <- Department(DepartmentEvent::Opened);
    /// A department ended.
    DepartmentClosed = "department_closed" v 1 <- Department(DepartmentEvent::Closed);
    /// A member is in another department than before.
    MemberMoved = "member_moved" v 1 <- Department(DepartmentEvent::MemberMoved);
    /// A holder has more.
    UnitsAllocated = "units_allocated" v 1 <- Allocation(AllocationEvent::Allocated);
    /// A holder has less.
    UnitsRevoked = "units_revoked" v 1 <- Allocation(AllocationEvent::Revoked);
    /// Units went from one holder to another.
    UnitsTransferred = "units_transferred" v 1 <- Allocation(AllocationEvent::Transferred);
    /// Priority or auto-renew changed.
    AllocationTermsSet = "allocation_terms_set" v 1 <- Allocation(AllocationEvent::TermsSet);
    /// A member may not use what he holds.
    MemberSuspended = "member_suspended" v 1 <- Allocation(AllocationEvent::Suspended);
    /// A member may use it again.
    MemberReactivated = "member_reactivated" v 1 <- Allocation(AllocationEvent::Reactivated);
    /// Units were spent.
    UsageDebited = "usage_debited" v 1 <- Usage(UsageEvent::Debited);
    /// Units were reserved.
    HoldPlaced = "hold_placed" v 1 <- Usage(UsageEvent::HoldPlaced);
    /// A reserved call was made.
    HoldSettled = "hold_settled" v 1 <- Usage(UsageEvent::HoldSettled);
    /// A reservation was given up.
    HoldReleased = "hold_released" v 1 <- Usage(UsageEvent::HoldReleased);
    /// A reservation ran out.
    HoldExpired = "hold_expired" v 1 <- Usage(UsageEvent::HoldExpired);
    /// Units were refused.
    UsageRefused = "usage_refused" v 1 <- Usage(UsageEvent::Refused);
    /// Somebody asked for units.
    RequestFiled = "request_filed" v 1 <- Request(RequestEvent::Filed);
    /// A request was granted, in full or in part.
    RequestApproved = "request_approved" v 1 <- Request(RequestEvent::Approved);
    /// A request was not granted.
    RequestRejected = "request_rejected" v 1 <- Request(RequestEvent::Rejected);
    /// A request was taken back.
    RequestWithdrawn = "request_withdrawn" v 1 <- Request(RequestEvent::Withdrawn);
    /// Nobody decided on a request in time.
    RequestExpired = "request_expired" v 1 <- Request(RequestEvent::Expired);
    /// A period ended and the next one began.
    PeriodClosed = "period_closed" v 1 <- Period(PeriodEvent::Closed);
    /// Allocations were granted again in a new period, or lapsed.
    AllocationsRenewed = "allocations_renewed" v 1 <- Period(PeriodEvent::Renewed);
    /// Usage that had happened was reported.
    UsageReported = "usage_reported" v 1 <- Usage(UsageEvent::Reported);
    /// Reported usage is nobody's yet, or of no known service.
    UsageParked = "usage_parked" v 1 <- Usage(UsageEvent::Parked);
    /// Parked usage was given to a member, or from one member to another.
    UsageAttributed = "usage_attributed" v 1 <- Usage(UsageEvent::Attributed);
    /// Usage was refunded, in full or in part.
    UsageCorrected = "usage_corrected" v 1 <- Usage(UsageEvent::Corrected);
}

/// An event that no version of this program wrote, or that was damaged.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableEvent {
    /// A kind or version from a newer program.
    #[error("unknown event {kind} version {version}; a newer ledger wrote it")]
    Unknown {
        /// The kind.
        kind: String,
        /// The version.
        version: i16,
    },
    /// Data that is not of its kind's form.
    #[error("the data of an event {kind} version {version} is not of its form")]
    Form {
        /// The kind.
        kind: String,
        /// The version.
        version: i16,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
}

fn parse<T: DeserializeOwned>(kind: &str, version: i16, data: Value) -> Result<T, UnreadableEvent> {
    serde_json::from_value(data).map_err(|source| UnreadableEvent::Form {
        kind: kind.to_owned(),
        version,
        source,
    })
}

const fn department_of(holder: Holder, funded_by: Option<DepartmentId>) -> Option<DepartmentId> {
    match holder {
        Holder::Member(_) => funded_by,
        Holder::Department(department_id) => Some(department_id),
    }
}

impl Event {
    /// Whose event it is, if it is one member's; of a transfer the giver's.
    #[must_use]
    pub const fn member_id(&self) -> Option<MemberId> {
        match self {
            Self::School(event) => match event {
                SchoolEvent::Registered(_)
                | SchoolEvent::SubscriptionChanged(_)
                | SchoolEvent::SettingsChanged(_) => None,
                SchoolEvent::MemberEnrolled(e) => Some(e.member_id),
                SchoolEvent::MemberRoleChanged(e) => Some(e.member_id),
                SchoolEvent::MemberRemoved(e) => Some(e.member_id),
                SchoolEvent::MemberErased(e) => Some(e.member_id),
            },
            Self::Department(event) => match event {
                DepartmentEvent::Opened(_) | DepartmentEvent::Closed(_) => None,
                DepartmentEvent::MemberMoved(e) => Some(e.member_id),
            },
            Self::Allocation(event) => match event {
                AllocationEvent::Allocated(e) | AllocationEvent::Revoked(e) => e.holder.member_id(),
                AllocationEvent::Transferred(e) => e.holder.member_id(),
                AllocationEvent::TermsSet(e) => e.holder.member_id(),
                AllocationEvent::Suspended(e) => Some(e.member_id),
                AllocationEvent::Reactivated(e) => Some(e.member_id),
            },
            Self::Request(event) => Some(event.member_id()),
            Self::Usage(UsageEvent::Refused(e)) => Some(e.member_id),
            Self::Usage(UsageEvent::Parked(e)) => e.member_id,
            Self::Usage(event) => match event.account() {
                Some(account) => Some(account.member_id),
                None => None,
            },
            Self::Period(_) => None,
        }
    }

    /// The department that it is about, or in whose books it counts; of a move the one moved to.
    #[must_use]
    pub const fn department_id(&self) -> Option<DepartmentId> {
        match self {
            Self::School(_) | Self::Request(_) | Self::Period(_) => None,
            Self::Department(event) => match event {
                DepartmentEvent::Opened(e) => Some(e.department_id),
                DepartmentEvent::Closed(e) => Some(e.department_id),
                DepartmentEvent::MemberMoved(e) => e.after,
            },
            Self::Allocation(event) => match event {
                AllocationEvent::Allocated(e) | AllocationEvent::Revoked(e) => {
                    department_of(e.holder, e.funded_by)
                }
                AllocationEvent::Transferred(e) => department_of(e.holder, e.funded_by),
                AllocationEvent::TermsSet(e) => e.holder.department_id(),
                AllocationEvent::Suspended(_) | AllocationEvent::Reactivated(_) => None,
            },
            Self::Usage(UsageEvent::Refused(e)) => e.department_id,
            Self::Usage(event) => match event.account() {
                Some(account) => account.department_id,
                None => None,
            },
        }
    }

    /// Which service it is about, if it is about one.
    #[must_use]
    pub const fn service(&self) -> Option<&ServiceId> {
        match self {
            Self::School(_) | Self::Department(_) | Self::Request(_) | Self::Period(_) => None,
            Self::Allocation(event) => match event {
                AllocationEvent::Allocated(e) | AllocationEvent::Revoked(e) => Some(&e.service),
                AllocationEvent::Transferred(e) => Some(&e.service),
                AllocationEvent::TermsSet(e) => Some(&e.service),
                AllocationEvent::Suspended(_) | AllocationEvent::Reactivated(_) => None,
            },
            Self::Usage(UsageEvent::Refused(e)) => Some(&e.service),
            // Unattributed usage has a service as sent, which may be unknown.
            Self::Usage(event) => match event.account() {
                Some(account) => Some(&account.service),
                None => None,
            },
        }
    }

    /// What it came out of, when it was not asked for by itself.
    #[must_use]
    pub const fn cause(&self) -> Option<&Cause> {
        match self {
            Self::School(_) | Self::Department(_) | Self::Usage(_) => None,
            Self::Request(event) => event.cause(),
            Self::Period(_) => Some(&Cause::PeriodRollover),
            Self::Allocation(event) => match event {
                AllocationEvent::Allocated(e) | AllocationEvent::Revoked(e) => e.cause.as_ref(),
                AllocationEvent::Transferred(e) => e.cause.as_ref(),
                AllocationEvent::TermsSet(e) => e.cause.as_ref(),
                AllocationEvent::Suspended(_) | AllocationEvent::Reactivated(_) => None,
            },
        }
    }

    /// The commitment to why, if somebody said why.
    #[must_use]
    pub const fn reason(&self) -> Option<Commitment> {
        match self {
            Self::Period(_) | Self::Department(_) => None,
            Self::School(event) => match event {
                SchoolEvent::MemberErased(e) => e.reason,
                SchoolEvent::Registered(_)
                | SchoolEvent::SubscriptionChanged(_)
                | SchoolEvent::SettingsChanged(_)
                | SchoolEvent::MemberEnrolled(_)
                | SchoolEvent::MemberRoleChanged(_)
                | SchoolEvent::MemberRemoved(_) => None,
            },
            Self::Request(event) => event.reason(),
            Self::Allocation(event) => match event {
                AllocationEvent::Allocated(e) | AllocationEvent::Revoked(e) => e.reason,
                AllocationEvent::Transferred(e) => Some(e.reason),
                AllocationEvent::TermsSet(e) => Some(e.reason),
                AllocationEvent::Suspended(e) => Some(e.reason),
                AllocationEvent::Reactivated(e) => Some(e.reason),
            },
            Self::Usage(event) => match event {
                UsageEvent::HoldReleased(e) => e.reason,
                UsageEvent::Attributed(e) => Some(e.reason),
                UsageEvent::Corrected(e) => Some(e.reason),
                UsageEvent::Debited(_)
                | UsageEvent::HoldPlaced(_)
                | UsageEvent::HoldSettled(_)
                | UsageEvent::HoldExpired(_)
                | UsageEvent::Refused(_)
                | UsageEvent::Reported(_)
                | UsageEvent::Parked(_) => None,
            },
        }
    }

    /// The commitment to whose usage it was said to be, where the ledger knows nobody of that name.
    #[must_use]
    pub const fn subject(&self) -> Option<Commitment> {
        match self {
            Self::Usage(UsageEvent::Parked(e)) => e.subject,
            Self::School(_)
            | Self::Department(_)
            | Self::Allocation(_)
            | Self::Usage(_)
            | Self::Request(_)
            | Self::Period(_) => None,
        }
    }

    /// The usage that a later event is about, which then says how that usage stands.
    #[must_use]
    pub const fn usage_id(&self) -> Option<EventId> {
        match self {
            Self::Usage(UsageEvent::Attributed(e)) => Some(e.usage_id),
            Self::Usage(UsageEvent::Corrected(e)) => Some(e.usage_id),
            Self::School(_)
            | Self::Department(_)
            | Self::Allocation(_)
            | Self::Usage(_)
            | Self::Request(_)
            | Self::Period(_) => None,
        }
    }
}
