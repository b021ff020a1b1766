-- One department, if the viewer may see it.
SELECT c.seq, s.period_start, s.period_end, d.closed
  FROM live_build('balance') AS live
  JOIN balance_school AS s ON s.school_id = $1 AND s.build = live.build
  JOIN balance_department AS d
    ON d.school_id = $1 AND d.build = live.build AND d.department_id = $2
  JOIN projection_checkpoint AS c
    ON c.school_id = $1 AND c.name = 'balance' AND c.build = live.build
