-- The members in a department as the period ends.
INSERT INTO balance_closed_member (school_id, build, member_id, period_start, department_id)
SELECT m.school_id, m.build, m.member_id, d.period_start, m.department_id
  FROM unnest($2::uuid[], $3::timestamptz[]) AS d (school_id, period_start)
  JOIN balance_member AS m ON m.school_id = d.school_id AND m.build = $1
 WHERE m.department_id IS NOT NULL
