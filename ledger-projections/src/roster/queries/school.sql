SELECT c.seq, s.org_type, s.tier, s.management, s.time_zone, s.period_anchor_day, s.totals,
       s.max_individual_quota, s.default_member_quota, s.self_service_requests, s.overage,
       s.draw_on_department, s.registered_at, s.version, d.name AS "name?",
       b.period_start AS "period_start?", b.period_end AS "period_end?"
  FROM live_build('roster') AS live
  JOIN roster_school AS s ON s.school_id = $1 AND s.build = live.build
  JOIN projection_checkpoint AS c
    ON c.school_id = $1 AND c.name = 'roster' AND c.build = live.build
  LEFT JOIN school_directory AS d ON d.school_id = $1
  LEFT JOIN balance_school AS b
    ON b.school_id = $1
   AND b.build = (SELECT build FROM live_build('balance'))
