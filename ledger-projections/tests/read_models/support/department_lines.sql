-- The lines of departments, with sums over their members; empty ones are left out.
WITH members AS (
    SELECT m.department_id, l.service, sum(l.allocated) AS allocated,
           bool_or(l.allocated IS NULL) AS has_unlimited, sum(l.used) AS used, sum(l.held) AS held
      FROM balance_member AS m
      JOIN live_build('balance') AS live ON live.build = m.build
      JOIN balance_line AS l
        ON l.school_id = m.school_id AND l.build = m.build
       AND l.holder_kind = 'member' AND l.holder_id = m.member_id
     WHERE m.school_id = $1 AND m.department_id IS NOT NULL
     GROUP BY m.department_id, l.service
), own AS (
    SELECT l.*, l.holder_id AS department_id
      FROM balance_line AS l JOIN live_build('balance') USING (build)
     WHERE l.school_id = $1 AND l.holder_kind = 'department'
)
SELECT department_id, service, jsonb_build_object(
           'allocated', CASE WHEN own.school_id IS NULL THEN '0'
                             ELSE coalesce(to_jsonb(own.allocated), '"unlimited"') END,
           'to_members', CASE WHEN members.has_unlimited THEN '"unlimited"'
                              ELSE to_jsonb(coalesce(members.allocated, 0)) END,
           'used', coalesce(members.used, 0) + coalesce(own.used, 0),
           'held', coalesce(members.held, 0) + coalesce(own.held, 0),
           'direct_used', coalesce(own.used, 0),
           'direct_held', coalesce(own.held, 0),
           'priority', coalesce(own.priority, 'normal'),
           'auto_renew', coalesce(own.auto_renew, false)
       )
  FROM own FULL JOIN members USING (department_id, service)
 WHERE (own.school_id IS NOT NULL AND own.allocated IS DISTINCT FROM 0)
    OR members.has_unlimited OR members.allocated > 0
    OR coalesce(members.used, 0) + coalesce(own.used, 0) > 0
    OR coalesce(members.held, 0) + coalesce(own.held, 0) > 0
