UPDATE balance_school AS s SET period_start = d.period_start, period_end = d.period_end
  FROM unnest($2::uuid[], $3::timestamptz[], $4::timestamptz[])
           AS d (school_id, period_start, period_end)
 WHERE s.school_id = d.school_id AND s.build = $1
