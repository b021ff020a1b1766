-- The periods that end, at most one per school.
INSERT INTO balance_closed_period (
    school_id, build, period_start, period_end, management, draw_on_department
)
SELECT s.school_id, s.build, d.period_start, d.period_end, s.management, s.draw_on_department
  FROM unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[])
           AS d (school_id, period_start, period_end)
  JOIN balance_school AS s ON s.school_id = d.school_id AND s.build = $1
