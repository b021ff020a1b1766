INSERT INTO balance_closed_pool (
    school_id, build, period_start, service, total, allocated, unlimited_holders, used, held,
    direct_used, direct_held
)
SELECT p.school_id, p.build, d.period_start, p.service, p.total, p.allocated, p.unlimited_holders,
       p.used, p.held, p.direct_used, p.direct_held
  FROM unnest($2::uuid[], $3::timestamptz[]) AS d (school_id, period_start)
  JOIN balance_pool AS p ON p.school_id = d.school_id AND p.build = $1
