//! Changes of allocations, as the answers to writes list them.

use std::borrow::Cow;
use std::marker::PhantomData;

use ledger_core::Event;
use ledger_core::allocation::{AllocationChanged, AllocationEvent};
use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::quotas::Quota;
use super::scalars::ServiceId;
use super::value::NamedSchemas;

/// The allocations that a write increased.
pub fn increases(receipt: &Receipt) -> impl Iterator<Item = &AllocationChanged> {
    receipt.events.iter().filter_map(|recorded| {
        let Event::Allocation(AllocationEvent::Allocated(change)) = &recorded.event else {
            return None;
        };
        Some(change)
    })
}

/// The allocations that a write decreased.
pub fn decreases(receipt: &Receipt) -> impl Iterator<Item = &AllocationChanged> {
    receipt.events.iter().filter_map(|recorded| {
        let Event::Allocation(AllocationEvent::Revoked(change)) = &recorded.event else {
            return None;
        };
        Some(change)
    })
}

/// The name of a schema.
pub trait SchemaName {
    /// The name.
    const NAME: &'static str;
}

/// The schema of changes that are caused by an enrolment.
#[derive(Clone, Copy, Debug)]
pub struct Enrolment;

impl SchemaName for Enrolment {
    const NAME: &'static str = "GrantAnswer";
}

/// The schema of changes that are caused by an approval.
#[derive(Clone, Copy, Debug)]
pub struct Approval;

impl SchemaName for Approval {
    const NAME: &'static str = "GrantedAnswer";
}

/// The schema of changes that are caused by the end of a holder.
#[derive(Clone, Copy, Debug)]
pub struct Ending;

impl SchemaName for Ending {
    const NAME: &'static str = "ReturnedAnswer";
}

/// A grant that comes with an enrolment.
pub type GrantAnswer = ServiceChange<Enrolment>;

/// A grant that comes with an approval.
pub type GrantedAnswer = ServiceChange<Approval>;

/// Units that return because their holder is removed or closed.
pub type ReturnedAnswer = ServiceChange<Ending>;

/// The allocation of one service before and after a write, whose holder the answer names elsewhere.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct ServiceChange<N> {
    change: Line,
    #[serde(skip)]
    name: PhantomData<N>,
}

/// The allocation of a service before and after a write.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Line {
    /// The service.
    service: ServiceId,
    /// Allocated before.
    before: Quota,
    /// Allocated now.
    allocated: Quota,
}

impl<N> From<&AllocationChanged> for ServiceChange<N> {
    fn from(changed: &AllocationChanged) -> Self {
        let change = Line {
            service: changed.service.clone().into(),
            before: changed.before.into(),
            allocated: changed.after.into(),
        };
        let name = PhantomData;
        Self { change, name }
    }
}

impl<N> PartialSchema for ServiceChange<N> {
    fn schema() -> RefOr<Schema> {
        Line::schema()
    }
}

impl<N: SchemaName> ToSchema for ServiceChange<N> {
    fn name() -> Cow<'static, str> {
        N::NAME.into()
    }

    fn schemas(schemas: &mut NamedSchemas) {
        Line::schemas(schemas);
    }
}
