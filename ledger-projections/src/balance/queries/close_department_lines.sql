INSERT INTO balance_closed_department_line (
    school_id, build, department_id, period_start, service, allocated, direct_used, direct_held,
    priority, auto_renew
)
SELECT l.school_id, l.build, l.department_id, d.period_start, l.service, l.allocated,
       l.direct_used, l.direct_held, l.priority, l.auto_renew
  FROM unnest($2::uuid[], $3::timestamptz[]) AS d (school_id, period_start)
  JOIN balance_department_line AS l ON l.school_id = d.school_id AND l.build = $1
 WHERE l.allocated IS DISTINCT FROM 0 OR l.direct_used > 0 OR l.direct_held > 0
