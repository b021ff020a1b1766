//! Every kind of problem, with its status and its title.

use axum::http::StatusCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal $status:ident $title:literal;)*) => {
        /// What kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The last part of the problem's `type`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The status that the problem is answered with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// The same for every problem of the code.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

codes! {
    /// The request is not of the documented form.
    InvalidRequest = "invalid-request" BAD_REQUEST "The request is not of the documented form";
    /// Something of a report is no CloudEvent.
    InvalidEvent = "invalid-event" BAD_REQUEST "This is no CloudEvent that reports usage";
    /// No credential, or one that is not valid.
    Unauthenticated = "unauthenticated" UNAUTHORIZED "A valid credential is needed";
    /// The credential's role may not do this.
    Forbidden = "forbidden" FORBIDDEN "The role may not do this";
    /// The member is suspended.
    MemberSuspended = "member-suspended" FORBIDDEN "The member is suspended";
    /// The plan does not include this.
    PlanRequired = "plan-required" FORBIDDEN "The school's plan does not include this";
    /// Teachers of this school do not ask for units themselves.
    SelfServiceOff = "self-service-off" FORBIDDEN "Teachers do not ask for units themselves";
    /// Somebody would decide on his own request.
    OwnRequest = "own-request" FORBIDDEN "Nobody decides on his own request";
    /// No such path.
    NotFound = "not-found" NOT_FOUND "There is nothing here";
    /// No such school, or not for this credential.
    SchoolNotFound = "school-not-found" NOT_FOUND "There is no such school";
    /// No such member.
    MemberNotFound = "member-not-found" NOT_FOUND "There is no such member";
    /// No such department.
    DepartmentNotFound = "department-not-found" NOT_FOUND "There is no such department";
    /// No such hold.
    HoldNotFound = "hold-not-found" NOT_FOUND "There is no such hold";
    /// No such usage.
    UsageNotFound = "usage-not-found" NOT_FOUND "There is no such usage";
    /// No such request for units.
    RequestNotFound = "request-not-found" NOT_FOUND "There is no such request";
    /// No such billing period.
    PeriodNotFound = "period-not-found" NOT_FOUND "There is no such period";
    /// No such API key.
    ApiKeyNotFound = "api-key-not-found" NOT_FOUND "There is no such API key";
    /// The path has no such method.
    MethodNotAllowed = "method-not-allowed" METHOD_NOT_ALLOWED "The path has no such method";
    /// Nothing that the caller accepts can be sent.
    NotAcceptable = "not-acceptable" NOT_ACCEPTABLE "No accepted format can be sent";
    /// The school exists.
    SchoolExists = "school-exists" CONFLICT "The school is registered already";
    /// The member exists.
    MemberExists = "member-exists" CONFLICT "The member is enrolled already";
    /// The department exists, or did.
    DepartmentExists = "department-exists" CONFLICT "There is or was such a department";
    /// The department has members.
    DepartmentNotEmpty = "department-not-empty" CONFLICT "Members are in the department";
    /// Somebody else has the external id.
    ExternalIdTaken = "external-id-taken" CONFLICT "Another member has the external id";
    /// An individual school has one member.
    IndividualIsOneMember = "individual-is-one-member" CONFLICT "An individual school has one member";
    /// The hold is closed.
    HoldClosed = "hold-closed" CONFLICT "The hold is closed already";
    /// Usage that counts for nobody.
    UsageUnattributed = "usage-unattributed" CONFLICT "The usage is nobody's yet";
    /// The member has a pending request for the service.
    RequestPending = "request-pending" CONFLICT "A request for the service is pending";
    /// The request was approved, rejected or withdrawn, or expired.
    RequestClosed = "request-closed" CONFLICT "The request is closed already";
    /// Members hold allocations.
    AllocationsOutstanding = "allocations-outstanding" CONFLICT "Members still hold allocations";
    /// There are as many API keys as there may be.
    ApiKeyLimit = "api-key-limit" CONFLICT "There are as many API keys as there may be";
    /// The thing was changed in between.
    PreconditionFailed = "precondition-failed" PRECONDITION_FAILED "It was changed in between";
    /// The body is too large.
    BodyTooLarge = "body-too-large" PAYLOAD_TOO_LARGE "The body is too large";
    /// The body is of another media type.
    UnsupportedMediaType = "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE "The body has another media type";
    /// No such service.
    UnknownService = "unknown-service" UNPROCESSABLE_ENTITY "There is no such service";
    /// The key was used for another body.
    IdempotencyKeyReused = "idempotency-key-reused" UNPROCESSABLE_ENTITY "The key was used for another request";
    /// An amount does not fit into 64 bits.
    AmountOutOfRange = "amount-out-of-range" UNPROCESSABLE_ENTITY "The amount does not fit";
    /// More is asked back than the usage was.
    CorrectionExceedsUsage = "correction-exceeds-usage" UNPROCESSABLE_ENTITY "More is asked back than was used";
    /// The pool does not reach.
    PoolExceeded = "pool-exceeded" UNPROCESSABLE_ENTITY "The pool does not reach";
    /// More than one member may hold.
    MemberCapExceeded = "member-cap-exceeded" UNPROCESSABLE_ENTITY "A member may not hold as much";
    /// Units between a department and a member of it.
    TransferWithinDepartment = "transfer-within-department" UNPROCESSABLE_ENTITY "A member's units come out of his department's";
    /// More than the request asks for.
    GrantAboveAsked = "grant-above-asked" UNPROCESSABLE_ENTITY "Less was asked for";
    /// Less than is used and held.
    AllocationBelowUsage = "allocation-below-usage" UNPROCESSABLE_ENTITY "More is used and held";
    /// A total below what is used and held.
    TotalBelowUsage = "total-below-usage" UNPROCESSABLE_ENTITY "More is used and held";
    /// A total below what is allocated.
    TotalBelowAllocated = "total-below-allocated" UNPROCESSABLE_ENTITY "More is allocated";
    /// A table is none, or lacks what it needs.
    UnreadableTable = "unreadable-table" UNPROCESSABLE_ENTITY "The table cannot be read";
    /// Rows of a batch are refused.
    BatchRefused = "batch-refused" UNPROCESSABLE_ENTITY "Rows of the batch are refused";
    /// The quota does not reach.
    QuotaExceeded = "quota-exceeded" TOO_MANY_REQUESTS "The quota does not reach";
    /// Too many requests of one credential.
    RateLimited = "rate-limited" TOO_MANY_REQUESTS "Too many requests";
    /// It took too long.
    Timeout = "timeout" GATEWAY_TIMEOUT "It took too long";
    /// The read model is behind.
    ProjectionBehind = "projection-behind" SERVICE_UNAVAILABLE "The read model is behind";
    /// Too many commands wait.
    Overloaded = "overloaded" SERVICE_UNAVAILABLE "Too many commands wait";
    /// The database is away.
    Unavailable = "unavailable" SERVICE_UNAVAILABLE "The ledger cannot reach its database";
    /// The ledger failed.
    Internal = "internal" INTERNAL_SERVER_ERROR "The ledger failed";
}
