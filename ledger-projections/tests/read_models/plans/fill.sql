-- A school with 2,000 members, 40,000 events and the rows of its read models. {school} is its id.
INSERT INTO stream VALUES ('{school}', 40000);

INSERT INTO event (
    seq, occurred_at, recorded_at, school_id, event_id, actor_id, member_id, version, kind,
    actor_role, service, level, units, usage_id, payload
)
SELECT n, t, t, '{school}', md5('{school}e' || n)::uuid, '{school}',
       md5('{school}m' || n % 2000)::uuid, 1,
       CASE WHEN n % 20 = 0 THEN 'request_approved' WHEN n % 20 = 1 THEN 'usage_corrected'
            ELSE 'usage_debited' END,
       'proxy', 'claude_messages', 'member', 1,
       CASE WHEN n % 20 = 1 THEN md5('{school}e' || n - 1)::uuid END,
       CASE WHEN n % 20 = 0
            THEN jsonb_build_object('request_id', md5('{school}r' || n / 20)::uuid) END
  FROM generate_series(1, 40000) AS n,
       LATERAL (SELECT timestamptz '2026-03-01Z' + n * interval '1 second' AS t) AS at;

INSERT INTO free_text
SELECT '{school}', sha256(('{school}t' || n)::bytea), decode(md5('{school}'), 'hex'), 'text ' || n,
       NULL, '{school}'
  FROM generate_series(1, 4000) AS n;

INSERT INTO projection_checkpoint (school_id, name, build, seq)
SELECT '{school}', name, 1, 40000 FROM projection;

INSERT INTO roster_school VALUES (
    '{school}', 1, 'k12', 'enterprise', 'advanced', 'UTC', 1, '{}', '{}', '{}', '{}', true, true,
    '2026-01-01Z', 1
);
INSERT INTO roster_member
SELECT '{school}', 1, md5('{school}m' || n)::uuid, 'teacher', 'active', '2026-01-01Z', NULL,
       CASE WHEN n % 4 = 0 THEN md5('{school}d' || n % 40)::uuid END
  FROM generate_series(0, 1999) AS n;
INSERT INTO member_directory (school_id, member_id, display_name)
SELECT '{school}', md5('{school}m' || n)::uuid, 'member ' || n FROM generate_series(0, 1999) AS n;
INSERT INTO member_external_id
SELECT '{school}', 'external ' || n, md5('{school}m' || n)::uuid
  FROM generate_series(0, 1999) AS n;
INSERT INTO roster_department
SELECT '{school}', 1, md5('{school}d' || n * 4)::uuid, '2026-01-01Z', NULL
  FROM generate_series(0, 9) AS n;

INSERT INTO balance_school
VALUES ('{school}', 1, 'advanced', true, '2026-03-01Z', '2026-04-01Z');
INSERT INTO balance_pool (school_id, build, service, total)
SELECT '{school}', 1, 'service_' || n, 1000000 FROM generate_series(1, 5) AS n;
INSERT INTO balance_member
SELECT school_id, build, member_id, status, department_id FROM roster_member
 WHERE school_id = '{school}';
INSERT INTO balance_department
SELECT school_id, build, department_id, false FROM roster_department
 WHERE school_id = '{school}';
INSERT INTO balance_line (school_id, build, holder_kind, holder_id, service, allocated, used)
SELECT h.school_id, 1, h.kind, h.id, 'service_' || n, 100, 10
  FROM generate_series(1, 5) AS n, (
      SELECT school_id, 'member' AS kind, member_id AS id FROM roster_member
      UNION ALL SELECT school_id, 'department', department_id FROM roster_department
  ) AS h
 WHERE h.school_id = '{school}';
INSERT INTO balance_closed_line (
    school_id, build, holder_kind, holder_id, period_start, service, allocated, used
)
SELECT school_id, build, holder_kind, holder_id, '2026-02-01Z', service, allocated, used
  FROM balance_line WHERE school_id = '{school}';
INSERT INTO balance_closed_member
SELECT school_id, build, member_id, '2026-02-01Z', department_id FROM balance_member
 WHERE school_id = '{school}' AND department_id IS NOT NULL;
INSERT INTO balance_hold
SELECT '{school}', 1, 'hold ' || n, md5('{school}m' || n)::uuid, 'service_1', 'member', NULL, 1,
       timestamptz '2026-03-02Z' + n * interval '1 minute', NULL
  FROM generate_series(0, 1999) AS n;

INSERT INTO history_entry (
    school_id, build, seq, member_id, recorded_at, kind, service, actor_role, actor_id, reason
)
SELECT '{school}', 1, n, md5('{school}m' || n % 2000)::uuid, '2026-03-01Z', 'units_allocated',
       'service_1', 'principal', '{school}', sha256(('{school}t' || n % 4000)::bytea)
  FROM generate_series(1, 20000) AS n;

INSERT INTO request (
    school_id, build, request_id, member_id, status, urgency, asked, justification, filed_seq,
    filed_by_role, filed_by, created_at, expires_at, version
)
SELECT '{school}', 1, md5('{school}r' || n)::uuid, md5('{school}m' || n % 2000)::uuid,
       CASE WHEN n % 10 = 0 THEN 'pending' ELSE 'approved' END, 'normal', '{}',
       sha256(('{school}t' || n % 4000)::bytea), n, 'teacher', '{school}', '2026-03-01Z',
       '2027-03-01Z', n
  FROM generate_series(1, 10000) AS n;

INSERT INTO usage_calendar VALUES ('{school}', 1, 'UTC');
INSERT INTO usage_rollup
SELECT '{school}', 1, date '2026-01-01' + n / 500, md5('{school}m' || n % 500)::uuid,
       'service_1', '', 'success', '00000000-0000-0000-0000-000000000000', 1, 1, 0, 0, 0, 0, 0, 0
  FROM generate_series(0, 29999) AS n;

INSERT INTO unattributed_usage (
    school_id, build, seq, event_id, occurred_at, recorded_at, why, source, id, service, call
)
SELECT '{school}', 1, n, md5('{school}u' || n)::uuid, '2026-03-01Z', '2026-03-01Z',
       'unknown_member', 'gateway', 'id ' || n, 'service_1', '{}'
  FROM generate_series(1, 5000) AS n;
