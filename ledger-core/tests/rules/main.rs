//! The rules, one module for each question. One program, so that it is linked once.

mod allocation;
mod batch;
mod conservation;
mod department;
mod erasure;
mod golden;
mod hold;
mod member;
mod metered_again;
mod overage;
mod period;
mod plan;
mod purity;
mod reclaim;
mod reported;
mod request;
mod school;
mod support;
mod usage;
mod values;
