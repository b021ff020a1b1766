SELECT m.member_id, m.department_id, m.role, m.status, m.enrolled_at, m.removed_at,
       d.display_name AS "display_name?", d.email AS "email?", d.erased_at AS "erased_at?",
       ARRAY(
           SELECT x.external_id FROM member_external_id AS x
            WHERE x.school_id = $1 AND x.member_id = m.member_id
            ORDER BY x.external_id COLLATE "C"
       ) AS "external_ids!"
  FROM roster_member AS m
  LEFT JOIN member_directory AS d ON d.school_id = $1 AND d.member_id = m.member_id
 WHERE m.school_id = $1 AND m.build = (SELECT build FROM live_build('roster'))
   AND m.member_id = $2
