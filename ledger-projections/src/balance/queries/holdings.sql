-- A row for each member of a page and each service of the pools, with an empty line where he holds
-- nothing of it. Where members draw straight on the pools nobody holds anything: no rows.
WITH live AS (
    SELECT p.live_build AS build
      FROM projection AS p
      JOIN balance_school AS s
        ON s.school_id = $1 AND s.build = p.live_build AND s.management <> 'none'
     WHERE p.name = 'balance'
), page AS (
    SELECT m.member_id
      FROM live JOIN balance_member AS m ON m.school_id = $1 AND m.build = live.build
     WHERE m.member_id > $2 AND m.standing <> 'removed'
     ORDER BY m.member_id
     LIMIT $3
), expired AS (
    SELECT h.member_id, h.service, least(sum(h.units), 9223372036854775807)::bigint AS units
      FROM live JOIN balance_hold AS h ON h.school_id = $1 AND h.build = live.build
      JOIN page USING (member_id)
     WHERE h.level = 'member' AND h.expires_at <= $4
     GROUP BY h.member_id, h.service
)
SELECT page.member_id AS "member_id!", d.display_name AS "display_name?",
       (SELECT min(x.external_id COLLATE "C") FROM member_external_id AS x
         WHERE x.school_id = $1 AND x.member_id = page.member_id) AS external_id,
       p.service,
       CASE WHEN l.school_id IS NULL THEN 0 ELSE l.allocated END AS "allocated?",
       coalesce(l.used, 0) AS "used!", coalesce(l.held, 0) AS "held!",
       coalesce(e.units, 0) AS "expired!", coalesce(l.priority, 'normal') AS "priority!",
       coalesce(l.auto_renew, false) AS "auto_renew!"
  FROM page
 CROSS JOIN live
  JOIN balance_pool AS p ON p.school_id = $1 AND p.build = live.build
  LEFT JOIN balance_line AS l
    ON l.school_id = $1 AND l.build = live.build AND l.member_id = page.member_id
   AND l.service = p.service
  LEFT JOIN expired AS e ON e.member_id = page.member_id AND e.service = p.service
  LEFT JOIN member_directory AS d ON d.school_id = $1 AND d.member_id = page.member_id
 ORDER BY page.member_id, p.service COLLATE "C"
