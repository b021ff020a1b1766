//! The limits of the HTTP API, with their arithmetic.

use std::time::Duration;

/// The largest body of a plain request: the largest command, a batch of 10,000 allocation rows,
/// is about 2 MB of JSON.
pub const BODY_BYTES_MAX: usize = 4 << 20;

/// The largest body of a batch of debits (API.md).
pub const DEBIT_BATCH_BYTES_MAX: usize = 16 << 20;

/// The maximum number of debits in a batch (API.md).
pub const DEBIT_BATCH_MAX: usize = 10_000;

/// The largest imported table of allocations: 10,000 rows of 400 bytes, twice the size of a row
/// with a long name and an external id.
pub const TABLE_BYTES_MAX: usize = 4 << 20;

/// The time limit of an export of allocations, which holds a transaction.
pub const EXPORT_LIMIT: Duration = REQUEST_LIMIT;

/// The largest body of a batch of reported usage: as for debits, which the same gateways send.
pub const REPORT_BYTES_MAX: usize = DEBIT_BATCH_BYTES_MAX;

/// The maximum number of events in a batch of reported usage.
pub const REPORT_BATCH_MAX: usize = DEBIT_BATCH_MAX;

/// The maximum number of rows of a page.
pub const PAGE_MAX: i64 = 1_000;

/// The default number of rows of a page.
pub const PAGE_DEFAULT: u32 = 100;

/// The number of events read at a time for a stream: about 1 MB of JSON for each reader.
pub const STREAM_PAGE: i64 = 1_000;

/// The maximum number of open streams of a process: each reads the database once a second and keeps
/// a page in memory while it is sent.
pub const FOLLOWERS_MAX: usize = 1_000;

/// The interval at which a stream reads events of other processes, which send no notification.
pub const FOLLOW_POLL: Duration = Duration::from_secs(1);

/// The interval of keep-alive messages of an idle stream.
pub const FOLLOW_KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The time that a read waits for its read model to reach `min_seq` (API.md).
pub const FRESHNESS_LIMIT: Duration = Duration::from_secs(5);

/// The time that a read without `min_seq` waits for the caller's own writes.
pub const OWN_WRITES_LIMIT: Duration = Duration::from_secs(1);

/// The time limit of a request: the writer retries its database for 15 seconds.
pub const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// The maximum of a number that describes a call (tokens, milliseconds, micro-USD): a trillion, so
/// that the sum of nine million fits into 64 bits.
pub const CALL_FACT_MAX: i64 = 1_000_000_000_000;

/// The longest name of a model, in characters.
pub const MODEL_CHARS_MAX: usize = 128;

/// The longest name of a person or school, in characters.
pub const NAME_CHARS_MAX: usize = 200;

/// The longest e-mail address, in characters (RFC 5321 §4.5.3.1.3, without its brackets).
pub const EMAIL_CHARS_MAX: usize = 254;

/// The maximum number of external ids of an enrolment: one for each other system.
pub const EXTERNAL_IDS_MAX: usize = 16;

/// The maximum number of services of an object by service: several times the size of a catalogue.
pub const SERVICES_MAX: usize = 100;

/// The longest name of a service in a request, in characters, above every name and alias of a
/// catalogue.
pub const SERVICE_NAME_CHARS_MAX: usize = 128;

/// The longest external id, in characters, as `ledger_core::ExternalId` has it.
pub const SUBJECT_CHARS_MAX: usize = 256;

/// The time that the readiness probe waits for the database.
pub const READY_LIMIT: Duration = Duration::from_secs(1);

/// The longest `x-request-id` that is kept; a longer one is replaced.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// The bytes that are read and discarded of a body that is too large, so that a sender that is
/// still writing can read the answer.
pub const REFUSED_BODY_BYTES_MAX: usize = 4 * DEBIT_BATCH_BYTES_MAX;

/// The time limit of reading a body to discard it.
pub const REFUSED_BODY_LIMIT: Duration = Duration::from_secs(2);
