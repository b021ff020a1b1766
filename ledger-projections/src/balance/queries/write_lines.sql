-- Sets the amounts and terms of lines and adds to their counters, which stop at the largest bigint.
MERGE INTO balance_line AS l
USING unnest(
    $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::boolean[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::text[], $11::boolean[]
) AS d (
    school_id, holder_kind, holder_id, service, sets_allocated, allocated, used, held, priority,
    auto_renew
)
   ON l.school_id = d.school_id AND l.build = $1 AND l.holder_kind = d.holder_kind
  AND l.holder_id = d.holder_id AND l.service = d.service
 WHEN MATCHED THEN UPDATE SET
    allocated = CASE WHEN d.sets_allocated THEN d.allocated ELSE l.allocated END,
    used = greatest(l.used + least(d.used, 9223372036854775807 - l.used), 0),
    held = greatest(l.held + least(d.held, 9223372036854775807 - l.held), 0),
    priority = coalesce(d.priority, l.priority),
    auto_renew = coalesce(d.auto_renew, l.auto_renew)
 WHEN NOT MATCHED THEN INSERT (
    school_id, build, holder_kind, holder_id, service, allocated, used, held, priority, auto_renew
 ) VALUES (
    d.school_id, $1, d.holder_kind, d.holder_id, d.service,
    CASE WHEN d.sets_allocated THEN d.allocated ELSE 0 END, greatest(d.used, 0),
    greatest(d.held, 0), coalesce(d.priority, 'normal'), coalesce(d.auto_renew, false)
 )
