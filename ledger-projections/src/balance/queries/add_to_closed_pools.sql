-- Adds to the counters of closed pools. Only usage from before the school's registration has no
-- row.
MERGE INTO balance_closed_pool AS p
USING unnest(
    $2::uuid[], $3::timestamptz[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::bigint[]
) AS d (school_id, period_start, service, used, held, direct_used, direct_held)
   ON p.school_id = d.school_id AND p.build = $1 AND p.period_start = d.period_start
  AND p.service = d.service
 WHEN MATCHED THEN UPDATE SET
    used = greatest(p.used + least(d.used, 9223372036854775807 - p.used), 0),
    held = greatest(p.held + least(d.held, 9223372036854775807 - p.held), 0),
    direct_used = greatest(
        p.direct_used + least(d.direct_used, 9223372036854775807 - p.direct_used), 0
    ),
    direct_held = greatest(
        p.direct_held + least(d.direct_held, 9223372036854775807 - p.direct_held), 0
    )
 WHEN NOT MATCHED THEN INSERT (
    school_id, build, period_start, service, total, allocated, unlimited_holders, used, held,
    direct_used, direct_held
 ) VALUES (
    d.school_id, $1, d.period_start, d.service, 0, 0, 0, greatest(d.used, 0), greatest(d.held, 0),
    greatest(d.direct_used, 0), greatest(d.direct_held, 0)
 )
