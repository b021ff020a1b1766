-- A member's lines with their expired holds; an empty line for each other service of the pools.
SELECT s.service AS "service!",
       CASE WHEN l.school_id IS NULL THEN 0 ELSE l.allocated END AS "allocated?",
       coalesce(l.used, 0) AS "used!", coalesce(l.held, 0) AS "held!",
       coalesce(e.units, 0) AS "expired!", coalesce(l.priority, 'normal') AS "priority!",
       coalesce(l.auto_renew, false) AS "auto_renew!"
  FROM ledger_pool_services() AS s (service)
  LEFT JOIN balance_line AS l
    ON l.school_id = $1 AND l.build = (SELECT build FROM live_build('balance'))
   AND l.holder_kind = 'member' AND l.holder_id = $2 AND l.service = s.service
  LEFT JOIN (
      SELECT h.service, least(sum(h.units), 9223372036854775807)::bigint AS units
        FROM balance_hold AS h
       WHERE h.school_id = $1 AND h.build = (SELECT build FROM live_build('balance'))
         AND h.member_id = $2 AND h.level = 'member' AND h.expires_at <= $3
         AND h.period_start IS NULL
       GROUP BY h.service
  ) AS e ON e.service = s.service
 ORDER BY s.service COLLATE "C"
