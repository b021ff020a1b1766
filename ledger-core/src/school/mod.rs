//! The school itself: its registration, subscription, settings and members.

mod command;
mod decide;
mod event;
mod overage;
mod state;
mod subscribe;

pub use command::{
    ChangeSettings, EnrolMember, Reclaim, RegisterSchool, SchoolCommand, SetSubscription,
};
pub use event::{
    CycleTurn, MemberEnrolled, MemberErased, MemberRemoved, MemberRoleChanged, SchoolEvent,
    SchoolRegistered, Settings, SettingsChanged, SubscriptionChanged,
};
pub use overage::{NotAPercent, OveragePolicy, Percent};
pub use state::{Member, MemberStatus, School};

pub(crate) use decide::decide;
pub(crate) use state::{PendingReclaims, evolve};
