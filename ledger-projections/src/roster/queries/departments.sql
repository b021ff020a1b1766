-- Counts the members of the page's departments only.
SELECT d.department_id, n.name AS "name?", d.opened_at, d.closed_at,
       ledger_department_members(d.department_id) AS "members!"
  FROM (
      SELECT d.department_id, d.opened_at, d.closed_at
        FROM roster_department AS d
       WHERE d.school_id = $1
         AND d.build = (SELECT build FROM live_build('roster'))
         AND d.department_id > $2 AND ($3 OR d.closed_at IS NULL)
       ORDER BY d.department_id
       LIMIT $4
  ) AS d
  LEFT JOIN department_directory AS n ON n.school_id = $1 AND n.department_id = d.department_id
 ORDER BY d.department_id
