-- The log: roles, the event table, the heads of its streams, and the personal data beside it.
--
-- Every primary key and unique index begins with school_id and no foreign key crosses schools, so
-- the tables can be distributed by school without a change.

-- Roles. All are NOLOGIN: the service's login role is granted them and takes one per connection.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'ledger_owner',         -- owns the tables, runs migrations
        'ledger_writer',        -- appends to the log
        'ledger_projector',     -- reads the log, writes read models
        'ledger_reader',        -- reads as one tenant: app.* settings or request.jwt.claims
        'ledger_authenticator', -- looks up credentials before the tenant is known
        'ledger_replayer'       -- folds the log for a read of the past
    ] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- roles belong to the whole cluster; another database's migration created it
        END;
        IF NOT pg_has_role(current_user, role_name, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO %I', role_name, current_user);
        END IF;
    END LOOP;
    EXECUTE format('GRANT CREATE, CONNECT ON DATABASE %I TO ledger_owner', current_database());
END
$$;

GRANT CREATE, USAGE ON SCHEMA public TO ledger_owner;
GRANT USAGE ON SCHEMA public
    TO ledger_writer, ledger_projector, ledger_reader, ledger_authenticator, ledger_replayer;

SET LOCAL ROLE ledger_owner;

------------------------------------------------------------------------------------------
-- The reader of a transaction: its tenant, role and member
------------------------------------------------------------------------------------------

-- The API sets app.… by SET LOCAL; PostgREST sets request.jwt.claims. Where neither is set these
-- functions return NULL, which equals no row's value.
CREATE FUNCTION ledger_claims() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb
$$;

CREATE FUNCTION ledger_school() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        nullif(current_setting('app.school_id', true), ''),
        ledger_claims() #>> '{app_metadata,school_id}'
    )::uuid
$$;

CREATE FUNCTION ledger_role() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        nullif(current_setting('app.role', true), ''),
        ledger_claims() #>> '{app_metadata,role}'
    )
$$;

-- Whether the reader may see all rows of their school.
CREATE FUNCTION ledger_sees_school() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        ledger_role() IN ('principal', 'principal_admin', 'auditor', 'platform_admin'), false
    )
$$;

-- Whether the reader may see their school's balances. Proxies may: they check them before a call.
CREATE FUNCTION ledger_sees_balances() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT ledger_sees_school() OR coalesce(ledger_role() = 'proxy', false)
$$;

-- External ids of members: in the directory, never in events.
CREATE TABLE member_external_id (
    school_id   uuid NOT NULL,
    external_id text NOT NULL CHECK (char_length(external_id) BETWEEN 1 AND 256),
    member_id   uuid NOT NULL,
    PRIMARY KEY (school_id, external_id)
);
-- For a member's own page, and to free the ids when the member leaves.
CREATE INDEX member_external_id_by_member ON member_external_id (school_id, member_id);

-- The reader's member: as set by the API, else the one whose external id or own id is the token's
-- subject. SECURITY DEFINER, since a reader may not search the directory.
CREATE FUNCTION ledger_member() RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(
        nullif(current_setting('app.member_id', true), '')::uuid,
        (SELECT member_id FROM member_external_id
          WHERE school_id = ledger_school() AND external_id = ledger_claims() ->> 'sub'),
        CASE WHEN ledger_claims() ->> 'sub' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
             THEN (ledger_claims() ->> 'sub')::uuid END
    )
$$;

ALTER TABLE member_external_id ENABLE ROW LEVEL SECURITY;
ALTER TABLE member_external_id FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON member_external_id TO ledger_writer;
GRANT SELECT ON member_external_id TO ledger_reader, ledger_authenticator;
CREATE POLICY member_external_id_writer ON member_external_id TO ledger_writer
    USING (true) WITH CHECK (true);
CREATE POLICY member_external_id_lookup ON member_external_id FOR SELECT
    TO ledger_authenticator, ledger_owner USING (true); -- the owner: inside ledger_member()
CREATE POLICY member_external_id_tenant ON member_external_id FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())))
);

-- The department of the reader's member. Its tables are in 0002_read_models.sql: the body cannot
-- be checked yet.
SET LOCAL check_function_bodies = off;
CREATE FUNCTION ledger_department() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT department_id FROM balance_member
     WHERE school_id = ledger_school() AND member_id = ledger_member()
       AND build = (SELECT build FROM live_build('balance'))
$$;
SET LOCAL check_function_bodies = on;

------------------------------------------------------------------------------------------
-- Events and their streams
------------------------------------------------------------------------------------------

-- The events of all schools: in typed columns where the hot path and the rollups need them, in
-- payload otherwise. Wide columns come first, so that a debit's row has no padding.
CREATE TABLE event (
    seq               bigint NOT NULL,      -- position in the school's stream: 1, 2, 3 … no gaps
    occurred_at       timestamptz NOT NULL, -- when it happened in the world
    recorded_at       timestamptz NOT NULL, -- when it was written; never before its predecessor
    fingerprint       bigint,               -- of the command's body, on its first event
    units             bigint,               -- debited, held, settled, released or expired
    freed_units       bigint,               -- of a settle: units of the hold
    balance_allocated bigint,               -- the account after the event; NULL is unlimited
    balance_used      bigint,
    balance_held      bigint,
    input_tokens      bigint,
    output_tokens     bigint,
    cached_tokens     bigint,
    cost_micros       bigint,               -- millionths of a US dollar
    latency_ms        bigint,
    expires_at        timestamptz,          -- of a hold
    period_start      timestamptz,          -- of the closed period that the usage counts in;
                                            -- NULL: the period that was open
    school_id         uuid NOT NULL,
    event_id          uuid NOT NULL,        -- UUIDv5 of the command's key: also the receipt
    actor_id          uuid NOT NULL,
    member_id         uuid,
    usage_id          uuid,                 -- event_id of the usage that a correction or an
                                            -- attribution is about; see event_by_usage
    department_id     uuid,                 -- that the event is about or whose books it counts in;
                                            -- of a move: the new one
    version           smallint NOT NULL,
    overage           boolean,              -- usage beyond the allocation, by the school's policy
                                            -- or reported after the fact
    late              boolean,              -- a settle after expiry
    kind              text NOT NULL,
    actor_role        text NOT NULL,
    service           text,
    level             text,                 -- the account drawn on: member, department or pool
    key               text,                 -- the caller's id of the debit, hold or reported usage
    model             text,
    outcome           text,
    request_id        text,
    session_id        text,
    source            text,                 -- of reported usage: with key, a CloudEvent's identity
    payload           jsonb,                -- the data of all kinds except usage
    CONSTRAINT event_pkey PRIMARY KEY (school_id, seq),
    CONSTRAINT event_id_unique UNIQUE (school_id, event_id),
    CONSTRAINT event_seq_positive CHECK (seq > 0),
    CONSTRAINT event_units_not_negative CHECK (units >= 0 AND freed_units >= 0),
    CONSTRAINT event_balance_not_negative
        CHECK (balance_allocated >= 0 AND balance_used >= 0 AND balance_held >= 0)
) WITH (
    -- An insert-only table needs no room for updates and is vacuumed for its visibility map alone.
    fillfactor = 100, autovacuum_vacuum_insert_scale_factor = 0.1
);
COMMENT ON TABLE event IS
    'Immutable. Only the append of the ledger writes here, in the transaction of stream.head_seq.';

-- The outcome of a closed request: the writer keeps only pending ones in memory. Unique, since a
-- request ends once. Partial: usage has no entry in it.
CREATE UNIQUE INDEX event_closed_request ON event (school_id, (payload ->> 'request_id'))
    WHERE kind IN ('request_approved', 'request_rejected', 'request_withdrawn', 'request_expired');
-- The newest correction or attribution of a usage: the next one is decided on it. Partial: a
-- debit, which names no other usage, costs no entry.
CREATE INDEX event_by_usage ON event (school_id, usage_id, seq) WHERE usage_id IS NOT NULL;

-- Refuses changes also to the owner, whom privileges do not bind.
CREATE FUNCTION event_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are immutable: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Correct the books by a new event.';
END
$$;
CREATE TRIGGER event_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION event_is_immutable();
-- ALWAYS: also when session_replication_role is replica.
ALTER TABLE event ENABLE ALWAYS TRIGGER event_is_immutable;

ALTER TABLE event ENABLE ROW LEVEL SECURITY;
ALTER TABLE event FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON event TO ledger_writer;
GRANT SELECT ON event TO ledger_projector, ledger_reader, ledger_replayer;
CREATE POLICY event_append ON event FOR INSERT TO ledger_writer WITH CHECK (true);
CREATE POLICY event_service ON event FOR SELECT TO ledger_writer, ledger_projector USING (true);
-- A teacher's past balance depends on events that they may not see: the service folds it as the
-- replayer, and the caller's permission decides how much of the result is shown.
CREATE POLICY event_replayer ON event FOR SELECT TO ledger_replayer USING (true);
-- Teachers see their own events, except those that also state another member's balance: transfers
-- and attributions. What these mean for the teacher is in their history.
CREATE POLICY event_tenant ON event FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())
             AND kind NOT IN ('units_transferred', 'usage_attributed')))
);

-- The head of each stream. An append locks the rows of its streams in the order of school_id,
-- decides, and moves the heads: two processes never decide on the same head.
CREATE TABLE stream (
    school_id uuid   NOT NULL,
    head_seq  bigint NOT NULL CHECK (head_seq >= 0),
    CONSTRAINT stream_pkey PRIMARY KEY (school_id)
) WITH (fillfactor = 50); -- room for heap-only updates: the head moves with each batch

ALTER TABLE stream ENABLE ROW LEVEL SECURITY;
ALTER TABLE stream FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON stream TO ledger_writer;
GRANT SELECT ON stream TO ledger_projector, ledger_reader, ledger_replayer;
CREATE POLICY stream_writer ON stream TO ledger_writer USING (true) WITH CHECK (true);
CREATE POLICY stream_projector ON stream FOR SELECT TO ledger_projector USING (true);
CREATE POLICY stream_replayer ON stream FOR SELECT TO ledger_replayer USING (true);
CREATE POLICY stream_tenant ON stream FOR SELECT TO ledger_reader
    USING (school_id = (SELECT ledger_school()));

-- Snapshots of schools' states: a cache. Deleting every row changes no answer.
CREATE TABLE snapshot (
    school_id uuid        NOT NULL,
    seq       bigint      NOT NULL,
    format    smallint    NOT NULL, -- of the state; a snapshot of another format is ignored
    taken_at  timestamptz NOT NULL DEFAULT now(),
    state     bytea       NOT NULL, -- JSON of the core's state
    PRIMARY KEY (school_id, seq)
);

ALTER TABLE snapshot ENABLE ROW LEVEL SECURITY;
ALTER TABLE snapshot FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, DELETE ON snapshot TO ledger_writer;
GRANT SELECT ON snapshot TO ledger_replayer;
CREATE POLICY snapshot_writer ON snapshot TO ledger_writer USING (true) WITH CHECK (true);
CREATE POLICY snapshot_replayer ON snapshot FOR SELECT TO ledger_replayer USING (true);

------------------------------------------------------------------------------------------
-- Personal data: beside the log, so that it can be erased
------------------------------------------------------------------------------------------

-- Free texts (reasons). The event holds SHA-256(salt || body): deleting a row erases the text and
-- leaves every byte of the log. No index on member_id or author_id: erasure is rare and searches
-- one school by the primary key; an index would cost every text.
CREATE TABLE free_text (
    school_id  uuid  NOT NULL,
    commitment bytea NOT NULL CHECK (octet_length(commitment) = 32),
    salt       bytea NOT NULL CHECK (octet_length(salt) = 16),
    body       text  NOT NULL,
    member_id  uuid,           -- the member that the text is about
    author_id  uuid  NOT NULL, -- the actor who wrote it
    PRIMARY KEY (school_id, commitment)
);

ALTER TABLE free_text ENABLE ROW LEVEL SECURITY;
ALTER TABLE free_text FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, DELETE ON free_text TO ledger_writer;
GRANT SELECT ON free_text TO ledger_reader;
CREATE POLICY free_text_writer ON free_text TO ledger_writer USING (true) WITH CHECK (true);
CREATE POLICY free_text_tenant ON free_text FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())))
);

-- Names of schools. An individual's school has that person's name: it can be erased, too.
CREATE TABLE school_directory (
    school_id uuid NOT NULL PRIMARY KEY,
    name      text NOT NULL
);

ALTER TABLE school_directory ENABLE ROW LEVEL SECURITY;
ALTER TABLE school_directory FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON school_directory TO ledger_writer;
GRANT SELECT ON school_directory TO ledger_reader;
CREATE POLICY school_directory_writer ON school_directory TO ledger_writer
    USING (true) WITH CHECK (true);
CREATE POLICY school_directory_tenant ON school_directory FOR SELECT TO ledger_reader
    USING (school_id = (SELECT ledger_school())
           AND ((SELECT ledger_sees_school()) OR (SELECT ledger_role()) = 'teacher'));

-- Names and addresses of members.
CREATE TABLE member_directory (
    school_id    uuid NOT NULL,
    member_id    uuid NOT NULL,
    display_name text,
    email        text,
    erased_at    timestamptz,                -- when name and e-mail were erased
    -- The member's actor ids under external ids that were freed when they left: texts that they
    -- wrote under these must still be found for erasure.
    actor_ids    uuid[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (school_id, member_id)
);

ALTER TABLE member_directory ENABLE ROW LEVEL SECURITY;
ALTER TABLE member_directory FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON member_directory TO ledger_writer;
GRANT SELECT ON member_directory TO ledger_reader;
CREATE POLICY member_directory_writer ON member_directory TO ledger_writer
    USING (true) WITH CHECK (true);
CREATE POLICY member_directory_tenant ON member_directory FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())))
);

-- Names of departments, which may contain a person's name.
CREATE TABLE department_directory (
    school_id     uuid NOT NULL,
    department_id uuid NOT NULL,
    name          text NOT NULL,
    PRIMARY KEY (school_id, department_id)
);

ALTER TABLE department_directory ENABLE ROW LEVEL SECURITY;
ALTER TABLE department_directory FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON department_directory TO ledger_writer;
GRANT SELECT ON department_directory TO ledger_reader;
CREATE POLICY department_directory_writer ON department_directory TO ledger_writer
    USING (true) WITH CHECK (true);
CREATE POLICY department_directory_tenant ON department_directory FOR SELECT TO ledger_reader
USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school())
         OR ((SELECT ledger_role()) = 'teacher' AND department_id = (SELECT ledger_department())))
);

------------------------------------------------------------------------------------------
-- Credentials
------------------------------------------------------------------------------------------

-- Long-lived keys of proxies. Only the SHA-256 of the secret is kept: the secret is random and
-- long, so a slow hash would cost every call and protect nothing. The nil school_id is for keys
-- of all schools.
CREATE TABLE api_key (
    school_id    uuid        NOT NULL,
    key_id       text        NOT NULL,
    secret_hash  bytea       NOT NULL CHECK (octet_length(secret_hash) = 32),
    role         text        NOT NULL CHECK (role = 'proxy'),
    label        text        NOT NULL,
    created_at   timestamptz NOT NULL,
    created_by   uuid        NOT NULL,
    revoked_at   timestamptz,
    PRIMARY KEY (school_id, key_id)
);

ALTER TABLE api_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_key FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON api_key TO ledger_authenticator;
CREATE POLICY api_key_authenticator ON api_key TO ledger_authenticator
    USING (true) WITH CHECK (true);

RESET ROLE;

-- The list of migrations is a table of the migrator: only its role sees it, and the writer, as
-- whom a process checks that it is ready (every migration that it knows is in force).
DO $$
BEGIN
    -- Absent when psql runs the files, as the build does to check its SQL.
    IF to_regclass('public._sqlx_migrations') IS NOT NULL THEN
        ALTER TABLE _sqlx_migrations ENABLE ROW LEVEL SECURITY;
        ALTER TABLE _sqlx_migrations FORCE ROW LEVEL SECURITY;
        EXECUTE format(
            'CREATE POLICY migrations_runner ON _sqlx_migrations TO %I '
                'USING (true) WITH CHECK (true)',
            current_user
        );
        GRANT SELECT ON _sqlx_migrations TO ledger_writer;
        CREATE POLICY migrations_readiness ON _sqlx_migrations
            FOR SELECT TO ledger_writer USING (true);
    END IF;
END
$$;
