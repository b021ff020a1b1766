-- Read models. Each can be dropped and rebuilt from the log.
--
-- A read model is built under a number: queries read the rows of the live build; rows of the next
-- build are a rebuild in progress.
--
-- Who reads what, in the policies below: principals and auditors see all rows of their school,
-- proxies its balances, teachers the rows of their own member and department. The projector writes
-- all rows. ledger_owner is bound by row-level security, too: where a SECURITY DEFINER function
-- reads a table, a policy admits the owner to the reader's school.

SET LOCAL ROLE ledger_owner;

------------------------------------------------------------------------------------------
-- Projections: which build of each read model is live, and how far it is
------------------------------------------------------------------------------------------

CREATE TABLE projection (
    name       text    NOT NULL PRIMARY KEY,
    live_build integer NOT NULL DEFAULT 1,
    next_build integer CHECK (next_build > live_build) -- of a rebuild in progress
);

INSERT INTO projection (name)
VALUES ('roster'), ('balance'), ('history'), ('usage'), ('requests'), ('unattributed');

ALTER TABLE projection ENABLE ROW LEVEL SECURITY;
ALTER TABLE projection FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON projection TO ledger_projector;
GRANT SELECT ON projection TO ledger_reader;
CREATE POLICY projection_projector ON projection TO ledger_projector
    USING (true) WITH CHECK (true);
-- The live build is no secret and belongs to no school.
CREATE POLICY projection_reader ON projection FOR SELECT TO ledger_reader USING (true);
CREATE POLICY projection_owner ON projection FOR SELECT TO ledger_owner USING (true);

-- The live build of a read model. A table function, which Postgres inlines into the query: a scalar
-- one would be called.
CREATE FUNCTION live_build(read_model text) RETURNS TABLE (build integer)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT live_build FROM public.projection WHERE name = read_model
$$;

-- The last event that each build has applied, by school.
CREATE TABLE projection_checkpoint (
    school_id  uuid        NOT NULL,
    name       text        NOT NULL,
    build      integer     NOT NULL,
    seq        bigint      NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    failed_seq bigint, -- an event that could not be applied: the projection is halted before it
    failure    text,
    PRIMARY KEY (school_id, name, build)
) WITH (fillfactor = 50);

ALTER TABLE projection_checkpoint ENABLE ROW LEVEL SECURITY;
ALTER TABLE projection_checkpoint FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON projection_checkpoint TO ledger_projector;
GRANT SELECT ON projection_checkpoint TO ledger_reader;
CREATE POLICY projection_checkpoint_projector ON projection_checkpoint TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY projection_checkpoint_tenant ON projection_checkpoint FOR SELECT TO ledger_reader
    USING (school_id = (SELECT ledger_school()));

-- Idle schools in which the timekeeper of one process records due events, so that those of other
-- processes leave them alone.
CREATE TABLE catch_up_claim (
    school_id uuid        NOT NULL PRIMARY KEY,
    until     timestamptz NOT NULL
) WITH (fillfactor = 70);

ALTER TABLE catch_up_claim ENABLE ROW LEVEL SECURITY;
ALTER TABLE catch_up_claim FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE ON catch_up_claim TO ledger_projector;
CREATE POLICY catch_up_claim_projector ON catch_up_claim TO ledger_projector
    USING (true) WITH CHECK (true);

------------------------------------------------------------------------------------------
-- Roster: the school, its members and its departments
------------------------------------------------------------------------------------------

CREATE TABLE roster_school (
    school_id             uuid     NOT NULL,
    build                 integer  NOT NULL,
    org_type              text     NOT NULL,
    tier                  text     NOT NULL,
    management            text     NOT NULL,
    time_zone             text     NOT NULL,
    period_anchor_day     smallint NOT NULL,
    totals                jsonb    NOT NULL,              -- quota by service
    max_individual_quota  jsonb    NOT NULL,              -- quota by service
    default_member_quota  jsonb    NOT NULL,              -- quota by service
    overage               jsonb    NOT NULL DEFAULT '{}', -- policy by service; absent: hard
    self_service_requests boolean  NOT NULL,
    draw_on_department    boolean  NOT NULL DEFAULT false,
    registered_at         timestamptz NOT NULL,
    version               bigint   NOT NULL, -- seq of the last change: the ETag
    PRIMARY KEY (school_id, build)
);

ALTER TABLE roster_school ENABLE ROW LEVEL SECURITY;
ALTER TABLE roster_school FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON roster_school TO ledger_projector;
GRANT SELECT ON roster_school TO ledger_reader;
CREATE POLICY roster_school_projector ON roster_school TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY roster_school_owner ON roster_school FOR SELECT TO ledger_owner
    USING (school_id = (SELECT ledger_school()));
CREATE POLICY roster_school_tenant ON roster_school FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school()) OR (SELECT ledger_role()) = 'teacher')
);

CREATE TABLE roster_member (
    school_id     uuid        NOT NULL,
    build         integer     NOT NULL,
    member_id     uuid        NOT NULL,
    role          text        NOT NULL,
    status        text        NOT NULL,
    enrolled_at   timestamptz NOT NULL,
    removed_at    timestamptz,
    department_id uuid,
    PRIMARY KEY (school_id, build, member_id)
);
-- The members of a department, and their number. Partial: most schools have no departments.
CREATE INDEX roster_member_by_department ON roster_member (school_id, build, department_id)
    WHERE department_id IS NOT NULL;

ALTER TABLE roster_member ENABLE ROW LEVEL SECURITY;
ALTER TABLE roster_member FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON roster_member TO ledger_projector;
GRANT SELECT ON roster_member TO ledger_reader;
CREATE POLICY roster_member_projector ON roster_member TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY roster_member_owner ON roster_member FOR SELECT TO ledger_owner
    USING (school_id = (SELECT ledger_school()));
CREATE POLICY roster_member_tenant ON roster_member FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())))
);

CREATE TABLE roster_department (
    school_id     uuid        NOT NULL,
    build         integer     NOT NULL,
    department_id uuid        NOT NULL,
    opened_at     timestamptz NOT NULL,
    closed_at     timestamptz,
    PRIMARY KEY (school_id, build, department_id)
);

ALTER TABLE roster_department ENABLE ROW LEVEL SECURITY;
ALTER TABLE roster_department FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON roster_department TO ledger_projector;
GRANT SELECT ON roster_department TO ledger_reader;
CREATE POLICY roster_department_projector ON roster_department TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY roster_department_tenant ON roster_department FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school())
         OR ((SELECT ledger_role()) = 'teacher' AND department_id = (SELECT ledger_department())))
);

-- The time zone in which the school's days begin: a caller names a period by one of its days.
-- SECURITY DEFINER, since a proxy reads balances and no other data of the school.
CREATE FUNCTION ledger_time_zone() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT time_zone FROM roster_school
     WHERE school_id = ledger_school()
       AND build = (SELECT build FROM live_build('roster'))
$$;

-- The number of members of a department. SECURITY DEFINER, since a teacher sees no other member;
-- of a teacher's own department only.
CREATE FUNCTION ledger_department_members(department uuid) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT count(*) FROM roster_member AS m
     WHERE m.school_id = ledger_school() AND m.department_id = department
       AND m.build = (SELECT build FROM live_build('roster'))
       AND m.status <> 'removed'
       AND (ledger_sees_school()
            OR (ledger_role() = 'teacher' AND department = ledger_department()))
$$;

------------------------------------------------------------------------------------------
-- Balance: the current period. NULL units are unlimited
------------------------------------------------------------------------------------------

CREATE TABLE balance_school (
    school_id          uuid        NOT NULL,
    build              integer     NOT NULL,
    management         text        NOT NULL, -- none: members draw on the pool
    draw_on_department boolean     NOT NULL DEFAULT false, -- members without an allocation do
    period_start       timestamptz NOT NULL,
    period_end         timestamptz NOT NULL,
    PRIMARY KEY (school_id, build)
);
-- For the timekeeper, which finds ended periods of all schools. Not by school_id: in a distributed
-- database each node has an index over its own schools.
CREATE INDEX balance_school_by_end ON balance_school (period_end);

ALTER TABLE balance_school ENABLE ROW LEVEL SECURITY;
ALTER TABLE balance_school FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON balance_school TO ledger_projector;
GRANT SELECT ON balance_school TO ledger_reader;
CREATE POLICY balance_school_projector ON balance_school TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY balance_school_tenant ON balance_school FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_balances()) OR (SELECT ledger_role()) = 'teacher')
);

CREATE TABLE balance_pool (
    school_id         uuid    NOT NULL,
    build             integer NOT NULL,
    service           text    NOT NULL,
    total             bigint  DEFAULT 0,
    allocated         bigint  NOT NULL DEFAULT 0, -- sum of the finite allocations from the pool
    unlimited_holders integer NOT NULL DEFAULT 0,
    used              bigint  NOT NULL DEFAULT 0, -- at all levels
    held              bigint  NOT NULL DEFAULT 0,
    direct_used       bigint  NOT NULL DEFAULT 0, -- the part drawn on the pool itself
    direct_held       bigint  NOT NULL DEFAULT 0,
    PRIMARY KEY (school_id, build, service),
    CONSTRAINT balance_pool_not_negative CHECK (
        total >= 0 AND allocated >= 0 AND unlimited_holders >= 0 AND used >= 0 AND held >= 0
        AND direct_used >= 0 AND direct_held >= 0
    )
) WITH (fillfactor = 70);

ALTER TABLE balance_pool ENABLE ROW LEVEL SECURITY;
ALTER TABLE balance_pool FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON balance_pool TO ledger_projector;
GRANT SELECT ON balance_pool TO ledger_reader;
CREATE POLICY balance_pool_projector ON balance_pool TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY balance_pool_owner ON balance_pool FOR SELECT TO ledger_owner
    USING (school_id = (SELECT ledger_school()));
-- Teachers see the pool where it is what they draw on.
CREATE POLICY balance_pool_tenant ON balance_pool FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_balances())
         OR ((SELECT ledger_role()) = 'teacher' AND EXISTS (
             SELECT FROM balance_school AS s
              WHERE s.school_id = balance_pool.school_id AND s.build = balance_pool.build
                AND s.management = 'none')))
);

CREATE TABLE balance_member (
    school_id     uuid    NOT NULL,
    build         integer NOT NULL,
    member_id     uuid    NOT NULL,
    status        text    NOT NULL,
    department_id uuid,
    PRIMARY KEY (school_id, build, member_id)
);
-- A department's usage is the sum over its members when it is read: a move changes one row.
CREATE INDEX balance_member_by_department ON balance_member (school_id, build, department_id)
    WHERE department_id IS NOT NULL;

ALTER TABLE balance_member ENABLE ROW LEVEL SECURITY;
ALTER TABLE balance_member FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON balance_member TO ledger_projector;
GRANT SELECT ON balance_member TO ledger_reader;
CREATE POLICY balance_member_projector ON balance_member TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY balance_member_owner ON balance_member FOR SELECT TO ledger_owner
    USING (school_id = (SELECT ledger_school()));
CREATE POLICY balance_member_tenant ON balance_member FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_balances())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())))
);

CREATE TABLE balance_department (
    school_id     uuid    NOT NULL,
    build         integer NOT NULL,
    department_id uuid    NOT NULL,
    closed        boolean NOT NULL,
    PRIMARY KEY (school_id, build, department_id)
);

ALTER TABLE balance_department ENABLE ROW LEVEL SECURITY;
ALTER TABLE balance_department FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON balance_department TO ledger_projector;
GRANT SELECT ON balance_department TO ledger_reader;
CREATE POLICY balance_department_projector ON balance_department TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY balance_department_tenant ON balance_department FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_balances())
         OR ((SELECT ledger_role()) = 'teacher' AND department_id = (SELECT ledger_department())))
);

-- Allocations of members and departments, and the usage drawn on them: of a department the usage
-- drawn on its own allocation, without its members'.
CREATE TABLE balance_line (
    school_id   uuid    NOT NULL,
    build       integer NOT NULL,
    holder_kind text    NOT NULL CHECK (holder_kind IN ('member', 'department')),
    holder_id   uuid    NOT NULL,
    service     text    NOT NULL,
    allocated   bigint  DEFAULT 0,
    used        bigint  NOT NULL DEFAULT 0,
    held        bigint  NOT NULL DEFAULT 0,
    priority    text    NOT NULL DEFAULT 'normal',
    auto_renew  boolean NOT NULL DEFAULT false,
    PRIMARY KEY (school_id, build, holder_kind, holder_id, service),
    CONSTRAINT balance_line_not_negative CHECK (allocated >= 0 AND used >= 0 AND held >= 0)
) WITH (fillfactor = 70);

ALTER TABLE balance_line ENABLE ROW LEVEL SECURITY;
ALTER TABLE balance_line FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON balance_line TO ledger_projector;
GRANT SELECT ON balance_line TO ledger_reader;
CREATE POLICY balance_line_projector ON balance_line TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY balance_line_owner ON balance_line FOR SELECT TO ledger_owner
    USING (school_id = (SELECT ledger_school()));
CREATE POLICY balance_line_tenant ON balance_line FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_balances())
         OR ((SELECT ledger_role()) = 'teacher'
             AND (holder_kind = 'member' AND holder_id = (SELECT ledger_member())
                  OR holder_kind = 'department' AND holder_id = (SELECT ledger_department()))))
);

-- Open holds. A read subtracts those that have expired by its own clock.
CREATE TABLE balance_hold (
    school_id     uuid        NOT NULL,
    build         integer     NOT NULL,
    hold_id       text        NOT NULL,
    member_id     uuid        NOT NULL,
    service       text        NOT NULL,
    level         text        NOT NULL,
    department_id uuid,                 -- the department drawn on, at that level
    units         bigint      NOT NULL,
    expires_at    timestamptz NOT NULL,
    period_start  timestamptz,          -- of the closed period it counts in; NULL: the current one
    PRIMARY KEY (school_id, build, hold_id)
);
-- The expired holds of a school, for a read.
CREATE INDEX balance_hold_by_expiry ON balance_hold (school_id, build, expires_at);
-- The expired holds of all schools, for the timekeeper; see balance_school_by_end.
CREATE INDEX balance_hold_by_expiry_of_all ON balance_hold (expires_at);

ALTER TABLE balance_hold ENABLE ROW LEVEL SECURITY;
ALTER TABLE balance_hold FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON balance_hold TO ledger_projector;
GRANT SELECT ON balance_hold TO ledger_reader;
CREATE POLICY balance_hold_projector ON balance_hold TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY balance_hold_owner ON balance_hold FOR SELECT TO ledger_owner
    USING (school_id = (SELECT ledger_school()));
CREATE POLICY balance_hold_tenant ON balance_hold FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_balances())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())))
);

------------------------------------------------------------------------------------------
-- Balance: closed periods, as each closed and as later settles, reports and refunds changed it
------------------------------------------------------------------------------------------

CREATE TABLE balance_closed_period (
    school_id          uuid        NOT NULL,
    build              integer     NOT NULL,
    period_start       timestamptz NOT NULL,
    period_end         timestamptz NOT NULL,
    management         text        NOT NULL,               -- as the period ended
    draw_on_department boolean     NOT NULL DEFAULT false, -- as the period ended
    PRIMARY KEY (school_id, build, period_start)
);

ALTER TABLE balance_closed_period ENABLE ROW LEVEL SECURITY;
ALTER TABLE balance_closed_period FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON balance_closed_period TO ledger_projector;
GRANT SELECT ON balance_closed_period TO ledger_reader;
CREATE POLICY balance_closed_period_projector ON balance_closed_period TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY balance_closed_period_tenant ON balance_closed_period FOR SELECT TO ledger_reader
USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_balances()) OR (SELECT ledger_role()) = 'teacher')
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

ALTER TABLE balance_closed_pool ENABLE ROW LEVEL SECURITY;
ALTER TABLE balance_closed_pool FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON balance_closed_pool TO ledger_projector;
GRANT SELECT ON balance_closed_pool TO ledger_reader;
CREATE POLICY balance_closed_pool_projector ON balance_closed_pool TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY balance_closed_pool_tenant ON balance_closed_pool FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_balances())
         OR ((SELECT ledger_role()) = 'teacher' AND EXISTS (
             SELECT FROM balance_closed_period AS p
              WHERE p.school_id = balance_closed_pool.school_id
                AND p.build = balance_closed_pool.build
                AND p.period_start = balance_closed_pool.period_start
                AND p.management = 'none')))
);

-- Members in a department as the period ended; members in none have no row.
CREATE TABLE balance_closed_member (
    school_id     uuid        NOT NULL,
    build         integer     NOT NULL,
    member_id     uuid        NOT NULL,
    period_start  timestamptz NOT NULL,
    department_id uuid        NOT NULL,
    PRIMARY KEY (school_id, build, member_id, period_start)
);
-- A department's usage is the sum over its members.
CREATE INDEX balance_closed_member_by_department
    ON balance_closed_member (school_id, build, department_id, period_start);

ALTER TABLE balance_closed_member ENABLE ROW LEVEL SECURITY;
ALTER TABLE balance_closed_member FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON balance_closed_member TO ledger_projector;
GRANT SELECT ON balance_closed_member TO ledger_reader;
CREATE POLICY balance_closed_member_projector ON balance_closed_member TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY balance_closed_member_owner ON balance_closed_member FOR SELECT TO ledger_owner
    USING (school_id = (SELECT ledger_school()));
CREATE POLICY balance_closed_member_tenant ON balance_closed_member FOR SELECT TO ledger_reader
USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_balances())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())))
);

-- Lines with an allocation or usage; empty ones have no row.
CREATE TABLE balance_closed_line (
    school_id    uuid        NOT NULL,
    build        integer     NOT NULL,
    holder_kind  text        NOT NULL CHECK (holder_kind IN ('member', 'department')),
    holder_id    uuid        NOT NULL,
    period_start timestamptz NOT NULL,
    service      text        NOT NULL,
    allocated    bigint      DEFAULT 0,
    used         bigint      NOT NULL DEFAULT 0,
    held         bigint      NOT NULL DEFAULT 0,
    priority     text        NOT NULL DEFAULT 'normal',
    auto_renew   boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (school_id, build, holder_kind, holder_id, period_start, service),
    CONSTRAINT balance_closed_line_not_negative CHECK (allocated >= 0 AND used >= 0 AND held >= 0)
) WITH (fillfactor = 90);

ALTER TABLE balance_closed_line ENABLE ROW LEVEL SECURITY;
ALTER TABLE balance_closed_line FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON balance_closed_line TO ledger_projector;
GRANT SELECT ON balance_closed_line TO ledger_reader;
CREATE POLICY balance_closed_line_projector ON balance_closed_line TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY balance_closed_line_owner ON balance_closed_line FOR SELECT TO ledger_owner
    USING (school_id = (SELECT ledger_school()));
-- Teachers see the department that they were in as the period ended.
CREATE POLICY balance_closed_line_tenant ON balance_closed_line FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_balances())
         OR ((SELECT ledger_role()) = 'teacher'
             AND (holder_kind = 'member' AND holder_id = (SELECT ledger_member())
                  OR holder_kind = 'department' AND EXISTS (
                      SELECT FROM balance_closed_member AS m
                       WHERE m.school_id = balance_closed_line.school_id
                         AND m.build = balance_closed_line.build
                         AND m.member_id = (SELECT ledger_member())
                         AND m.period_start = balance_closed_line.period_start
                         AND m.department_id = balance_closed_line.holder_id))))
);

------------------------------------------------------------------------------------------
-- Balance: what a teacher may know of rows that they do not see. All SECURITY DEFINER
------------------------------------------------------------------------------------------

-- The services that the school has pools of.
CREATE FUNCTION ledger_pool_services() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 SET search_path = public, pg_temp AS $$
    SELECT service FROM balance_pool
     WHERE school_id = ledger_school()
       AND build = (SELECT build FROM live_build('balance'))
$$;

-- Units of expired holds on the pool itself, of a closed period or, where period is NULL, of the
-- current one: without them a teacher's balance would change only when the expiry is recorded. Sums
-- here and below stop at the largest bigint.
CREATE FUNCTION ledger_expired_direct_holds(at timestamptz, period timestamptz)
RETURNS TABLE (service text, units bigint)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 SET search_path = public, pg_temp AS $$
    SELECT h.service, least(sum(h.units), 9223372036854775807)::bigint
      FROM balance_hold AS h
     WHERE h.school_id = ledger_school() AND h.build = (SELECT build FROM live_build('balance'))
       AND h.level = 'pool' AND h.expires_at <= at AND h.period_start IS NOT DISTINCT FROM period
     GROUP BY h.service
$$;

-- A department's allocations as pools that its members draw on: sums over all its members. To a
-- teacher: of their own department only. Each line is looked up by its key, one by one (LIMIT keeps
-- the planner from joining), since of a new school it has no statistics.
CREATE FUNCTION ledger_department_pools(department uuid, at timestamptz)
RETURNS TABLE (
    service text, total bigint, allocated bigint, unlimited_holders integer, used bigint,
    held bigint, direct_used bigint, direct_held bigint, expired bigint, direct_expired bigint,
    priority text, auto_renew boolean
)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 SET search_path = public, pg_temp AS $$
    WITH live AS MATERIALIZED (
        SELECT ledger_school() AS school_id, build FROM live_build('balance')
         WHERE ledger_sees_balances()
            OR (ledger_role() = 'teacher' AND department = ledger_department())
    ), members AS MATERIALIZED (
        SELECT m.school_id, m.build, m.member_id FROM live JOIN balance_member AS m
            ON m.school_id = live.school_id AND m.build = live.build
           AND m.department_id = department
    ), allocated AS (
        SELECT p.service, coalesce(sum(l.allocated), 0) AS allocated,
               count(*) FILTER (WHERE l.allocated IS NULL) AS unlimited_holders,
               sum(l.used) AS used, sum(l.held) AS held
          FROM members
          JOIN balance_pool AS p
            ON p.school_id = members.school_id AND p.build = members.build
         CROSS JOIN LATERAL (
             SELECT l.allocated, l.used, l.held FROM balance_line AS l
              WHERE l.school_id = members.school_id AND l.build = members.build
                AND l.holder_kind = 'member' AND l.holder_id = members.member_id
                AND l.service = p.service
              LIMIT 1
         ) AS l
         GROUP BY p.service
    ), expired AS (
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
           least(coalesce(a.allocated, 0), 9223372036854775807)::bigint,
           coalesce(a.unlimited_holders, 0)::integer,
           least(coalesce(a.used, 0) + coalesce(d.used, 0), 9223372036854775807)::bigint,
           least(coalesce(a.held, 0) + coalesce(d.held, 0), 9223372036854775807)::bigint,
           coalesce(d.used, 0), coalesce(d.held, 0),
           least(coalesce(e.units, 0), 9223372036854775807)::bigint,
           least(coalesce(e.direct_units, 0), 9223372036854775807)::bigint,
           coalesce(d.priority, 'normal'), coalesce(d.auto_renew, false)
      FROM live JOIN balance_pool AS p ON p.school_id = live.school_id AND p.build = live.build
      LEFT JOIN LATERAL (
          SELECT d.* FROM balance_line AS d
           WHERE d.school_id = p.school_id AND d.build = p.build AND d.holder_kind = 'department'
             AND d.holder_id = department AND d.service = p.service
           LIMIT 1
      ) AS d ON true
      LEFT JOIN allocated AS a ON a.service = p.service
      LEFT JOIN expired AS e ON e.service = p.service
$$;

-- The same for a closed period and its members as it ended.
CREATE FUNCTION ledger_department_pools_of(period timestamptz, department uuid, at timestamptz)
RETURNS TABLE (
    service text, total bigint, allocated bigint, unlimited_holders integer, used bigint,
    held bigint, direct_used bigint, direct_held bigint, expired bigint, direct_expired bigint,
    priority text, auto_renew boolean
)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 SET search_path = public, pg_temp AS $$
    WITH live AS MATERIALIZED (
        SELECT ledger_school() AS school_id, p.build FROM live_build('balance') AS p
         WHERE ledger_sees_balances()
            OR (ledger_role() = 'teacher' AND EXISTS (
                SELECT FROM balance_closed_member AS m
                 WHERE m.school_id = ledger_school() AND m.build = p.build
                   AND m.member_id = ledger_member() AND m.period_start = period
                   AND m.department_id = department))
    ), members AS MATERIALIZED (
        SELECT m.school_id, m.build, m.member_id FROM live JOIN balance_closed_member AS m
            ON m.school_id = live.school_id AND m.build = live.build
           AND m.department_id = department AND m.period_start = period
    ), allocated AS (
        SELECT p.service, coalesce(sum(l.allocated), 0) AS allocated,
               count(*) FILTER (WHERE l.allocated IS NULL) AS unlimited_holders,
               sum(l.used) AS used, sum(l.held) AS held
          FROM members
          JOIN balance_pool AS p
            ON p.school_id = members.school_id AND p.build = members.build
         CROSS JOIN LATERAL (
             SELECT l.allocated, l.used, l.held FROM balance_closed_line AS l
              WHERE l.school_id = members.school_id AND l.build = members.build
                AND l.holder_kind = 'member' AND l.holder_id = members.member_id
                AND l.period_start = period
                AND l.service = p.service
              LIMIT 1
         ) AS l
         GROUP BY p.service
    ), expired AS (
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
           least(coalesce(a.allocated, 0), 9223372036854775807)::bigint,
           coalesce(a.unlimited_holders, 0)::integer,
           least(coalesce(a.used, 0) + coalesce(d.used, 0), 9223372036854775807)::bigint,
           least(coalesce(a.held, 0) + coalesce(d.held, 0), 9223372036854775807)::bigint,
           coalesce(d.used, 0), coalesce(d.held, 0),
           least(coalesce(e.units, 0), 9223372036854775807)::bigint,
           least(coalesce(e.direct_units, 0), 9223372036854775807)::bigint,
           coalesce(d.priority, 'normal'), coalesce(d.auto_renew, false)
      FROM live JOIN balance_pool AS p ON p.school_id = live.school_id AND p.build = live.build
      LEFT JOIN LATERAL (
          SELECT d.* FROM balance_closed_line AS d
           WHERE d.school_id = p.school_id AND d.build = p.build AND d.holder_kind = 'department'
             AND d.holder_id = department AND d.period_start = period AND d.service = p.service
           LIMIT 1
      ) AS d ON true
      LEFT JOIN allocated AS a ON a.service = p.service
      LEFT JOIN expired AS e ON e.service = p.service
$$;

------------------------------------------------------------------------------------------
-- History: changes of allocations and settings, with reasons
------------------------------------------------------------------------------------------

CREATE TABLE history_entry (
    school_id     uuid        NOT NULL,
    build         integer     NOT NULL,
    seq           bigint      NOT NULL,
    member_id     uuid        NOT NULL,           -- nil where the entry is about no member
    part          integer     NOT NULL DEFAULT 0, -- of an event that changes many allocations
    recorded_at   timestamptz NOT NULL,
    kind          text        NOT NULL,
    service       text,
    actor_role    text        NOT NULL,
    actor_id      uuid        NOT NULL,
    cause         text,
    reason        bytea,                          -- commitment; the text is in free_text
    request_id    uuid,                           -- the request that was filed, decided or granted
    department_id uuid,                           -- the department that the entry is about, or
                                                  -- that a member's allocation comes out of
    before        jsonb,
    after         jsonb,
    -- A transfer has an entry for each of the two members.
    PRIMARY KEY (school_id, build, seq, member_id, part)
);
-- One member's history.
CREATE INDEX history_entry_by_member ON history_entry (school_id, build, member_id, seq);

ALTER TABLE history_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE history_entry FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON history_entry TO ledger_projector;
GRANT SELECT ON history_entry TO ledger_reader;
CREATE POLICY history_entry_projector ON history_entry TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY history_entry_tenant ON history_entry FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())))
);

------------------------------------------------------------------------------------------
-- Usage: daily rollups
------------------------------------------------------------------------------------------

-- The time zone by which the rows of usage_rollup are dated.
CREATE TABLE usage_calendar (
    school_id uuid    NOT NULL,
    build     integer NOT NULL,
    time_zone text    NOT NULL,
    PRIMARY KEY (school_id, build)
);

ALTER TABLE usage_calendar ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_calendar FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON usage_calendar TO ledger_projector;
GRANT SELECT ON usage_calendar TO ledger_reader;
CREATE POLICY usage_calendar_projector ON usage_calendar TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY usage_calendar_tenant ON usage_calendar FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school()) OR (SELECT ledger_role()) = 'teacher')
);

-- Months are sums over days: monthly rows would cost every debit one more update, to save some
-- thousand rows of a year's report.
CREATE TABLE usage_rollup (
    school_id      uuid    NOT NULL,
    build          integer NOT NULL,
    day            date    NOT NULL,
    member_id      uuid    NOT NULL,
    service        text    NOT NULL,
    model          text    NOT NULL, -- '' where unknown
    outcome        text    NOT NULL, -- '' where unknown
    department_id  uuid    NOT NULL  -- the member's at the time of the call; nil: none
                   DEFAULT '00000000-0000-0000-0000-000000000000',
    requests       bigint  NOT NULL,
    units          bigint  NOT NULL,
    input_tokens   bigint  NOT NULL,
    output_tokens  bigint  NOT NULL,
    cached_tokens  bigint  NOT NULL,
    cost_micros    bigint  NOT NULL,
    latency_ms     bigint  NOT NULL, -- sum over timed_requests
    timed_requests bigint  NOT NULL, -- requests with a latency
    refusals       bigint  NOT NULL DEFAULT 0,
    PRIMARY KEY (school_id, build, day, member_id, service, model, outcome, department_id)
) WITH (fillfactor = 70);

ALTER TABLE usage_rollup ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_rollup FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON usage_rollup TO ledger_projector;
GRANT SELECT ON usage_rollup TO ledger_reader;
CREATE POLICY usage_rollup_projector ON usage_rollup TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY usage_rollup_tenant ON usage_rollup FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())))
);

------------------------------------------------------------------------------------------
-- Requests: allocation requests and their outcomes
------------------------------------------------------------------------------------------

CREATE TABLE request (
    school_id       uuid        NOT NULL,
    build           integer     NOT NULL,
    request_id      uuid        NOT NULL,
    member_id       uuid        NOT NULL,
    status          text        NOT NULL, -- pending until an expiry is recorded
    urgency         text        NOT NULL,
    urgency_rank    smallint    NOT NULL GENERATED ALWAYS AS (
        CASE urgency WHEN 'high' THEN 0 WHEN 'normal' THEN 1 ELSE 2 END
    ) STORED,
    asked           jsonb       NOT NULL, -- units by service
    granted         jsonb,                -- units by service, of an approved request
    justification   bytea       NOT NULL, -- commitment; the text is in free_text
    reason          bytea,                -- of the decision: commitment; the text is in free_text
    filed_seq       bigint      NOT NULL, -- the order of requests by age
    filed_by_role   text        NOT NULL,
    filed_by        uuid        NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    decided_at      timestamptz,          -- of any outcome, expiry included
    decided_by_role text,                 -- NULL where the request expired
    decided_by      uuid,
    version         bigint      NOT NULL, -- seq of the last change: the ETag
    PRIMARY KEY (school_id, build, request_id)
) WITH (fillfactor = 80);
-- The principal's queue: the most urgent first, then the oldest.
CREATE INDEX request_queue ON request (school_id, build, urgency_rank, filed_seq)
    WHERE status = 'pending';
-- All requests, and one member's, newest first.
CREATE INDEX request_by_age ON request (school_id, build, filed_seq);
CREATE INDEX request_by_member ON request (school_id, build, member_id, filed_seq);

ALTER TABLE request ENABLE ROW LEVEL SECURITY;
ALTER TABLE request FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON request TO ledger_projector;
GRANT SELECT ON request TO ledger_reader;
CREATE POLICY request_projector ON request TO ledger_projector USING (true) WITH CHECK (true);
CREATE POLICY request_tenant ON request FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())))
);

------------------------------------------------------------------------------------------
-- Unattributed: reported usage whose member or service is unknown
------------------------------------------------------------------------------------------

CREATE TABLE unattributed_usage (
    school_id     uuid        NOT NULL,
    build         integer     NOT NULL,
    seq           bigint      NOT NULL,
    event_id      uuid        NOT NULL,
    occurred_at   timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL,
    why           text        NOT NULL, -- unknown_member or unknown_service
    source        text        NOT NULL,
    id            text        NOT NULL, -- the caller's
    member_id     uuid,                 -- where only the service is unknown
    subject       bytea,                -- commitment; the text is in free_text
    service       text        NOT NULL, -- as reported
    units         bigint,               -- NULL where the service has no known meter
    call          jsonb       NOT NULL, -- the details of the call
    PRIMARY KEY (school_id, build, event_id)
);
-- Pages in the order of seq.
CREATE INDEX unattributed_usage_by_seq ON unattributed_usage (school_id, build, seq);

ALTER TABLE unattributed_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE unattributed_usage FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON unattributed_usage TO ledger_projector;
GRANT SELECT ON unattributed_usage TO ledger_reader;
CREATE POLICY unattributed_usage_projector ON unattributed_usage TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY unattributed_usage_tenant ON unattributed_usage FOR SELECT TO ledger_reader
    USING (school_id = (SELECT ledger_school()) AND (SELECT ledger_sees_school()));

RESET ROLE;
