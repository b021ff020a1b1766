//! The body of an answer to a write.

use std::borrow::Cow;

use ledger_store::writer::Receipt;
use serde::Serialize;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::scalars::Seq;
use super::schema::formatted;
use super::value::{NamedSchemas, add_reference};

/// The answer to a write: the members that all of them share, and those of its own, in one object.
/// `S` is the subject that was created or changed, where the answer names one first; `E` is `Uuid`,
/// or `Option<Uuid>` where a command may change nothing.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct WriteAnswer<T, E = Uuid, S = NoSubject> {
    /// The subject.
    #[serde(flatten)]
    pub subject: S,
    /// The head of the school's log after the write.
    seq: Seq,
    /// The id of the write's first event in the school.
    pub event_id: E,
    /// Whether the command had been accepted before, so that this is its first outcome.
    replayed: bool,
    /// The members of this write.
    #[serde(flatten)]
    pub outcome: T,
}

/// The answer to a write that may change nothing.
pub type ChangeAnswer<T, S = NoSubject> = WriteAnswer<T, Option<Uuid>, S>;

/// The answer names no subject first.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct NoSubject {}

/// The member that was created or changed.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct MemberSubject {
    /// The member's id.
    pub member_id: Uuid,
}

/// The department that was created or closed.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct DepartmentSubject {
    /// The department's id.
    pub department_id: Uuid,
}

/// The school that was registered.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct SchoolSubject {
    /// The school's id.
    pub school_id: Uuid,
}

/// The id of a write's first event, which a command that changes nothing does not have.
pub trait FirstEventId: Sized {
    /// Whether there may be none.
    const IS_OPTIONAL: bool;

    /// The id in the receipt.
    fn of(receipt: &Receipt) -> Self;
}

impl FirstEventId for Uuid {
    const IS_OPTIONAL: bool = false;

    fn of(receipt: &Receipt) -> Self {
        receipt.event_id.0
    }
}

impl FirstEventId for Option<Uuid> {
    const IS_OPTIONAL: bool = true;

    fn of(receipt: &Receipt) -> Self {
        (!receipt.events.is_empty()).then_some(receipt.event_id.0)
    }
}

impl<T, E: FirstEventId> WriteAnswer<T, E> {
    /// The answer to the write of this receipt.
    pub fn new(receipt: &Receipt, outcome: T) -> Self {
        Self::about(NoSubject {}, receipt, outcome)
    }
}

impl<T, E: FirstEventId, S> WriteAnswer<T, E, S> {
    /// The answer to the write of this receipt, which names its subject first.
    pub fn about(subject: S, receipt: &Receipt, outcome: T) -> Self {
        Self {
            subject,
            seq: receipt.seq.into(),
            event_id: E::of(receipt),
            replayed: receipt.replayed,
            outcome,
        }
    }
}

/// The members of every answer to a write.
fn shared(event_id_is_optional: bool) -> ObjectBuilder {
    let event_id = formatted(KnownFormat::Uuid)
        .description(Some("The id of the write's first event in the school."));
    let event_id = if event_id_is_optional {
        event_id
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some(
                "The id of the write's first event in the school; null if nothing changed.",
            ))
    } else {
        event_id
    };
    let mut seq = Ref::from_schema_name(Seq::name());
    seq.description = "The head of the school's log after the write.".to_owned();
    let replayed = ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .description(Some(
            "Whether the command had been accepted before, so that this is its first outcome.",
        ));
    ObjectBuilder::new()
        .property("seq", seq)
        .required("seq")
        .property("event_id", event_id)
        .required("event_id")
        .property("replayed", replayed)
        .required("replayed")
}

impl<T: ToSchema, E: FirstEventId, S: ToSchema> PartialSchema for WriteAnswer<T, E, S> {
    fn schema() -> RefOr<Schema> {
        let (RefOr::T(Schema::Object(subject)), RefOr::T(Schema::Object(mut object))) =
            (S::schema(), T::schema())
        else {
            unreachable!("subjects and outcomes are structs with named fields");
        };
        let shared = shared(E::IS_OPTIONAL).build();
        let own = std::mem::take(&mut object.required);
        for part in [subject, shared] {
            object.properties.extend(part.properties);
            object.required.extend(part.required);
        }
        object.required.extend(own);
        RefOr::T(Schema::Object(object))
    }
}

impl<T: ToSchema, E: FirstEventId, S: ToSchema> ToSchema for WriteAnswer<T, E, S> {
    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schemas(schemas: &mut NamedSchemas) {
        add_reference::<Seq>(schemas);
        S::schemas(schemas);
        T::schemas(schemas);
    }
}
