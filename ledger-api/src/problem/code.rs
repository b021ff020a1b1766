//! Every problem code, with its status and title.

use axum::http::StatusCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal $status:ident $title:literal;)*) => {
        /// The code of a problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The last segment of the problem's `type`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The HTTP status of the response.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// The title, the same for every problem of the code and unique to it.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

codes! {
    /// The request does not match the documented form.
    InvalidRequest = "invalid-request" BAD_REQUEST "Invalid request";
    /// The body is not a CloudEvent that reports usage.
    InvalidEvent = "invalid-event" BAD_REQUEST "Invalid CloudEvent";
    /// The credential is missing or not valid.
    Unauthenticated = "unauthenticated" UNAUTHORIZED "Missing or invalid credential";
    /// The credential's role lacks the permission.
    Forbidden = "forbidden" FORBIDDEN "Role lacks permission";
    /// The member is suspended.
    MemberSuspended = "member-suspended" FORBIDDEN "Member is suspended";
    /// The school's plan does not include the operation.
    PlanRequired = "plan-required" FORBIDDEN "Feature not included in plan";
    /// The school does not let teachers request units.
    SelfServiceOff = "self-service-off" FORBIDDEN "Self-service requests are off";
    /// The caller tries to decide on their own request.
    OwnRequest = "own-request" FORBIDDEN "Own request cannot be decided";
    /// No route has the path.
    NotFound = "not-found" NOT_FOUND "Path not found";
    /// The school does not exist, or is not visible to the credential.
    SchoolNotFound = "school-not-found" NOT_FOUND "School not found";
    /// The member does not exist, or is not visible to the credential.
    MemberNotFound = "member-not-found" NOT_FOUND "Member not found";
    /// The department does not exist, or is closed.
    DepartmentNotFound = "department-not-found" NOT_FOUND "Department not found";
    /// The hold does not exist.
    HoldNotFound = "hold-not-found" NOT_FOUND "Hold not found";
    /// The usage does not exist.
    UsageNotFound = "usage-not-found" NOT_FOUND "Usage not found";
    /// The request for units does not exist.
    RequestNotFound = "request-not-found" NOT_FOUND "Request not found";
    /// No billing period of the school contains the day.
    PeriodNotFound = "period-not-found" NOT_FOUND "Period not found";
    /// The API key does not exist.
    ApiKeyNotFound = "api-key-not-found" NOT_FOUND "API key not found";
    /// The path does not support the method.
    MethodNotAllowed = "method-not-allowed" METHOD_NOT_ALLOWED "Method not allowed";
    /// The path has no representation that `Accept` allows.
    NotAcceptable = "not-acceptable" NOT_ACCEPTABLE "No acceptable response format";
    /// The school id is registered already.
    SchoolExists = "school-exists" CONFLICT "School already registered";
    /// The member is enrolled already.
    MemberExists = "member-exists" CONFLICT "Member already enrolled";
    /// The department id is or was in use.
    DepartmentExists = "department-exists" CONFLICT "Department id already used";
    /// The department to close still has members.
    DepartmentNotEmpty = "department-not-empty" CONFLICT "Department still has members";
    /// Another member has the external id.
    ExternalIdTaken = "external-id-taken" CONFLICT "External id belongs to another member";
    /// An individual school has exactly one member.
    IndividualIsOneMember = "individual-is-one-member" CONFLICT
        "Individual school is limited to one member";
    /// The hold was closed in another way.
    HoldClosed = "hold-closed" CONFLICT "Hold already closed";
    /// The usage is not attributed to a member yet.
    UsageUnattributed = "usage-unattributed" CONFLICT "Usage not attributed to a member";
    /// The member has a pending request for the service.
    RequestPending = "request-pending" CONFLICT "Request for the service already pending";
    /// The request was approved, rejected or withdrawn, or has expired.
    RequestClosed = "request-closed" CONFLICT "Request already closed";
    /// Unused allocations block a plan without allocation management.
    AllocationsOutstanding = "allocations-outstanding" CONFLICT "Unused allocations outstanding";
    /// The maximum number of API keys is in force.
    ApiKeyLimit = "api-key-limit" CONFLICT "API key limit reached";
    /// The resource is not at the version in `If-Match`.
    PreconditionFailed = "precondition-failed" PRECONDITION_FAILED "Resource has changed";
    /// The body exceeds the size limit.
    BodyTooLarge = "body-too-large" PAYLOAD_TOO_LARGE "Request body too large";
    /// The body has an unsupported media type.
    UnsupportedMediaType = "unsupported-media-type" UNSUPPORTED_MEDIA_TYPE "Unsupported media type";
    /// The catalogue has no such service.
    UnknownService = "unknown-service" UNPROCESSABLE_ENTITY "Unknown service";
    /// The key belongs to a request with another body.
    IdempotencyKeyReused = "idempotency-key-reused" UNPROCESSABLE_ENTITY
        "Idempotency key reused for another request";
    /// A sum does not fit into 64 bits.
    AmountOutOfRange = "amount-out-of-range" UNPROCESSABLE_ENTITY "Amount out of range";
    /// The refund exceeds the usage that is left.
    CorrectionExceedsUsage = "correction-exceeds-usage" UNPROCESSABLE_ENTITY
        "Correction exceeds usage";
    /// The pool or department has too few unallocated units.
    PoolExceeded = "pool-exceeded" UNPROCESSABLE_ENTITY "Pool has too few unallocated units";
    /// The allocation exceeds the cap per member.
    MemberCapExceeded = "member-cap-exceeded" UNPROCESSABLE_ENTITY "Allocation above member cap";
    /// The transfer is between a department and one of its members.
    TransferWithinDepartment = "transfer-within-department" UNPROCESSABLE_ENTITY
        "Transfer between a department and its own member";
    /// The approval grants more than the request asks for.
    GrantAboveAsked = "grant-above-asked" UNPROCESSABLE_ENTITY "Grant exceeds request";
    /// The allocation would be less than used plus held.
    AllocationBelowUsage = "allocation-below-usage" UNPROCESSABLE_ENTITY
        "Allocation below current usage";
    /// The total would be less than used plus held.
    TotalBelowUsage = "total-below-usage" UNPROCESSABLE_ENTITY "Total below current usage";
    /// The total would be less than the allocated units.
    TotalBelowAllocated = "total-below-allocated" UNPROCESSABLE_ENTITY
        "Total below allocated units";
    /// The CSV table as a whole cannot be read.
    UnreadableTable = "unreadable-table" UNPROCESSABLE_ENTITY "Unreadable table";
    /// At least one row of an all-or-nothing batch is refused.
    BatchRefused = "batch-refused" UNPROCESSABLE_ENTITY "Batch rows refused";
    /// The account has too few available units.
    QuotaExceeded = "quota-exceeded" TOO_MANY_REQUESTS "Quota exceeded";
    /// The credential exceeds its rate limit.
    RateLimited = "rate-limited" TOO_MANY_REQUESTS "Too many requests";
    /// The request exceeded its time limit.
    Timeout = "timeout" GATEWAY_TIMEOUT "Request timed out";
    /// The read model has not reached `min_seq` in time.
    ProjectionBehind = "projection-behind" SERVICE_UNAVAILABLE "Read model is behind";
    /// A queue or a connection limit is full.
    Overloaded = "overloaded" SERVICE_UNAVAILABLE "Ledger is overloaded";
    /// The database or the token keys cannot be reached.
    Unavailable = "unavailable" SERVICE_UNAVAILABLE "Ledger is unavailable";
    /// The ledger failed.
    Internal = "internal" INTERNAL_SERVER_ERROR "Internal error";
}
