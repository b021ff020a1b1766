-- As write_lines.sql: what events state is set, counters are added to and stop at the largest value
-- that 64 bits hold.
MERGE INTO balance_department_line AS l
USING unnest(
    $2::uuid[], $3::uuid[], $4::text[], $5::boolean[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::text[], $10::boolean[]
) AS d (
    school_id, department_id, service, sets_allocated, allocated, direct_used, direct_held,
    priority, auto_renew
)
   ON l.school_id = d.school_id AND l.build = $1 AND l.department_id = d.department_id
  AND l.service = d.service
 WHEN MATCHED THEN UPDATE SET
    allocated = CASE WHEN d.sets_allocated THEN d.allocated ELSE l.allocated END,
    direct_used = greatest(
        l.direct_used + least(d.direct_used, 9223372036854775807 - l.direct_used), 0
    ),
    direct_held = greatest(
        l.direct_held + least(d.direct_held, 9223372036854775807 - l.direct_held), 0
    ),
    priority = coalesce(d.priority, l.priority),
    auto_renew = coalesce(d.auto_renew, l.auto_renew)
 WHEN NOT MATCHED THEN INSERT (
    school_id, build, department_id, service, allocated, direct_used, direct_held, priority,
    auto_renew
 ) VALUES (
    d.school_id, $1, d.department_id, d.service,
    CASE WHEN d.sets_allocated THEN d.allocated ELSE 0 END, greatest(d.direct_used, 0),
    greatest(d.direct_held, 0), coalesce(d.priority, 'normal'), coalesce(d.auto_renew, false)
 )
