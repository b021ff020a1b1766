-- The log: roles, the event table, the heads of its streams, and what is kept beside it.
--
-- Every primary key and unique index begins with school_id and no foreign key crosses schools, so
-- that the schema distributes by school as it stands.

-- Roles. None can log in: the service's login role is granted them and takes one per connection.
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'ledger_owner',         -- owns the tables, runs migrations
        'ledger_writer',        -- appends to the log
        'ledger_projector',     -- reads the log, writes read models
        'ledger_reader',        -- reads as one tenant, bound by app.* settings or request.jwt.claims
        'ledger_authenticator'  -- looks up credentials, before the tenant is known
    ] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- roles belong to the whole cluster; another database's migration made it
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
    TO ledger_writer, ledger_projector, ledger_reader, ledger_authenticator;

SET LOCAL ROLE ledger_owner;

-- Who reads: the tenant, the role and the member of this transaction. The API sets them by
-- SET LOCAL app.…; PostgREST sets request.jwt.claims. Unset is NULL, which no row equals.
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

-- Whether the reader may see all that his school has.
CREATE FUNCTION ledger_sees_school() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        ledger_role() IN ('principal', 'principal_admin', 'auditor', 'platform_admin'), false
    )
$$;

-- Whether the reader may see his school's balances: all who see the school, and its proxies.
CREATE FUNCTION ledger_sees_balances() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT ledger_sees_school() OR coalesce(ledger_role() = 'proxy', false)
$$;

-- External ids: unique in the school, in the directory, never in events.
CREATE TABLE member_external_id (
    school_id   uuid NOT NULL,
    external_id text NOT NULL CHECK (char_length(external_id) BETWEEN 1 AND 256),
    member_id   uuid NOT NULL,
    PRIMARY KEY (school_id, external_id)
);
-- A member's own external ids, for his page and for his removal.
CREATE INDEX member_external_id_by_member ON member_external_id (school_id, member_id);

-- The member that a reader is: the one the API found, or the one whose external id, or own id,
-- the token's subject is. SECURITY DEFINER, since the reader may not search the directory.
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

-- The events of all schools: what happened, in typed columns where the hot path and the rollups
-- need it, in payload otherwise. Wide columns first, so that a debit's row has no padding.
CREATE TABLE event (
    seq               bigint NOT NULL,      -- position in the school's stream: 1, 2, 3 … no gaps
    occurred_at       timestamptz NOT NULL, -- when it happened in the world
    recorded_at       timestamptz NOT NULL, -- when it was written; never before its predecessor
    fingerprint       bigint,               -- of the command's body, on its first event
    units             bigint,               -- debited, held, settled, released or expired
    freed_units       bigint,               -- a settle: held until now for it
    balance_allocated bigint,               -- the account afterwards; NULL is unlimited
    balance_used      bigint,
    balance_held      bigint,
    input_tokens      bigint,
    output_tokens     bigint,
    cached_tokens     bigint,
    cost_micros       bigint,               -- millionths of a US dollar
    latency_ms        bigint,
    expires_at        timestamptz,          -- a hold
    school_id         uuid NOT NULL,
    event_id          uuid NOT NULL,        -- UUIDv5 of the command's key: identity, receipt, unique for ever
    actor_id          uuid NOT NULL,
    member_id         uuid,
    version           smallint NOT NULL,
    overage           boolean,              -- a settle beyond what was available
    late              boolean,              -- a settle after expiry
    kind              text NOT NULL,
    actor_role        text NOT NULL,
    service           text,
    level             text,                 -- the account drawn on: member or pool
    key               text,                 -- the caller's id of the debit or hold
    model             text,
    outcome           text,
    request_id        text,
    session_id        text,
    payload           jsonb,                -- the data of all kinds but those of usage
    CONSTRAINT event_pkey PRIMARY KEY (school_id, seq),
    CONSTRAINT event_id_unique UNIQUE (school_id, event_id),
    CONSTRAINT event_seq_positive CHECK (seq > 0),
    CONSTRAINT event_units_not_negative CHECK (units >= 0 AND freed_units >= 0),
    CONSTRAINT event_balance_not_negative
        CHECK (balance_allocated >= 0 AND balance_used >= 0 AND balance_held >= 0)
);
COMMENT ON TABLE event IS
    'Immutable. Only the append of the ledger writes here, in the same transaction as stream.head_seq.';
-- An insert-only table needs no room for updates and is vacuumed for its visibility map alone.
ALTER TABLE event SET (fillfactor = 100, autovacuum_vacuum_insert_scale_factor = 0.1);

-- Where each stream ends. An append locks its streams' rows here, in the order of school_id,
-- decides, and moves the heads: two processes never decide on the same head.
CREATE TABLE stream (
    school_id uuid   NOT NULL,
    head_seq  bigint NOT NULL CHECK (head_seq >= 0),
    CONSTRAINT stream_pkey PRIMARY KEY (school_id)
) WITH (fillfactor = 50); -- room for heap-only updates: the head moves with each batch

-- Free texts (reasons), beside the log: the event holds SHA-256(salt || body). Deleting a row
-- here erases what was written and leaves every byte of the log.
CREATE TABLE free_text (
    school_id  uuid  NOT NULL,
    commitment bytea NOT NULL CHECK (octet_length(commitment) = 32),
    salt       bytea NOT NULL CHECK (octet_length(salt) = 16),
    body       text  NOT NULL,
    member_id  uuid,           -- whom the text is about
    author_id  uuid  NOT NULL, -- who wrote it
    PRIMARY KEY (school_id, commitment)
);

-- States of schools, to start from: a cache. Deleting every row changes no answer.
CREATE TABLE snapshot (
    school_id uuid        NOT NULL,
    seq       bigint      NOT NULL,
    format    smallint    NOT NULL, -- of the state; another format is passed over
    taken_at  timestamptz NOT NULL DEFAULT now(),
    state     bytea       NOT NULL, -- JSON of the pure core's state
    PRIMARY KEY (school_id, seq)
);

-- Names of schools and people: they are not in the log.
CREATE TABLE school_directory (
    school_id uuid NOT NULL PRIMARY KEY,
    name      text NOT NULL
);

CREATE TABLE member_directory (
    school_id    uuid NOT NULL,
    member_id    uuid NOT NULL,
    display_name text,
    email        text,
    PRIMARY KEY (school_id, member_id)
);

-- Long-lived keys of proxies. Of the secret only the SHA-256 is kept: it is random and long, so a
-- slow hash would cost every call and protect nothing. The nil school_id stands for all schools.
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

-- Events cannot be changed: nobody has the privilege, and whoever owns the table is told.
CREATE FUNCTION event_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are immutable: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Correct the books by a new event.';
END
$$;
CREATE TRIGGER event_is_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION event_is_immutable();
-- Also when a session pretends to be a replica.
ALTER TABLE event ENABLE ALWAYS TRIGGER event_is_immutable;

-- Row-level security: on every table, forced, a policy for every role that has a privilege.
DO $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'event', 'stream', 'free_text', 'snapshot', 'school_directory', 'member_directory',
        'member_external_id', 'api_key'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
    END LOOP;
END
$$;

GRANT SELECT, INSERT ON event TO ledger_writer;
GRANT SELECT ON event TO ledger_projector, ledger_reader;
CREATE POLICY event_append ON event FOR INSERT TO ledger_writer WITH CHECK (true);
CREATE POLICY event_service ON event FOR SELECT TO ledger_writer, ledger_projector USING (true);
CREATE POLICY event_tenant ON event FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())))
);

GRANT SELECT, INSERT, UPDATE ON stream TO ledger_writer;
GRANT SELECT ON stream TO ledger_projector, ledger_reader;
CREATE POLICY stream_writer ON stream TO ledger_writer USING (true) WITH CHECK (true);
CREATE POLICY stream_projector ON stream FOR SELECT TO ledger_projector USING (true);
CREATE POLICY stream_tenant ON stream FOR SELECT TO ledger_reader
    USING (school_id = (SELECT ledger_school()));

GRANT SELECT, INSERT ON free_text TO ledger_writer;
GRANT SELECT ON free_text TO ledger_reader;
CREATE POLICY free_text_writer ON free_text TO ledger_writer USING (true) WITH CHECK (true);
CREATE POLICY free_text_tenant ON free_text FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())))
);

GRANT SELECT, INSERT, DELETE ON snapshot TO ledger_writer;
CREATE POLICY snapshot_writer ON snapshot TO ledger_writer USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON school_directory TO ledger_writer;
GRANT SELECT ON school_directory TO ledger_reader;
CREATE POLICY school_directory_writer ON school_directory TO ledger_writer
    USING (true) WITH CHECK (true);
CREATE POLICY school_directory_tenant ON school_directory FOR SELECT TO ledger_reader
    USING (school_id = (SELECT ledger_school())
           AND ((SELECT ledger_sees_school()) OR (SELECT ledger_role()) = 'teacher'));

GRANT SELECT, INSERT, UPDATE, DELETE ON member_directory, member_external_id TO ledger_writer;
GRANT SELECT ON member_directory, member_external_id TO ledger_reader;
GRANT SELECT ON member_external_id TO ledger_authenticator;
CREATE POLICY member_directory_writer ON member_directory TO ledger_writer
    USING (true) WITH CHECK (true);
CREATE POLICY member_directory_tenant ON member_directory FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())))
);
CREATE POLICY member_external_id_writer ON member_external_id TO ledger_writer
    USING (true) WITH CHECK (true);
CREATE POLICY member_external_id_lookup ON member_external_id FOR SELECT
    TO ledger_authenticator, ledger_owner USING (true); -- the owner: inside ledger_member()
CREATE POLICY member_external_id_tenant ON member_external_id FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())))
);

GRANT SELECT, INSERT, UPDATE ON api_key TO ledger_authenticator;
CREATE POLICY api_key_authenticator ON api_key TO ledger_authenticator
    USING (true) WITH CHECK (true);

RESET ROLE;

-- The list of migrations is a table too: nobody but who runs them sees it.
DO $$
BEGIN
    IF to_regclass('public._sqlx_migrations') IS NOT NULL THEN
        ALTER TABLE _sqlx_migrations ENABLE ROW LEVEL SECURITY;
        ALTER TABLE _sqlx_migrations FORCE ROW LEVEL SECURITY;
        EXECUTE format(
            'CREATE POLICY migrations_runner ON _sqlx_migrations TO %I USING (true) WITH CHECK (true)',
            current_user
        );
    END IF;
END
$$;
