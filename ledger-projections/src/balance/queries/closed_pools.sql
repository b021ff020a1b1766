-- As pools.sql, of a closed period.
SELECT p.service, p.total, p.allocated, p.unlimited_holders, p.used, p.held, p.direct_used,
       p.direct_held, coalesce(e.units, 0) AS "expired!",
       coalesce(e.direct_units, 0) AS "direct_expired!"
  FROM balance_closed_pool AS p
  LEFT JOIN (
      SELECT h.service, least(sum(h.units), 9223372036854775807)::bigint AS units,
             least(sum(h.units) FILTER (WHERE h.level = 'pool'), 9223372036854775807)::bigint
                 AS direct_units
        FROM balance_hold AS h
       WHERE h.school_id = $1
         AND h.build = (SELECT build FROM live_build('balance'))
         AND h.expires_at <= $2 AND h.period_start = $3
       GROUP BY h.service
  ) AS e ON e.service = p.service
 WHERE p.school_id = $1 AND p.build = (SELECT build FROM live_build('balance'))
   AND p.period_start = $3
 ORDER BY p.service COLLATE "C"
