-- Only what was drawn straight on the pool: also a teacher, who does not see others' holds, is
-- told how much of them has run out.
SELECT p.service, p.total, p.allocated, p.unlimited_holders, p.used, p.held, p.direct_used,
       p.direct_held, coalesce(e.units, 0) AS "expired!", coalesce(e.units, 0) AS "direct_expired!"
  FROM balance_pool AS p
  LEFT JOIN ledger_expired_direct_holds($2) AS e ON e.service = p.service
 WHERE p.school_id = $1 AND p.build = (SELECT live_build FROM projection WHERE name = 'balance')
 ORDER BY p.service COLLATE "C"
