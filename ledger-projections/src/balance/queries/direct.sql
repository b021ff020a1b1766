-- The pools as a member draws on them directly. The function includes holds that a teacher does not
-- see.
SELECT p.service, p.total, p.allocated, p.unlimited_holders, p.used, p.held, p.direct_used,
       p.direct_held, coalesce(e.units, 0) AS "expired!", coalesce(e.units, 0) AS "direct_expired!"
  FROM balance_pool AS p
  LEFT JOIN ledger_expired_direct_holds($2, NULL) AS e ON e.service = p.service
 WHERE p.school_id = $1 AND p.build = (SELECT build FROM live_build('balance'))
 ORDER BY p.service COLLATE "C"
