-- Read models. Each can be dropped and built again from the log.
--
-- A read model is built under a number: rows of the build that is live are read, rows of another
-- build are a rebuild in the making, beside it. projection.live_build says which is live.

SET LOCAL ROLE ledger_owner;

-- Which build of each read model is live, and which is in the making.
CREATE TABLE projection (
    name       text    NOT NULL PRIMARY KEY,
    live_build integer NOT NULL DEFAULT 1,
    next_build integer CHECK (next_build > live_build)
);

INSERT INTO projection (name) VALUES ('roster'), ('balance'), ('history'), ('usage');

-- How far each build of each read model has taken in each school's stream.
CREATE TABLE projection_checkpoint (
    school_id  uuid        NOT NULL,
    name       text        NOT NULL,
    build      integer     NOT NULL,
    seq        bigint      NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- An event that could not be taken in: this school's read model stands before it, loudly.
    failed_seq bigint,
    failure    text,
    PRIMARY KEY (school_id, name, build)
) WITH (fillfactor = 50);

-- Roster: which school is it, and who belongs to it?
CREATE TABLE roster_school (
    school_id             uuid     NOT NULL,
    build                 integer  NOT NULL,
    org_type              text     NOT NULL,
    tier                  text     NOT NULL,
    management            text     NOT NULL,
    time_zone             text     NOT NULL,
    period_anchor_day     smallint NOT NULL,
    totals                jsonb    NOT NULL,
    member_cap            jsonb    NOT NULL,
    default_grant         jsonb    NOT NULL,
    self_service_requests boolean  NOT NULL,
    registered_at         timestamptz NOT NULL,
    version               bigint   NOT NULL, -- seq of the last change: the ETag of subscription and settings
    PRIMARY KEY (school_id, build)
);

CREATE TABLE roster_member (
    school_id   uuid        NOT NULL,
    build       integer     NOT NULL,
    member_id   uuid        NOT NULL,
    role        text        NOT NULL,
    standing    text        NOT NULL,
    enrolled_at timestamptz NOT NULL,
    removed_at  timestamptz,
    PRIMARY KEY (school_id, build, member_id)
);

-- Balance: what is there, what is gone, what is left? NULL units are unlimited.
CREATE TABLE balance_school (
    school_id    uuid        NOT NULL,
    build        integer     NOT NULL,
    management   text        NOT NULL, -- none: members draw straight on the pool
    period_start timestamptz NOT NULL,
    period_end   timestamptz NOT NULL,
    PRIMARY KEY (school_id, build)
);

CREATE TABLE balance_pool (
    school_id         uuid    NOT NULL,
    build             integer NOT NULL,
    service           text    NOT NULL,
    total             bigint  DEFAULT 0,
    allocated         bigint  NOT NULL DEFAULT 0, -- Σ of the finite allocations
    unlimited_holders integer NOT NULL DEFAULT 0,
    used              bigint  NOT NULL DEFAULT 0,
    held              bigint  NOT NULL DEFAULT 0,
    direct_used       bigint  NOT NULL DEFAULT 0, -- the part drawn straight on the pool
    direct_held       bigint  NOT NULL DEFAULT 0,
    PRIMARY KEY (school_id, build, service),
    CONSTRAINT balance_pool_not_negative CHECK (
        total >= 0 AND allocated >= 0 AND unlimited_holders >= 0 AND used >= 0 AND held >= 0
        AND direct_used >= 0 AND direct_held >= 0
    )
) WITH (fillfactor = 70);

CREATE TABLE balance_member (
    school_id uuid    NOT NULL,
    build     integer NOT NULL,
    member_id uuid    NOT NULL,
    standing  text    NOT NULL,
    PRIMARY KEY (school_id, build, member_id)
);

CREATE TABLE balance_line (
    school_id  uuid    NOT NULL,
    build      integer NOT NULL,
    member_id  uuid    NOT NULL,
    service    text    NOT NULL,
    allocated  bigint  DEFAULT 0,
    used       bigint  NOT NULL DEFAULT 0,
    held       bigint  NOT NULL DEFAULT 0,
    priority   text    NOT NULL DEFAULT 'normal',
    auto_renew boolean NOT NULL DEFAULT false,
    PRIMARY KEY (school_id, build, member_id, service),
    CONSTRAINT balance_line_not_negative CHECK (allocated >= 0 AND used >= 0 AND held >= 0)
) WITH (fillfactor = 70);

-- Open holds: a read subtracts those that have run out by its own clock.
CREATE TABLE balance_hold (
    school_id  uuid        NOT NULL,
    build      integer     NOT NULL,
    hold_id    text        NOT NULL,
    member_id  uuid        NOT NULL,
    service    text        NOT NULL,
    level      text        NOT NULL,
    units      bigint      NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (school_id, build, hold_id)
);
-- For the read above, and for the worker that records expiries.
CREATE INDEX balance_hold_by_expiry ON balance_hold (school_id, build, expires_at);

-- History: who changed what, why, from what to what?
CREATE TABLE history_entry (
    school_id   uuid        NOT NULL,
    build       integer     NOT NULL,
    seq         bigint      NOT NULL,
    member_id   uuid        NOT NULL, -- nil where it is about the school
    recorded_at timestamptz NOT NULL,
    kind        text        NOT NULL,
    service     text,
    actor_role  text        NOT NULL,
    actor_id    uuid        NOT NULL,
    cause       text,
    reason      bytea,                -- commitment; the text is in free_text
    before      jsonb,
    after       jsonb,
    PRIMARY KEY (school_id, build, seq, member_id) -- a transfer is an entry for each of the two
);
-- One member's history.
CREATE INDEX history_entry_by_member ON history_entry (school_id, build, member_id, seq);

-- Usage: how much, when, by whom, of what, at what cost? A row per day of the school's own time
-- zone and member, service, model and outcome ('' where not said). Months are sums over days: a
-- row of its own for each would cost every debit one more update, to save some thousand rows of a
-- year's report.
CREATE TABLE usage_calendar (
    school_id uuid    NOT NULL,
    build     integer NOT NULL,
    time_zone text    NOT NULL,
    PRIMARY KEY (school_id, build)
);

CREATE TABLE usage_rollup (
    school_id     uuid    NOT NULL,
    build         integer NOT NULL,
    day           date    NOT NULL,
    member_id     uuid    NOT NULL,
    service       text    NOT NULL,
    model         text    NOT NULL,
    outcome       text    NOT NULL,
    requests      bigint  NOT NULL,
    units         bigint  NOT NULL,
    input_tokens  bigint  NOT NULL,
    output_tokens bigint  NOT NULL,
    cached_tokens bigint  NOT NULL,
    cost_micros   bigint  NOT NULL,
    latency_ms    bigint  NOT NULL, -- Σ over the requests that said it
    timed_requests bigint NOT NULL, -- how many said it
    PRIMARY KEY (school_id, build, day, member_id, service, model, outcome)
) WITH (fillfactor = 70);

DO $$
DECLARE
    table_name text;
    sees text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'projection_checkpoint', 'roster_school', 'roster_member', 'balance_school', 'balance_pool',
        'balance_member', 'balance_line', 'balance_hold', 'history_entry', 'usage_calendar',
        'usage_rollup'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO ledger_projector', table_name);
        EXECUTE format('GRANT SELECT ON %I TO ledger_reader', table_name);
        EXECUTE format(
            'CREATE POLICY %I ON %I TO ledger_projector USING (true) WITH CHECK (true)',
            table_name || '_projector', table_name
        );
        -- Who sees which rows of his school: proxies balances, a teacher his own rows.
        sees := CASE table_name
            WHEN 'projection_checkpoint' THEN 'true'
            WHEN 'roster_school' THEN
                '(SELECT ledger_sees_school()) OR (SELECT ledger_role()) = ''teacher'''
            WHEN 'balance_school' THEN
                '(SELECT ledger_sees_balances()) OR (SELECT ledger_role()) = ''teacher'''
            WHEN 'balance_pool' THEN -- a teacher too, where the pool is what he draws on
                '(SELECT ledger_sees_balances()) OR ((SELECT ledger_role()) = ''teacher'' AND EXISTS (
                    SELECT FROM balance_school s
                     WHERE s.school_id = balance_pool.school_id AND s.build = balance_pool.build
                       AND s.management = ''none''))'
            WHEN 'usage_calendar' THEN
                '(SELECT ledger_sees_school()) OR (SELECT ledger_role()) = ''teacher'''
            WHEN 'balance_member' THEN
                '(SELECT ledger_sees_balances()) OR ((SELECT ledger_role()) = ''teacher'' AND member_id = (SELECT ledger_member()))'
            WHEN 'balance_line' THEN
                '(SELECT ledger_sees_balances()) OR ((SELECT ledger_role()) = ''teacher'' AND member_id = (SELECT ledger_member()))'
            WHEN 'balance_hold' THEN
                '(SELECT ledger_sees_balances()) OR ((SELECT ledger_role()) = ''teacher'' AND member_id = (SELECT ledger_member()))'
            ELSE
                '(SELECT ledger_sees_school()) OR ((SELECT ledger_role()) = ''teacher'' AND member_id = (SELECT ledger_member()))'
        END;
        EXECUTE format(
            'CREATE POLICY %I ON %I FOR SELECT TO ledger_reader USING (school_id = (SELECT ledger_school()) AND (%s))',
            table_name || '_tenant', table_name, sees
        );
    END LOOP;
END
$$;

-- Which build is live is no secret and belongs to no school.
ALTER TABLE projection ENABLE ROW LEVEL SECURITY;
ALTER TABLE projection FORCE ROW LEVEL SECURITY;
GRANT SELECT ON projection TO ledger_reader;
GRANT SELECT, INSERT, UPDATE ON projection TO ledger_projector;
CREATE POLICY projection_projector ON projection TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY projection_reader ON projection FOR SELECT TO ledger_reader USING (true);

-- What a teacher may know of rows that he does not see: which services his school has pools of,
-- and, where members draw straight on a pool, how much of its holds has run out (without it his
-- balance would wait for somebody to record the expiry). SECURITY DEFINER, as narrow as that; the
-- owner, too, is bound by row-level security, so it is let in to the reader's school alone.
CREATE POLICY balance_pool_owner ON balance_pool FOR SELECT TO ledger_owner
    USING (school_id = (SELECT ledger_school()));
CREATE POLICY balance_hold_owner ON balance_hold FOR SELECT TO ledger_owner
    USING (school_id = (SELECT ledger_school()));
CREATE POLICY projection_owner ON projection FOR SELECT TO ledger_owner USING (true);

CREATE FUNCTION ledger_pool_services() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 SET search_path = public, pg_temp AS $$
    SELECT service FROM balance_pool
     WHERE school_id = ledger_school()
       AND build = (SELECT live_build FROM projection WHERE name = 'balance')
$$;

CREATE FUNCTION ledger_expired_direct_holds(at timestamptz)
RETURNS TABLE (service text, units bigint)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 SET search_path = public, pg_temp AS $$
    SELECT h.service, least(sum(h.units), 9223372036854775807)::bigint
      FROM balance_hold AS h
     WHERE h.school_id = ledger_school()
       AND h.build = (SELECT live_build FROM projection WHERE name = 'balance')
       AND h.level = 'pool' AND h.expires_at <= at
     GROUP BY h.service
$$;

RESET ROLE;
