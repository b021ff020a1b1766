//! One allocation: what is asked of it, and what is told.

use std::borrow::Cow;
use std::marker::PhantomData;

use ledger_core::allocation::{
    AllocationCommand, AllocationEvent, AllocationRow, Change, Holder, Priority,
};
use ledger_core::decider::AccountView;
use ledger_core::{Action, Actor, DepartmentId, Event, EventId, MemberId, Quota, Seq, ServiceId};
use ledger_store::writer::{Envelope, Receipt};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AllOf, AnyOf, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::command::{RequestMeta, free_text};
use crate::http::fingerprint;
use crate::openapi::schema;
use crate::problem::Problem;
use crate::values::{self, ServiceName, words};

/// What a member or a department is to hold; at least one of `units`, `priority` and `auto_renew`.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "units": 50, "reason": "exam weeks", "priority": "high" }))]
pub struct AllocationBody {
    /// How many units; they stay as they are when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Quota>)]
    units: Option<values::Quota>,
    /// Why.
    #[schema(value_type = schema::Reason)]
    reason: String,
    /// How the holder ranks when units are short.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<words::Priority>)]
    priority: Option<Priority>,
    /// Whether it is granted again in the next period.
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_renew: Option<bool>,
}

impl AllocationBody {
    pub(super) fn into_envelope(
        self,
        (holder, service): (Holder, ServiceName),
        actor: Actor,
        meta: &RequestMeta,
    ) -> Result<Envelope, Problem> {
        let fingerprint = match holder {
            Holder::Member(id) => fingerprint("set-allocation", &[&id, &service.0], &self),
            Holder::Department(id) => {
                fingerprint("set-department-allocation", &[&id, &service.0], &self)
            }
        }?;
        if self.units.is_none() && self.priority.is_none() && self.auto_renew.is_none() {
            let needed = "one of units, priority and auto_renew is needed";
            return Err(Problem::invalid(needed).at("units"));
        }
        let row = AllocationRow {
            holder: holder.into(),
            service: service.0,
            change: self
                .units
                .map_or(Change::Keep, |units| Change::Set(units.0)),
            priority: self.priority,
            auto_renew: self.auto_renew,
        };
        let command = AllocationCommand::Apply {
            rows: vec![row],
            reason: free_text("reason", &self.reason)?,
            as_batch: false,
        };
        let action = Action::Allocation(command);
        Ok(meta.envelope(actor, fingerprint, action))
    }
}

/// How the body is documented.
pub type AllocationDocument = SomethingSet<AllocationBody>;

/// How a body `T` is documented of which at least one of three members must be there.
#[derive(Debug)]
pub struct SomethingSet<T>(PhantomData<T>);

impl<T: ToSchema> PartialSchema for SomethingSet<T> {
    fn schema() -> RefOr<Schema> {
        let given = |name: &str, types: Vec<Type>| {
            ObjectBuilder::new()
                .property(
                    name,
                    ObjectBuilder::new().schema_type(SchemaType::from_iter(types)),
                )
                .required(name)
                .build()
        };
        let mut any = AnyOf::new();
        any.items = [
            given("units", vec![Type::Integer, Type::String]),
            given("priority", vec![Type::String]),
            given("auto_renew", vec![Type::Boolean]),
        ]
        .into_iter()
        .map(|object| RefOr::T(Schema::Object(object)))
        .collect();
        let mut both = AllOf::new();
        both.items = vec![T::schema(), RefOr::T(Schema::AnyOf(any))];
        RefOr::T(Schema::AllOf(both))
    }
}

impl<T: ToSchema> ToSchema for SomethingSet<T> {
    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

/// What a member or a department holds of a service.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AllocationAnswer {
    /// The head of the school's log.
    #[schema(value_type = schema::Seq)]
    seq: Seq,
    /// The change's identity in the school; none when it was so already.
    #[schema(value_type = Option<Uuid>, required)]
    event_id: Option<EventId>,
    /// Whether it was done before, and this is what came of it then.
    replayed: bool,
    /// The member who holds it, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    member_id: Option<MemberId>,
    /// The department that holds it, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    department_id: Option<DepartmentId>,
    /// Of which service.
    #[schema(value_type = schema::ServiceId)]
    service: ServiceId,
    /// Allocated before.
    #[schema(value_type = schema::Quota)]
    before: Quota,
    /// Allocated now.
    #[schema(value_type = schema::Quota)]
    allocated: Quota,
    /// How the holder ranks.
    #[schema(value_type = words::Priority)]
    priority: Priority,
    /// Whether it is granted again in the next period.
    auto_renew: bool,
}

impl AllocationAnswer {
    /// Events of new terms do not name the amount, which stayed: it is the account's.
    pub(super) fn of(receipt: &Receipt) -> Result<Self, Problem> {
        let unlike = || Problem::unlike("an allocation", receipt);
        let account = receipt.view.accounts.first().ok_or_else(unlike)?;
        let unchanged = Self::found(account, receipt);
        let Some(first) = receipt.events.first() else {
            return Ok(unchanged);
        };
        let event_id = Some(receipt.event_id);
        match &first.event {
            Event::Allocation(AllocationEvent::Allocated(e) | AllocationEvent::Revoked(e)) => {
                Ok(Self {
                    event_id,
                    before: e.before,
                    allocated: e.after,
                    priority: e.priority,
                    auto_renew: e.auto_renew,
                    ..unchanged
                })
            }
            Event::Allocation(AllocationEvent::TermsSet(e)) => Ok(Self {
                event_id,
                priority: e.priority,
                auto_renew: e.auto_renew,
                ..unchanged
            }),
            Event::Allocation(
                AllocationEvent::Transferred(_)
                | AllocationEvent::Suspended(_)
                | AllocationEvent::Reactivated(_),
            )
            | Event::School(_)
            | Event::Department(_)
            | Event::Request(_)
            | Event::Usage(_)
            | Event::Period(_) => Err(unlike()),
        }
    }

    fn found(
        AccountView {
            holder,
            service,
            line,
        }: &AccountView,
        receipt: &Receipt,
    ) -> Self {
        Self {
            seq: receipt.seq,
            event_id: None,
            replayed: receipt.replayed,
            member_id: holder.member_id(),
            department_id: holder.department_id(),
            service: service.clone(),
            before: line.allocated,
            allocated: line.allocated,
            priority: line.priority,
            auto_renew: line.auto_renew,
        }
    }
}
