-- Departments: groups of members, each with an allocation out of the pool, out of which the
-- allocations of its members come.

SET LOCAL ROLE ledger_owner;

-- In whose books an event counts: usage events are restored from their columns, so this one has to
-- say it. Of the events with a payload it is for whoever asks the log by SQL.
ALTER TABLE event ADD COLUMN department_id uuid;
COMMENT ON COLUMN event.department_id IS
    'The department that it is about, or in whose books it counts; of a move the one moved to.';
COMMENT ON COLUMN event.level IS 'The account drawn on: member, department or pool.';

-- Names of departments: they are not in the log.
CREATE TABLE department_directory (
    school_id     uuid NOT NULL,
    department_id uuid NOT NULL,
    name          text NOT NULL,
    PRIMARY KEY (school_id, department_id)
);

-- Roster: which departments are there, and who is in them?
CREATE TABLE roster_department (
    school_id     uuid        NOT NULL,
    build         integer     NOT NULL,
    department_id uuid        NOT NULL,
    opened_at     timestamptz NOT NULL,
    closed_at     timestamptz,
    PRIMARY KEY (school_id, build, department_id)
);
ALTER TABLE roster_member ADD COLUMN department_id uuid;
CREATE INDEX roster_member_by_department ON roster_member (school_id, build, department_id)
    WHERE department_id IS NOT NULL;
ALTER TABLE roster_school ADD COLUMN draw_on_department boolean NOT NULL DEFAULT false;

-- Balance: of a department what it holds and what is drawn straight on that. What its members hold
-- and used is Σ over them as they are in it now, made up when it is read: a move is one row.
ALTER TABLE balance_school
    -- Whether a member without an allocation of his own draws on his department's.
    ADD COLUMN draw_on_department boolean NOT NULL DEFAULT false;
ALTER TABLE balance_member ADD COLUMN department_id uuid;
CREATE INDEX balance_member_by_department ON balance_member (school_id, build, department_id)
    WHERE department_id IS NOT NULL;
ALTER TABLE balance_hold
    -- The department drawn on, at that level.
    ADD COLUMN department_id uuid;

CREATE TABLE balance_department (
    school_id     uuid    NOT NULL,
    build         integer NOT NULL,
    department_id uuid    NOT NULL,
    closed        boolean NOT NULL,
    PRIMARY KEY (school_id, build, department_id)
);

CREATE TABLE balance_department_line (
    school_id     uuid    NOT NULL,
    build         integer NOT NULL,
    department_id uuid    NOT NULL,
    service       text    NOT NULL,
    allocated     bigint  DEFAULT 0,
    direct_used   bigint  NOT NULL DEFAULT 0,
    direct_held   bigint  NOT NULL DEFAULT 0,
    priority      text    NOT NULL DEFAULT 'normal',
    auto_renew    boolean NOT NULL DEFAULT false,
    PRIMARY KEY (school_id, build, department_id, service),
    CONSTRAINT balance_department_line_not_negative
        CHECK (allocated >= 0 AND direct_used >= 0 AND direct_held >= 0)
) WITH (fillfactor = 70);

-- The same of periods that ended: who was in which department then, and the departments' books.
ALTER TABLE balance_closed_period ADD COLUMN draw_on_department boolean NOT NULL DEFAULT false;

-- Only members who were in one.
CREATE TABLE balance_closed_member (
    school_id     uuid        NOT NULL,
    build         integer     NOT NULL,
    member_id     uuid        NOT NULL,
    period_start  timestamptz NOT NULL,
    department_id uuid        NOT NULL,
    PRIMARY KEY (school_id, build, member_id, period_start)
);
-- A department's books are those of its members.
CREATE INDEX balance_closed_member_by_department
    ON balance_closed_member (school_id, build, department_id, period_start);

-- Only lines on which there was something.
CREATE TABLE balance_closed_department_line (
    school_id     uuid        NOT NULL,
    build         integer     NOT NULL,
    department_id uuid        NOT NULL,
    period_start  timestamptz NOT NULL,
    service       text        NOT NULL,
    allocated     bigint      DEFAULT 0,
    direct_used   bigint      NOT NULL DEFAULT 0,
    direct_held   bigint      NOT NULL DEFAULT 0,
    priority      text        NOT NULL DEFAULT 'normal',
    auto_renew    boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (school_id, build, department_id, period_start, service),
    CONSTRAINT balance_closed_department_line_not_negative
        CHECK (allocated >= 0 AND direct_used >= 0 AND direct_held >= 0)
) WITH (fillfactor = 90);

-- History: which department an entry is about; of a member's allocation the one out of which it
-- comes. An entry with neither member nor department is about the school.
ALTER TABLE history_entry ADD COLUMN department_id uuid;

-- Usage: the department that the member was in when he made the call; nil where he was in none.
ALTER TABLE usage_rollup
    ADD COLUMN department_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000';
ALTER TABLE usage_rollup DROP CONSTRAINT usage_rollup_pkey;
ALTER TABLE usage_rollup
    ADD PRIMARY KEY (school_id, build, day, member_id, service, model, outcome, department_id);

-- The department that the reader is in.
CREATE FUNCTION ledger_department() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT department_id FROM balance_member
     WHERE school_id = ledger_school() AND member_id = ledger_member()
       AND build = (SELECT live_build FROM projection WHERE name = 'balance')
$$;

-- Proxies see balances, a teacher what is of the department that he is in, or was as a period
-- ended.
DO $$
DECLARE
    table_name text;
    sees text;
BEGIN
    FOREACH table_name IN ARRAY ARRAY[
        'department_directory', 'roster_department', 'balance_department',
        'balance_department_line', 'balance_closed_member', 'balance_closed_department_line'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', table_name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', table_name);
        EXECUTE format('GRANT SELECT ON %I TO ledger_reader', table_name);
        IF table_name = 'department_directory' THEN
            GRANT SELECT, INSERT, UPDATE ON department_directory TO ledger_writer;
            CREATE POLICY department_directory_writer ON department_directory TO ledger_writer
                USING (true) WITH CHECK (true);
        ELSE
            EXECUTE format(
                'GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO ledger_projector', table_name
            );
            EXECUTE format(
                'CREATE POLICY %I ON %I TO ledger_projector USING (true) WITH CHECK (true)',
                table_name || '_projector', table_name
            );
        END IF;
        sees := CASE table_name
            WHEN 'department_directory' THEN
                '(SELECT ledger_sees_school()) OR ((SELECT ledger_role()) = ''teacher'' AND department_id = (SELECT ledger_department()))'
            WHEN 'roster_department' THEN
                '(SELECT ledger_sees_school()) OR ((SELECT ledger_role()) = ''teacher'' AND department_id = (SELECT ledger_department()))'
            WHEN 'balance_closed_member' THEN
                '(SELECT ledger_sees_balances()) OR ((SELECT ledger_role()) = ''teacher'' AND member_id = (SELECT ledger_member()))'
            WHEN 'balance_closed_department_line' THEN
                '(SELECT ledger_sees_balances()) OR ((SELECT ledger_role()) = ''teacher'' AND EXISTS (
                    SELECT FROM balance_closed_member m
                     WHERE m.school_id = balance_closed_department_line.school_id
                       AND m.build = balance_closed_department_line.build
                       AND m.member_id = (SELECT ledger_member())
                       AND m.period_start = balance_closed_department_line.period_start
                       AND m.department_id = balance_closed_department_line.department_id))'
            ELSE
                '(SELECT ledger_sees_balances()) OR ((SELECT ledger_role()) = ''teacher'' AND department_id = (SELECT ledger_department()))'
        END;
        EXECUTE format(
            'CREATE POLICY %I ON %I FOR SELECT TO ledger_reader USING (school_id = (SELECT ledger_school()) AND (%s))',
            table_name || '_tenant', table_name, sees
        );
        -- For the functions below.
        EXECUTE format(
            'CREATE POLICY %I ON %I FOR SELECT TO ledger_owner USING (school_id = (SELECT ledger_school()))',
            table_name || '_owner', table_name
        );
    END LOOP;
    FOREACH table_name IN ARRAY ARRAY[
        'roster_member', 'balance_member', 'balance_line', 'balance_closed_line'
    ] LOOP
        EXECUTE format(
            'CREATE POLICY %I ON %I FOR SELECT TO ledger_owner USING (school_id = (SELECT ledger_school()))',
            table_name || '_owner', table_name
        );
    END LOOP;
END
$$;

-- A department's allocations as pools that its members draw on: sums over members whom a teacher
-- does not see, for him of his own department alone, since that is what he may draw on. Sums stop
-- at the largest value that 64 bits hold. SECURITY DEFINER, as ledger_expired_direct_holds(). Each
-- line is looked up by its key (LIMIT keeps it from being joined), whatever the statistics say.
CREATE FUNCTION ledger_department_pools(department uuid, at timestamptz)
RETURNS TABLE (
    service text, total bigint, allocated bigint, unlimited_holders integer, used bigint,
    held bigint, direct_used bigint, direct_held bigint, expired bigint, direct_expired bigint,
    priority text, auto_renew boolean
)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 SET search_path = public, pg_temp AS $$
    WITH live AS MATERIALIZED (
        SELECT ledger_school() AS school_id, live_build AS build FROM projection
         WHERE name = 'balance'
           AND (ledger_sees_balances()
                OR (ledger_role() = 'teacher' AND department = ledger_department()))
    ), members AS MATERIALIZED (
        SELECT m.school_id, m.build, m.member_id FROM live JOIN balance_member AS m
            ON m.school_id = live.school_id AND m.build = live.build
           AND m.department_id = department
    ), given AS (
        SELECT p.service, coalesce(sum(l.allocated), 0) AS allocated,
               count(*) FILTER (WHERE l.allocated IS NULL) AS unlimited_holders,
               sum(l.used) AS used, sum(l.held) AS held
          FROM members
          JOIN balance_pool AS p
            ON p.school_id = members.school_id AND p.build = members.build
         CROSS JOIN LATERAL (
             SELECT l.allocated, l.used, l.held FROM balance_line AS l
              WHERE l.school_id = members.school_id AND l.build = members.build
                AND l.member_id = members.member_id AND l.service = p.service
              LIMIT 1
         ) AS l
         GROUP BY p.service
    ), gone AS (
        SELECT h.service, sum(h.units) AS units,
               coalesce(sum(h.units) FILTER (WHERE h.level = 'department'), 0) AS direct_units
          FROM live JOIN balance_hold AS h
            ON h.school_id = live.school_id AND h.build = live.build
         WHERE h.expires_at <= at AND h.period_start IS NULL
           AND (h.level = 'department' AND h.department_id = department
                OR h.level = 'member' AND h.member_id IN (SELECT member_id FROM members))
         GROUP BY h.service
    )
    SELECT p.service, CASE WHEN d.school_id IS NULL THEN 0 ELSE d.allocated END,
           least(coalesce(g.allocated, 0), 9223372036854775807)::bigint,
           coalesce(g.unlimited_holders, 0)::integer,
           least(coalesce(g.used, 0) + coalesce(d.direct_used, 0), 9223372036854775807)::bigint,
           least(coalesce(g.held, 0) + coalesce(d.direct_held, 0), 9223372036854775807)::bigint,
           coalesce(d.direct_used, 0), coalesce(d.direct_held, 0),
           least(coalesce(e.units, 0), 9223372036854775807)::bigint,
           least(coalesce(e.direct_units, 0), 9223372036854775807)::bigint,
           coalesce(d.priority, 'normal'), coalesce(d.auto_renew, false)
      FROM live JOIN balance_pool AS p ON p.school_id = live.school_id AND p.build = live.build
      LEFT JOIN balance_department_line AS d
        ON d.school_id = p.school_id AND d.build = p.build AND d.department_id = department
       AND d.service = p.service
      LEFT JOIN given AS g ON g.service = p.service
      LEFT JOIN gone AS e ON e.service = p.service
$$;

-- The same of a closed period, and of the department as it was then.
CREATE FUNCTION ledger_department_pools_of(period timestamptz, department uuid, at timestamptz)
RETURNS TABLE (
    service text, total bigint, allocated bigint, unlimited_holders integer, used bigint,
    held bigint, direct_used bigint, direct_held bigint, expired bigint, direct_expired bigint,
    priority text, auto_renew boolean
)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 SET search_path = public, pg_temp AS $$
    WITH live AS MATERIALIZED (
        SELECT ledger_school() AS school_id, p.live_build AS build FROM projection AS p
         WHERE p.name = 'balance'
           AND (ledger_sees_balances()
                OR (ledger_role() = 'teacher' AND EXISTS (
                    SELECT FROM balance_closed_member AS m
                     WHERE m.school_id = ledger_school() AND m.build = p.live_build
                       AND m.member_id = ledger_member() AND m.period_start = period
                       AND m.department_id = department)))
    ), members AS MATERIALIZED (
        SELECT m.school_id, m.build, m.member_id FROM live JOIN balance_closed_member AS m
            ON m.school_id = live.school_id AND m.build = live.build
           AND m.department_id = department AND m.period_start = period
    ), given AS (
        SELECT p.service, coalesce(sum(l.allocated), 0) AS allocated,
               count(*) FILTER (WHERE l.allocated IS NULL) AS unlimited_holders,
               sum(l.used) AS used, sum(l.held) AS held
          FROM members
          JOIN balance_pool AS p
            ON p.school_id = members.school_id AND p.build = members.build
         CROSS JOIN LATERAL (
             SELECT l.allocated, l.used, l.held FROM balance_closed_line AS l
              WHERE l.school_id = members.school_id AND l.build = members.build
                AND l.member_id = members.member_id AND l.period_start = period AND l.service = p.service
              LIMIT 1
         ) AS l
         GROUP BY p.service
    ), gone AS (
        SELECT h.service, sum(h.units) AS units,
               coalesce(sum(h.units) FILTER (WHERE h.level = 'department'), 0) AS direct_units
          FROM live JOIN balance_hold AS h
            ON h.school_id = live.school_id AND h.build = live.build
         WHERE h.expires_at <= at AND h.period_start = period
           AND (h.level = 'department' AND h.department_id = department
                OR h.level = 'member' AND h.member_id IN (SELECT member_id FROM members))
         GROUP BY h.service
    )
    SELECT p.service, CASE WHEN d.school_id IS NULL THEN 0 ELSE d.allocated END,
           least(coalesce(g.allocated, 0), 9223372036854775807)::bigint,
           coalesce(g.unlimited_holders, 0)::integer,
           least(coalesce(g.used, 0) + coalesce(d.direct_used, 0), 9223372036854775807)::bigint,
           least(coalesce(g.held, 0) + coalesce(d.direct_held, 0), 9223372036854775807)::bigint,
           coalesce(d.direct_used, 0), coalesce(d.direct_held, 0),
           least(coalesce(e.units, 0), 9223372036854775807)::bigint,
           least(coalesce(e.direct_units, 0), 9223372036854775807)::bigint,
           coalesce(d.priority, 'normal'), coalesce(d.auto_renew, false)
      FROM live JOIN balance_pool AS p ON p.school_id = live.school_id AND p.build = live.build
      LEFT JOIN balance_closed_department_line AS d
        ON d.school_id = p.school_id AND d.build = p.build AND d.department_id = department
       AND d.period_start = period AND d.service = p.service
      LEFT JOIN given AS g ON g.service = p.service
      LEFT JOIN gone AS e ON e.service = p.service
$$;

-- How many members a department has, for a teacher his own: he sees himself alone.
CREATE FUNCTION ledger_department_members(department uuid) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*) FROM roster_member AS m
     WHERE m.school_id = ledger_school() AND m.department_id = department
       AND m.build = (SELECT live_build FROM projection WHERE name = 'roster')
       AND m.standing <> 'removed'
       AND (ledger_sees_school()
            OR (ledger_role() = 'teacher' AND department = ledger_department()))
$$;

-- The names of the system before this one. It knew no departments: what is one's own is nobody's
-- there, and the new column, which is the last, tells it from what is the school's.
CREATE OR REPLACE VIEW compat.ai_allocation_history WITH (security_invoker = true) AS
SELECT h.seq AS id, h.school_id AS preschool_id, h.kind AS action,
       h.actor_id AS performed_by, h.actor_role AS performed_by_role,
       nullif(h.member_id, '00000000-0000-0000-0000-000000000000') AS target_user_id,
       h.service AS service_type, h.before AS quotas_before, h.after AS quotas_after,
       t.body AS change_reason, h.cause, h.recorded_at AS created_at, h.department_id
  FROM public.history_entry AS h
  LEFT JOIN public.free_text AS t ON t.school_id = h.school_id AND t.commitment = h.reason
 WHERE h.build = (SELECT live_build FROM public.projection WHERE name = 'history');

RESET ROLE;
