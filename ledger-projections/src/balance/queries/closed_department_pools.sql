-- As department_pools.sql, of one department in a closed period.
SELECT $1::uuid AS "department_id!", p.service AS "service!", p.total AS "total?",
       p.allocated AS "allocated!", p.unlimited_holders AS "unlimited_holders!", p.used AS "used!",
       p.held AS "held!", p.direct_used AS "direct_used!", p.direct_held AS "direct_held!",
       p.expired AS "expired!", p.direct_expired AS "direct_expired!", p.priority AS "priority!",
       p.auto_renew AS "auto_renew!"
  FROM ledger_department_pools_of($3, $1, $2) AS p
 ORDER BY p.service COLLATE "C"
