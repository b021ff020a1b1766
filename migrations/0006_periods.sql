-- Periods that ended: the books of each as it closed, and as later settles of its holds moved them.

SET LOCAL ROLE ledger_owner;

-- Which periods a school has closed.
CREATE TABLE balance_closed_period (
    school_id    uuid        NOT NULL,
    build        integer     NOT NULL,
    period_start timestamptz NOT NULL,
    period_end   timestamptz NOT NULL,
    management   text        NOT NULL, -- as the period ended; none: members drew on the pool
    PRIMARY KEY (school_id, build, period_start)
);

CREATE TABLE balance_closed_pool (
    school_id         uuid        NOT NULL,
    build             integer     NOT NULL,
    period_start      timestamptz NOT NULL,
    service           text        NOT NULL,
    total             bigint,
    allocated         bigint      NOT NULL,
    unlimited_holders integer     NOT NULL,
    used              bigint      NOT NULL,
    held              bigint      NOT NULL, -- by holds that are still open
    direct_used       bigint      NOT NULL,
    direct_held       bigint      NOT NULL,
    PRIMARY KEY (school_id, build, period_start, service),
    CONSTRAINT balance_closed_pool_not_negative CHECK (
        total >= 0 AND allocated >= 0 AND unlimited_holders >= 0 AND used >= 0 AND held >= 0
        AND direct_used >= 0 AND direct_held >= 0
    )
) WITH (fillfactor = 90);

-- Only lines on which there was something.
CREATE TABLE balance_closed_line (
    school_id    uuid        NOT NULL,
    build        integer     NOT NULL,
    member_id    uuid        NOT NULL,
    period_start timestamptz NOT NULL,
    service      text        NOT NULL,
    allocated    bigint      DEFAULT 0,
    used         bigint      NOT NULL DEFAULT 0,
    held         bigint      NOT NULL DEFAULT 0,
    priority     text        NOT NULL DEFAULT 'normal',
    auto_renew   boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (school_id, build, member_id, period_start, service),
    CONSTRAINT balance_closed_line_not_negative CHECK (allocated >= 0 AND used >= 0 AND held >= 0)
) WITH (fillfactor = 90);

-- The closed period that a hold counts in; NULL: the current one.
ALTER TABLE balance_hold ADD COLUMN period_start timestamptz;

-- For the worker that makes time happen in idle schools. A plain index over all schools: on each
-- node of a distributed database it finds that node's.
CREATE INDEX balance_school_by_end ON balance_school (period_end);
CREATE INDEX balance_hold_by_expiry_of_all ON balance_hold (expires_at);

-- Which of its schools a worker is seeing to, so that several do not do so at once.
CREATE TABLE catch_up_claim (
    school_id uuid        NOT NULL PRIMARY KEY,
    until     timestamptz NOT NULL
) WITH (fillfactor = 70);
ALTER TABLE catch_up_claim ENABLE ROW LEVEL SECURITY;
ALTER TABLE catch_up_claim FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON catch_up_claim TO ledger_projector;
CREATE POLICY catch_up_claim_projector ON catch_up_claim TO ledger_projector
    USING (true) WITH CHECK (true);

-- A roll changes many allocations in one event: which of them an entry is about.
ALTER TABLE history_entry ADD COLUMN part integer NOT NULL DEFAULT 0;
ALTER TABLE history_entry DROP CONSTRAINT history_entry_pkey;
ALTER TABLE history_entry ADD PRIMARY KEY (school_id, build, seq, member_id, part);

-- As the tables of the current period: proxies see balances, a teacher his own rows, and the pool
-- where he drew on it.
DO $$
DECLARE
    table_name text;
    sees text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'balance_closed_period', 'balance_closed_pool', 'balance_closed_line'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO ledger_projector', table_name);
        EXECUTE format('GRANT SELECT ON %I TO ledger_reader', table_name);
        EXECUTE format(
            'CREATE POLICY %I ON %I TO ledger_projector USING (true) WITH CHECK (true)',
            table_name || '_projector', table_name
        );
        sees := CASE table_name
            WHEN 'balance_closed_period' THEN
                '(SELECT ledger_sees_balances()) OR (SELECT ledger_role()) = ''teacher'''
            WHEN 'balance_closed_pool' THEN
                '(SELECT ledger_sees_balances()) OR ((SELECT ledger_role()) = ''teacher'' AND EXISTS (
                    SELECT FROM balance_closed_period p
                     WHERE p.school_id = balance_closed_pool.school_id
                       AND p.build = balance_closed_pool.build
                       AND p.period_start = balance_closed_pool.period_start
                       AND p.management = ''none''))'
            ELSE
                '(SELECT ledger_sees_balances()) OR ((SELECT ledger_role()) = ''teacher'' AND member_id = (SELECT ledger_member()))'
        END;
        EXECUTE format(
            'CREATE POLICY %I ON %I FOR SELECT TO ledger_reader USING (school_id = (SELECT ledger_school()) AND (%s))',
            table_name || '_tenant', table_name, sees
        );
    END LOOP;
END
$$;

-- What ran out of the holds of the current period alone.
CREATE OR REPLACE FUNCTION ledger_expired_direct_holds(at timestamptz)
RETURNS TABLE (service text, units bigint)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 SET search_path = public, pg_temp AS $$
    SELECT h.service, least(sum(h.units), 9223372036854775807)::bigint
      FROM balance_hold AS h
     WHERE h.school_id = ledger_school()
       AND h.build = (SELECT live_build FROM projection WHERE name = 'balance')
       AND h.level = 'pool' AND h.expires_at <= at AND h.period_start IS NULL
     GROUP BY h.service
$$;

-- The same of a closed period.
CREATE FUNCTION ledger_expired_direct_holds_of(period timestamptz, at timestamptz)
RETURNS TABLE (service text, units bigint)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 SET search_path = public, pg_temp AS $$
    SELECT h.service, least(sum(h.units), 9223372036854775807)::bigint
      FROM balance_hold AS h
     WHERE h.school_id = ledger_school()
       AND h.build = (SELECT live_build FROM projection WHERE name = 'balance')
       AND h.level = 'pool' AND h.expires_at <= at AND h.period_start = period
     GROUP BY h.service
$$;

-- The zone in which a school's days begin, for whoever names a period by one of its days: a proxy
-- reads balances and nothing else of the school.
CREATE POLICY roster_school_owner ON roster_school FOR SELECT TO ledger_owner
    USING (school_id = (SELECT ledger_school()));
CREATE FUNCTION ledger_time_zone() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT time_zone FROM roster_school
     WHERE school_id = ledger_school()
       AND build = (SELECT live_build FROM projection WHERE name = 'roster')
$$;

RESET ROLE;
