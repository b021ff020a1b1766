//! The part of an operation that its handler's signature determines: parameters, body, success.
//!
//! An extractor is an [`Input`] and a return type an [`Output`]. [`described`] collects those of a
//! handler, so that `#[utoipa::path]` does not repeat them.

use std::future::Future;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{Response, Sse};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::{Schema, Type};
use utoipa::openapi::{
    Content, HeaderBuilder, ObjectBuilder, OneOfBuilder, Ref, RefOr, Required, ResponseBuilder,
};
use utoipa::{IntoParams, PartialSchema as _, ToSchema};
use utoipa_axum::router::UtoipaMethodRouter;

use super::operations::operations;
use crate::problem::Problem;
use crate::values::{NamedSchemas, add_reference};

/// An extractor, which describes what it reads.
pub trait Input {
    /// Adds the parameters, or the body, that it reads.
    fn describe(_: &mut Description<'_>) {}
}

/// A return type, which describes its answers.
pub trait Output {
    /// Adds the answers of success. One that describes none leaves them to `responses(…)`.
    fn describe(_: &mut Description<'_>) {}
}

/// An operation and the schemas that it refers to.
pub struct Description<'a> {
    operation: &'a mut Operation,
    schemas: &'a mut NamedSchemas,
}

impl Description<'_> {
    /// Adds parameters.
    pub fn parameters<P: IntoParams>(&mut self, place: &ParameterIn) {
        let known = self.operation.parameters.get_or_insert_default();
        let parameters = P::into_params(|| Some(place.clone()));
        known.extend(parameters.into_iter().map(RefOr::T));
    }

    /// Adds an optional header of the request.
    pub fn request_header(
        &mut self,
        name: &str,
        description: &str,
        schema: impl Into<RefOr<Schema>>,
    ) {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(schema))
            .build();
        let known = self.operation.parameters.get_or_insert_default();
        known.push(RefOr::T(parameter));
    }

    /// Adds a required body, in one of its media types.
    pub fn body<T: ToSchema>(&mut self, media_type: &str) {
        let reference = self.reference::<T>();
        self.request_body(media_type, reference, Some(Required::True));
    }

    /// Adds a JSON body that may be missing or null.
    pub fn optional_body<T: ToSchema>(&mut self) {
        let null = ObjectBuilder::new().schema_type(Type::Null);
        let schema = OneOfBuilder::new().item(self.reference::<T>()).item(null);
        self.request_body("application/json", schema, None);
    }

    fn request_body(
        &mut self,
        media_type: &str,
        schema: impl Into<RefOr<Schema>>,
        required: Option<Required>,
    ) {
        let body = self.operation.request_body.take();
        let mut body = match body {
            Some(RefOr::T(body)) => body,
            Some(RefOr::Ref(_)) | None => RequestBody::default(),
        };
        let content = Content::new(Some(schema));
        body.content.insert(media_type.to_owned(), content.into());
        body.required = required;
        self.operation.request_body = Some(body.into());
    }

    /// Adds an answer in JSON, described by its schema.
    pub fn answer<T: ToSchema>(&mut self, status: StatusCode) {
        self.answer_as::<T>(status, &description_of::<T>());
    }

    /// Adds an answer in JSON.
    pub fn answer_as<T: ToSchema>(&mut self, status: StatusCode, description: &str) {
        let content = Content::new(Some(self.reference::<T>()));
        let answer = ResponseBuilder::new()
            .description(description)
            .content("application/json", content);
        self.add(status, answer);
    }

    /// Adds an answer of any form.
    pub fn add(&mut self, status: StatusCode, answer: ResponseBuilder) {
        let responses = &mut self.operation.responses.responses;
        responses.insert(status.as_str().to_owned(), answer.build().into());
    }

    /// Adds a header to the answer of this status, or to every answer of success.
    pub fn header(
        &mut self,
        only: Option<StatusCode>,
        name: &str,
        description: &str,
        schema: impl Into<RefOr<Schema>>,
    ) {
        let header = HeaderBuilder::new()
            .schema(Some(schema))
            .description(Some(description))
            .build();
        for (status, answer) in &mut self.operation.responses.responses {
            let is_meant = match &only {
                Some(only) => status == only.as_str(),
                None => status.starts_with('2'),
            };
            if let (true, RefOr::T(answer)) = (is_meant, answer) {
                let header = header.clone().into();
                answer.headers.insert(name.to_owned(), header);
            }
        }
    }

    fn reference<T: ToSchema>(&mut self) -> Ref {
        add_reference::<T>(self.schemas);
        Ref::from_schema_name(T::name())
    }
}

/// The description of a schema; a test refuses an answer without one.
fn description_of<T: ToSchema>() -> String {
    let RefOr::T(Schema::Object(object)) = T::schema() else {
        return String::new();
    };
    object.description.unwrap_or_default()
}

/// A handler with these arguments.
pub trait Signature<Arguments> {
    /// Adds the descriptions of the arguments and of the return type.
    fn describe(_: &mut Description<'_>);
}

macro_rules! signatures {
    ($(($($argument:ident),*))*) => {$(
        impl<H, F, A, $($argument),*> Signature<($($argument,)*)> for H
        where
            H: Fn($($argument),*) -> F,
            F: Future<Output = A>,
            A: Output,
            $($argument: Input,)*
        {
            fn describe(description: &mut Description<'_>) {
                $($argument::describe(description);)*
                A::describe(description);
            }
        }
    )*};
}

signatures! {
    () (T1) (T1, T2) (T1, T2, T3) (T1, T2, T3, T4) (T1, T2, T3, T4, T5) (T1, T2, T3, T4, T5, T6)
}

/// Completes the description of a handler's route by its tag and its signature.
pub fn described<H: Signature<Arguments>, Arguments, S>(
    tag: &str,
    _: H,
    (mut schemas, mut paths, routes): UtoipaMethodRouter<S>,
) -> UtoipaMethodRouter<S> {
    for (_, operation) in paths.paths.values_mut().flat_map(operations) {
        operation.tags = Some(vec![tag.to_owned()]);
        H::describe(&mut Description {
            operation,
            schemas: &mut schemas,
        });
    }
    (schemas, paths, routes)
}

impl<S> Input for State<S> {}
impl<T> Input for Extension<T> {}
impl Input for HeaderMap {}
impl Input for Uri {}

/// Some bytes, which `responses(…)` describes.
impl Output for Response {}

impl<T: Output> Output for Result<T, Problem> {
    fn describe(description: &mut Description<'_>) {
        T::describe(description);
    }
}

impl<T: ToSchema> Output for axum::Json<T> {
    fn describe(description: &mut Description<'_>) {
        description.answer::<T>(StatusCode::OK);
    }
}

impl<S> Output for Sse<S> {
    fn describe(description: &mut Description<'_>) {
        let content = Content::new(Some(String::schema()));
        let answer = ResponseBuilder::new()
            .description("The events as they are recorded.")
            .content("text/event-stream", content);
        description.add(StatusCode::OK, answer);
    }
}
