-- Sets the totals of pools and adds to their counters, which stop at the largest bigint: excessive
-- usage must not halt the projection.
MERGE INTO balance_pool AS p
USING unnest(
    $2::uuid[], $3::text[], $4::boolean[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[]
) AS d (
    school_id, service, sets_total, total, allocated, unlimited_holders, used, held, direct_used,
    direct_held
)
   ON p.school_id = d.school_id AND p.build = $1 AND p.service = d.service
 WHEN MATCHED THEN UPDATE SET
    total = CASE WHEN d.sets_total THEN d.total ELSE p.total END,
    allocated = greatest(p.allocated + least(d.allocated, 9223372036854775807 - p.allocated), 0),
    unlimited_holders = greatest(p.unlimited_holders + d.unlimited_holders, 0),
    used = greatest(p.used + least(d.used, 9223372036854775807 - p.used), 0),
    held = greatest(p.held + least(d.held, 9223372036854775807 - p.held), 0),
    direct_used = greatest(
        p.direct_used + least(d.direct_used, 9223372036854775807 - p.direct_used), 0
    ),
    direct_held = greatest(
        p.direct_held + least(d.direct_held, 9223372036854775807 - p.direct_held), 0
    )
 WHEN NOT MATCHED THEN INSERT (
    school_id, build, service, total, allocated, unlimited_holders, used, held, direct_used,
    direct_held
 ) VALUES (
    d.school_id, $1, d.service, CASE WHEN d.sets_total THEN d.total ELSE 0 END,
    greatest(d.allocated, 0), greatest(d.unlimited_holders, 0), greatest(d.used, 0),
    greatest(d.held, 0), greatest(d.direct_used, 0), greatest(d.direct_held, 0)
 )
