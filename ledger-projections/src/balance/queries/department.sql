-- One department, if the viewer may see it.
SELECT c.seq, s.period_start, s.period_end, d.closed
  FROM projection AS p
  JOIN balance_school AS s ON s.school_id = $1 AND s.build = p.live_build
  JOIN balance_department AS d
    ON d.school_id = $1 AND d.build = p.live_build AND d.department_id = $2
  JOIN projection_checkpoint AS c
    ON c.school_id = $1 AND c.name = p.name AND c.build = p.live_build
 WHERE p.name = 'balance'
