//! Every limit of the HTTP face, named, with its arithmetic.

use std::time::Duration;

/// The largest body of a plain request: the largest command, a batch of 10,000 allocation rows,
/// is about 2 MB of JSON.
pub const BODY_BYTES_MAX: usize = 4 << 20;

/// The largest body of a batch of debits (API.md).
pub const DEBIT_BATCH_BYTES_MAX: usize = 16 << 20;

/// The most debits of one batch (API.md).
pub const DEBIT_BATCH_MAX: usize = 10_000;

/// The largest table of allocations that is taken in: 10,000 rows of 400 bytes, twice what is
/// written of a member with a long name and an external id.
pub const TABLE_BYTES_MAX: usize = 4 << 20;

/// How long a table of allocations may take to be read and sent: so long it keeps a transaction.
pub const EXPORT_LIMIT: Duration = REQUEST_LIMIT;

/// The largest body of a batch of reported usage, and the most events of one: those of debits,
/// which the same gateways send.
pub const REPORT_BYTES_MAX: usize = DEBIT_BATCH_BYTES_MAX;

/// The most events of one batch of reported usage.
pub const REPORT_BATCH_MAX: usize = DEBIT_BATCH_MAX;

/// The most rows of a page.
pub const PAGE_MAX: i64 = 1_000;

/// The rows of a page when the caller does not say.
pub const PAGE_DEFAULT: u32 = 100;

/// The events that are read at a time to be streamed: about 1 MB of JSON for each who reads.
pub const STREAM_PAGE: i64 = 1_000;

/// The most who follow logs of this process at the same time: each looks at the database once a
/// second, and keeps a page in memory while it is sent.
pub const FOLLOWERS_MAX: usize = 1_000;

/// How often a follower looks for events that other processes wrote, of which nobody tells him.
pub const FOLLOW_POLL: Duration = Duration::from_secs(1);

/// How often a follower without news is told that he is still connected.
pub const FOLLOW_KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a read waits for its read model to reach `min_seq` (API.md).
pub const FRESHNESS_LIMIT: Duration = Duration::from_secs(5);

/// How long a read without `min_seq` waits for what its caller wrote here himself.
pub const OWN_WRITES_LIMIT: Duration = Duration::from_secs(1);

/// How long a request may take in all: the writer tries for 15 s to reach its database.
pub const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// The most of a number that describes a call (tokens, milliseconds, micro-USD): a trillion, so
/// that nine million of them still add up in 64 bits.
pub const CALL_FACT_MAX: i64 = 1_000_000_000_000;

/// The longest name of a model, in characters.
pub const MODEL_CHARS_MAX: usize = 128;

/// The longest name of a person or school, in characters.
pub const NAME_CHARS_MAX: usize = 200;

/// The longest e-mail address, in characters (RFC 5321 §4.5.3.1.3, without its brackets).
pub const EMAIL_CHARS_MAX: usize = 254;

/// The most external ids that a member is given at once: he has one at each system that knows him.
pub const EXTERNAL_IDS_MAX: usize = 16;

/// The most services that an object of quotas names: several times what a catalogue has.
pub const SERVICES_MAX: usize = 100;

/// The longest name of a service that is looked up, in characters: no name or alias of a catalogue
/// is as long, so a longer one need not be echoed.
pub const SERVICE_NAME_CHARS_MAX: usize = 128;

/// The longest external id, in characters, as `ledger_core::ExternalId` has it.
pub const SUBJECT_CHARS_MAX: usize = 256;

/// How long readiness waits for the database before it says no.
pub const READY_LIMIT: Duration = Duration::from_secs(1);

/// The longest `x-request-id` that is passed on; another one is replaced.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// What is read and thrown away of a body that is too large, so that its sender, still writing,
/// gets to read the answer.
pub const REFUSED_BODY_BYTES_MAX: usize = 4 * DEBIT_BATCH_BYTES_MAX;

/// How long such a body is read.
pub const REFUSED_BODY_LIMIT: Duration = Duration::from_secs(2);
