-- The allocations of departments as pools: sums include members whom a teacher does not see.
SELECT d.department_id AS "department_id!", p.service AS "service!", p.total AS "total?",
       p.allocated AS "allocated!", p.unlimited_holders AS "unlimited_holders!", p.used AS "used!",
       p.held AS "held!", p.direct_used AS "direct_used!", p.direct_held AS "direct_held!",
       p.expired AS "expired!", p.direct_expired AS "direct_expired!", p.priority AS "priority!",
       p.auto_renew AS "auto_renew!"
  FROM unnest($1::uuid[]) AS d (department_id)
 CROSS JOIN LATERAL ledger_department_pools(d.department_id, $2) AS p
 ORDER BY d.department_id, p.service COLLATE "C"
