//! Every kind of event with its name and version, and the encoding of its data.
//!
//! Every form ever written stays readable: a new version of an event keeps the arm of the old one,
//! which is converted when it is read. `tests/golden` has one file of each form.

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

/// An event of a school, by noun.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// About the school itself or its members.
    School(SchoolEvent),
    /// About departments and their members.
    Department(DepartmentEvent),
    /// About allocations.
    Allocation(AllocationEvent),
    /// About requests.
    Request(RequestEvent),
    /// About usage.
    Usage(UsageEvent),
    /// About periods.
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
        /// The kind of an event.
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

            /// The version that new events have.
            #[must_use]
            pub const fn version(self) -> i16 {
                match self { $(Self::$kind => $version,)* }
            }
        }

        impl Event {
            /// The kind.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$noun($type::$variant(_)) => Kind::$kind,)* }
            }

            /// The event's data as JSON, in the form of the kind's version.
            ///
            /// # Errors
            /// Errors of `serde_json`, which no event causes.
            pub fn data(&self) -> Result<Value, serde_json::Error> {
                match self { $(Self::$noun($type::$variant(data)) => serde_json::to_value(data),)* }
            }

            /// Decodes an event of any version.
            ///
            /// # Errors
            /// [`UnreadableEvent`] if the kind or version is unknown or the data has another form.
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
    /// A school was registered.
    SchoolRegistered = "school_registered" v 1 <- School(SchoolEvent::Registered);
    /// A subscription was changed.
    SubscriptionChanged = "subscription_changed" v 1 <- School(SchoolEvent::SubscriptionChanged);
    /// Settings were changed.
    SettingsChanged = "settings_changed" v 1 <- School(SchoolEvent::SettingsChanged);
    /// A member was enrolled.
    MemberEnrolled = "member_enrolled" v 1 <- School(SchoolEvent::MemberEnrolled);
    /// A member's role was changed.
    MemberRoleChanged = "member_role_changed" v 1 <- School(SchoolEvent::MemberRoleChanged);
    /// A member was removed.
    MemberRemoved = "member_removed" v 1 <- School(SchoolEvent::MemberRemoved);
    /// The personal data of a member was erased.
    MemberErased = "member_erased" v 1 <- School(SchoolEvent::MemberErased);
    /// A department was opened.
    DepartmentOpened = "department_opened" v 1 <- Department(DepartmentEvent::Opened);
    /// A department was closed.
    DepartmentClosed = "department_closed" v 1 <- Department(DepartmentEvent::Closed);
    /// A member moved to another department or to none.
    MemberMoved = "member_moved" v 1 <- Department(DepartmentEvent::MemberMoved);
    /// An allocation was raised.
    UnitsAllocated = "units_allocated" v 1 <- Allocation(AllocationEvent::Allocated);
    /// An allocation was lowered.
    UnitsRevoked = "units_revoked" v 1 <- Allocation(AllocationEvent::Revoked);
    /// Units were moved from one holder to another.
    UnitsTransferred = "units_transferred" v 1 <- Allocation(AllocationEvent::Transferred);
    /// Priority or renewal was changed.
    AllocationTermsSet = "allocation_terms_set" v 1 <- Allocation(AllocationEvent::TermsSet);
    /// A member was suspended.
    MemberSuspended = "member_suspended" v 1 <- Allocation(AllocationEvent::Suspended);
    /// A suspension was ended.
    MemberReactivated = "member_reactivated" v 1 <- Allocation(AllocationEvent::Reactivated);
    /// Units were spent.
    UsageDebited = "usage_debited" v 1 <- Usage(UsageEvent::Debited);
    /// Units were reserved.
    HoldPlaced = "hold_placed" v 1 <- Usage(UsageEvent::HoldPlaced);
    /// A hold was settled.
    HoldSettled = "hold_settled" v 1 <- Usage(UsageEvent::HoldSettled);
    /// A hold was released.
    HoldReleased = "hold_released" v 1 <- Usage(UsageEvent::HoldReleased);
    /// A hold expired.
    HoldExpired = "hold_expired" v 1 <- Usage(UsageEvent::HoldExpired);
    /// Debits or holds were refused.
    UsageRefused = "usage_refused" v 1 <- Usage(UsageEvent::Refused);
    /// A request was filed.
    RequestFiled = "request_filed" v 1 <- Request(RequestEvent::Filed);
    /// A request was approved, in full or in part.
    RequestApproved = "request_approved" v 1 <- Request(RequestEvent::Approved);
    /// A request was rejected.
    RequestRejected = "request_rejected" v 1 <- Request(RequestEvent::Rejected);
    /// A request was withdrawn.
    RequestWithdrawn = "request_withdrawn" v 1 <- Request(RequestEvent::Withdrawn);
    /// A request expired without a decision.
    RequestExpired = "request_expired" v 1 <- Request(RequestEvent::Expired);
    /// A period ended and the next one began.
    PeriodClosed = "period_closed" v 1 <- Period(PeriodEvent::Closed);
    /// Allocations were renewed in a new period, or lapsed.
    AllocationsRenewed = "allocations_renewed" v 1 <- Period(PeriodEvent::Renewed);
    /// Usage was reported after the fact.
    UsageReported = "usage_reported" v 1 <- Usage(UsageEvent::Reported);
    /// Reported usage has no known member or service.
    UsageParked = "usage_parked" v 1 <- Usage(UsageEvent::Parked);
    /// Usage was attributed to a member.
    UsageAttributed = "usage_attributed" v 1 <- Usage(UsageEvent::Attributed);
    /// Usage was refunded, in full or in part.
    UsageCorrected = "usage_corrected" v 1 <- Usage(UsageEvent::Corrected);
}

/// An event that this version cannot decode.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableEvent {
    /// The kind or version is unknown, so a newer version wrote it.
    #[error("unknown event {kind} version {version}, written by a newer version")]
    Unknown {
        /// The kind.
        kind: String,
        /// The version.
        version: i16,
    },
    /// The data does not have the form of the kind.
    #[error("malformed data of event {kind} version {version}")]
    Form {
        /// The kind.
        kind: String,
        /// The version.
        version: i16,
        /// The cause.
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
    /// The member that the event is about, if there is exactly one; of a transfer the giver.
    #[must_use]
    pub fn member_id(&self) -> Option<MemberId> {
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
            Self::Usage(event) => event.account().map(|account| account.member_id),
            Self::Period(_) => None,
        }
    }

    /// The department that the event is about or counts in; of a move the new one.
    #[must_use]
    pub fn department_id(&self) -> Option<DepartmentId> {
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
            Self::Usage(event) => event.account().and_then(|account| account.department_id),
        }
    }

    /// The service that the event is about, if there is exactly one.
    #[must_use]
    pub fn service(&self) -> Option<&ServiceId> {
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
            Self::Usage(event) => event.account().map(|account| &account.service),
        }
    }

    /// The cause, if the event was not requested by itself.
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

    /// The commitment to the reason, if given.
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

    /// The commitment to the unknown subject of reported usage.
    #[must_use]
    pub const fn subject(&self) -> Option<Commitment> {
        let Self::Usage(UsageEvent::Parked(e)) = self else {
            return None;
        };
        e.subject
    }

    /// The usage that the event attributes or corrects.
    #[must_use]
    pub const fn usage_id(&self) -> Option<EventId> {
        if let Self::Usage(UsageEvent::Attributed(e)) = self {
            Some(e.usage_id)
        } else if let Self::Usage(UsageEvent::Corrected(e)) = self {
            Some(e.usage_id)
        } else {
            None
        }
    }
}
