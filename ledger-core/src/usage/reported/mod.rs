//! What is learnt of usage reported: it is reported when it has happened, given to the member
//! whose it was, refunded. What happened is recorded whatever it exceeds.
//!
//! A refund or an attribution names the usage that it is about, and says how that usage stands
//! since: the usage itself and the newest such event tell all ([`PriorUsage`]), however many there
//! were.

mod command;
mod decide;
mod event;
mod prior;

pub use command::{AttributeUsage, CorrectUsage, Report};
pub use event::{
    Attribution, UsageAttributed, UsageCorrected, UsageParked, UsageReported, WhyParked,
};
pub use prior::{Counted, PriorUsage};

pub(super) use decide::{attribute, correct, report};
