//! What is learnt of usage afterwards: it is reported when it has happened, given to the member
//! whose it was, refunded. What happened is recorded whatever it exceeds.
//!
//! A refund or an attribution names the usage that it is about, and says how that usage stands
//! since: the usage itself and the newest such event tell all ([`Recalled`]), however many there
//! were.

mod command;
mod decide;
mod event;
mod recalled;

pub use command::{AttributeUsage, CorrectUsage, Report};
pub use event::{
    Attribution, UsageAttributed, UsageCorrected, UsageParked, UsageReported, WhyParked,
};
pub use recalled::{Counted, Recalled};

pub(super) use decide::{attribute, correct, report};
