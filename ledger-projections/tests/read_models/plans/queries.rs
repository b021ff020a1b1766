//! The frequent queries: the text that production runs, arguments, and the indexes of the plan.

use ledger_store::DatabaseRole;

/// The role that runs a query.
#[derive(Clone, Copy)]
pub enum Reader {
    /// A caller, bound to one school.
    Tenant,
    /// The service.
    Service(DatabaseRole),
}

pub struct HotQuery {
    pub name: &'static str,
    pub reader: Reader,
    /// Settings of the transaction that runs it.
    pub settings: &'static str,
    pub sql: &'static str,
    /// SQL literals; `{school}` is the school's id.
    pub arguments: &'static str,
    pub indexes: &'static [&'static str],
}

const NO_SETTINGS: &str = "SELECT 1";

macro_rules! tenant {
    ($path:literal, $arguments:literal, $indexes:expr) => {
        HotQuery {
            name: $path,
            reader: Reader::Tenant,
            settings: NO_SETTINGS,
            sql: include_str!(concat!("../../../src/", $path)),
            arguments: $arguments,
            indexes: $indexes,
        }
    };
}

macro_rules! service {
    ($role:ident, $path:literal, $arguments:literal, $indexes:expr) => {
        HotQuery {
            name: $path,
            reader: Reader::Service(DatabaseRole::$role),
            settings: NO_SETTINGS,
            sql: include_str!(concat!("../../../../", $path)),
            arguments: $arguments,
            indexes: $indexes,
        }
    };
}

pub const HOT_QUERIES: &[HotQuery] = &[
    // A debit: repeated commands, corrections and closed requests are looked up in the log.
    service!(
        Writer,
        "ledger-store/src/row/find.sql",
        "ARRAY['{school}']::uuid[], ARRAY[md5('{school}e' || 7)]::uuid[]",
        &["event_id_unique"]
    ),
    service!(
        Writer,
        "ledger-store/src/row/find_newest.sql",
        "ARRAY['{school}']::uuid[], ARRAY[md5('{school}e' || 20)]::uuid[]",
        &["event_by_usage"]
    ),
    service!(
        Writer,
        "ledger-store/src/row/find_closed_requests.sql",
        "ARRAY['{school}']::uuid[], ARRAY['{school}']::text[]",
        &["event_closed_request"]
    ),
    // The feed of workers, of states that are loaded and of reads of the past.
    service!(
        Replayer,
        "ledger-store/src/row/read_after.sql",
        "'{school}', 100, 500, NULL",
        &["event_pkey"]
    ),
    service!(
        Projector,
        "ledger-projections/src/worker/queries/claim.sql",
        "ARRAY['{school}']::uuid[], ARRAY['balance']::text[], ARRAY[1], ARRAY[40000]::bigint[]",
        &["projection_checkpoint_pkey"]
    ),
    service!(
        Projector,
        "ledger-projections/src/worker/queries/checkpoints.sql",
        "ARRAY['{school}']::uuid[], ARRAY['balance', 'usage']::text[]",
        &["stream_pkey", "projection_checkpoint_pkey"]
    ),
    service!(
        Projector,
        "ledger-projections/src/timekeeper/queries/claim.sql",
        "'2026-03-01Z', '2026-03-02Z', '2026-03-03Z', 100",
        &["balance_school_by_end", "balance_hold_by_expiry_of_all"]
    ),
    HotQuery {
        name: "log/read.rs",
        reader: Reader::Tenant,
        settings: ledger_projections::log::read::ALONG_THE_KEY,
        sql: include_str!("../../../../ledger-store/src/row/read_after.sql"),
        arguments: "'{school}', 100, 500, NULL",
        indexes: &["event_pkey"],
    },
    tenant!(
        "balance/queries/lines.sql",
        "'{school}', md5('{school}m' || 7)::uuid, '2026-03-02Z'",
        &["balance_line_pkey", "balance_hold_by_expiry"]
    ),
    tenant!(
        "balance/queries/closed_lines.sql",
        "'{school}', md5('{school}m' || 7)::uuid, '2026-03-02Z', '2026-02-01Z'",
        &["balance_closed_line_pkey"]
    ),
    tenant!(
        "balance/queries/pools.sql",
        "'{school}', '2026-03-02Z'",
        &["balance_hold_by_expiry"]
    ),
    tenant!(
        "balance/queries/holdings.sql",
        "'{school}', '00000000-0000-0000-0000-000000000000', 1000",
        &[
            "balance_member_pkey",
            "balance_line_pkey",
            "member_external_id_by_member",
            "member_directory_pkey"
        ]
    ),
    tenant!(
        "roster/queries/members.sql",
        "'{school}', '00000000-0000-0000-0000-000000000000', false, 100, NULL",
        &["roster_member_pkey"]
    ),
    tenant!(
        "history/queries/page.sql",
        "'{school}', 0, 15000, NULL, NULL, 100, NULL",
        &["history_entry_pkey"]
    ),
    tenant!(
        "history/queries/page_of_member.sql",
        "'{school}', 0, 15000, NULL, NULL, 100, md5('{school}m' || 7)::uuid, NULL",
        &["history_entry_by_member"]
    ),
    tenant!(
        "requests/queries/queue.sql",
        "'{school}', '2026-03-02Z', -1, 0, NULL, 100",
        &["request_queue"]
    ),
    tenant!(
        "requests/queries/page.sql",
        "'{school}', '2026-03-02Z', 9000, NULL, NULL, 100",
        &["request_by_age"]
    ),
    tenant!(
        "usage/queries/rollup.sql",
        "'{school}', 'day', '2026-01-01', '2026-01-07', true, true, false, false, NULL, NULL, 100,
         false, NULL",
        &["usage_rollup_pkey"]
    ),
    tenant!(
        "unattributed/queries/page.sql",
        "'{school}', 1000, 100",
        &["unattributed_usage_by_seq"]
    ),
];
