//! Read models on a real Postgres, compared with the pure fold. One program, so that it is linked
//! once.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod fold;
mod plans;
mod poison;
mod read;
mod rebuild;
mod support;
