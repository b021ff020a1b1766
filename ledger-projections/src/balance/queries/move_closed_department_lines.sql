-- Adds to the counters of closed lines. One on which there was nothing has no row yet.
MERGE INTO balance_closed_department_line AS l
USING unnest(
    $2::uuid[], $3::timestamptz[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[]
) AS d (school_id, period_start, department_id, service, direct_used, direct_held)
   ON l.school_id = d.school_id AND l.build = $1 AND l.department_id = d.department_id
  AND l.period_start = d.period_start AND l.service = d.service
 WHEN MATCHED THEN UPDATE SET
    direct_used = greatest(
        l.direct_used + least(d.direct_used, 9223372036854775807 - l.direct_used), 0
    ),
    direct_held = greatest(
        l.direct_held + least(d.direct_held, 9223372036854775807 - l.direct_held), 0
    )
 WHEN NOT MATCHED THEN INSERT (
    school_id, build, department_id, period_start, service, direct_used, direct_held
 ) VALUES (
    d.school_id, $1, d.department_id, d.period_start, d.service, greatest(d.direct_used, 0),
    greatest(d.direct_held, 0)
 )
