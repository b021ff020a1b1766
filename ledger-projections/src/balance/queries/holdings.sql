-- A row for each member of a page and each service of the pools, with an empty line where the
-- member has none. No rows where members draw on the pools. Each line is looked up by its key, one
-- by one (LIMIT keeps the planner from joining): of a new school it has no statistics, and would
-- read all lines for each member.
WITH live AS MATERIALIZED (
    SELECT live.build
      FROM live_build('balance') AS live
      JOIN balance_school AS s
        ON s.school_id = $1 AND s.build = live.build AND s.management <> 'none'
), page AS MATERIALIZED (
    SELECT m.member_id
      FROM balance_member AS m
     WHERE m.school_id = $1 AND m.build = (SELECT build FROM live)
       AND m.member_id > $2 AND m.status <> 'removed'
     ORDER BY m.member_id
     LIMIT $3
)
SELECT page.member_id AS "member_id!", d.display_name AS "display_name?",
       x.external_id AS "external_id?", p.service AS "service!",
       CASE WHEN l.service IS NULL THEN 0 ELSE l.allocated END AS "allocated?",
       coalesce(l.used, 0) AS "used!", coalesce(l.held, 0) AS "held!",
       coalesce(l.priority, 'normal') AS "priority!",
       coalesce(l.auto_renew, false) AS "auto_renew!"
  FROM page
  LEFT JOIN LATERAL (
      SELECT d.display_name FROM member_directory AS d
       WHERE d.school_id = $1 AND d.member_id = page.member_id
       LIMIT 1
  ) AS d ON true
  LEFT JOIN LATERAL (
      SELECT x.external_id FROM member_external_id AS x
       WHERE x.school_id = $1 AND x.member_id = page.member_id
       ORDER BY x.external_id COLLATE "C"
       LIMIT 1
  ) AS x ON true
  JOIN balance_pool AS p ON p.school_id = $1 AND p.build = (SELECT build FROM live)
  LEFT JOIN LATERAL (
      SELECT l.service, l.allocated, l.used, l.held, l.priority, l.auto_renew
        FROM balance_line AS l
       WHERE l.school_id = $1 AND l.build = (SELECT build FROM live)
         AND l.holder_kind = 'member' AND l.holder_id = page.member_id AND l.service = p.service
       LIMIT 1
  ) AS l ON true
 ORDER BY page.member_id, p.service COLLATE "C"
