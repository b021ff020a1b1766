//! Usage recorded after the fact: reported, attributed to a member, refunded. Usage that happened
//! is recorded whatever it exceeds.
//!
//! A refund or an attribution names the usage and states its result. The usage's own event and the
//! newest such event are therefore the whole prior state ([`PriorUsage`]), however many there were.

mod command;
mod decide;
mod event;
mod prior;

pub use command::{AttributeUsage, CorrectUsage, Report};
pub use event::{
    Attribution, UnattributedReason, UsageAttributed, UsageCorrected, UsageParked, UsageReported,
};
pub use prior::{Counted, PriorUsage};
