//! Requests: a teacher asks for units, another person decides.

mod command;
mod decide;
mod event;
mod state;

pub use command::{
    ApproveRequest, ClosedRequest, FileRequest, RejectRequest, RequestCommand, TTL_SECONDS,
};
pub use event::{
    RequestApproved, RequestEvent, RequestExpired, RequestFiled, RequestRejected, RequestStatus,
    RequestWithdrawn, UnitsByService, Urgency,
};
pub use state::{PendingRequest, Requests};

pub(crate) use decide::{decide, due, version, withdrawn_on_removal};
pub(crate) use state::evolve;
