INSERT INTO balance_closed_line (
    school_id, build, holder_kind, holder_id, period_start, service, allocated, used, held,
    priority, auto_renew
)
SELECT l.school_id, l.build, l.holder_kind, l.holder_id, d.period_start, l.service, l.allocated,
       l.used, l.held, l.priority, l.auto_renew
  FROM unnest($2::uuid[], $3::timestamptz[]) AS d (school_id, period_start)
  JOIN balance_line AS l ON l.school_id = d.school_id AND l.build = $1
 WHERE l.allocated IS DISTINCT FROM 0 OR l.used > 0 OR l.held > 0
