-- What departments hold, and their members of it: lines on which there is something.
WITH given AS (
    SELECT m.department_id, l.service, sum(l.allocated) AS allocated,
           bool_or(l.allocated IS NULL) AS has_unlimited, sum(l.used) AS used, sum(l.held) AS held
      FROM balance_member AS m
      JOIN projection ON name = 'balance' AND live_build = m.build
      JOIN balance_line AS l USING (school_id, build, member_id)
     WHERE m.school_id = $1 AND m.department_id IS NOT NULL
     GROUP BY m.department_id, l.service
), own AS (
    SELECT d.* FROM balance_department_line AS d
      JOIN projection ON name = 'balance' AND live_build = d.build
     WHERE d.school_id = $1
)
SELECT department_id, service, jsonb_build_object(
           'allocated', CASE WHEN own.school_id IS NULL THEN '0'
                             ELSE coalesce(to_jsonb(own.allocated), '"unlimited"') END,
           'to_members', CASE WHEN given.has_unlimited THEN '"unlimited"'
                              ELSE to_jsonb(coalesce(given.allocated, 0)) END,
           'used', coalesce(given.used, 0) + coalesce(own.direct_used, 0),
           'held', coalesce(given.held, 0) + coalesce(own.direct_held, 0),
           'direct_used', coalesce(own.direct_used, 0),
           'direct_held', coalesce(own.direct_held, 0),
           'priority', coalesce(own.priority, 'normal'),
           'auto_renew', coalesce(own.auto_renew, false)
       )
  FROM own FULL JOIN given USING (department_id, service)
 WHERE (own.school_id IS NOT NULL AND own.allocated IS DISTINCT FROM 0)
    OR given.has_unlimited OR given.allocated > 0
    OR coalesce(given.used, 0) + coalesce(own.direct_used, 0) > 0
    OR coalesce(given.held, 0) + coalesce(own.direct_held, 0) > 0
