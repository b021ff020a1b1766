-- Adds to the counters of closed lines. An empty line has no row yet.
MERGE INTO balance_closed_line AS l
USING unnest(
    $2::uuid[], $3::timestamptz[], $4::text[], $5::uuid[], $6::text[], $7::bigint[], $8::bigint[]
) AS d (school_id, period_start, holder_kind, holder_id, service, used, held)
   ON l.school_id = d.school_id AND l.build = $1 AND l.holder_kind = d.holder_kind
  AND l.holder_id = d.holder_id AND l.period_start = d.period_start AND l.service = d.service
 WHEN MATCHED THEN UPDATE SET
    used = greatest(l.used + least(d.used, 9223372036854775807 - l.used), 0),
    held = greatest(l.held + least(d.held, 9223372036854775807 - l.held), 0)
 WHEN NOT MATCHED THEN INSERT (
    school_id, build, holder_kind, holder_id, period_start, service, used, held
 ) VALUES (
    d.school_id, $1, d.holder_kind, d.holder_id, d.period_start, d.service, greatest(d.used, 0),
    greatest(d.held, 0)
 )
