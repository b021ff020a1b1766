-- 20,000 small schools: tables with a row per school are large, too.
INSERT INTO stream SELECT gen_random_uuid(), 1 FROM generate_series(1, 20000);
INSERT INTO projection_checkpoint (school_id, name, build, seq)
SELECT school_id, 'balance', 1, 1 FROM stream;
INSERT INTO balance_school
SELECT school_id, 1, 'basic', false, '2026-03-01Z', '2026-04-01Z' FROM stream;
-- Two members each: a large school is then clearly too small a part for a scan of all members.
INSERT INTO balance_member
SELECT school_id, 1, gen_random_uuid(), 'active', NULL FROM stream, generate_series(1, 2);
INSERT INTO free_text
SELECT school_id, sha256((school_id || ' ' || n)::bytea), decode(md5('salt'), 'hex'), 'text',
       NULL, school_id
  FROM stream, generate_series(1, 5) AS n;
