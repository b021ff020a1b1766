MERGE INTO balance_member AS m
USING unnest($2::uuid[], $3::uuid[], $4::text[], $5::boolean[], $6::boolean[], $7::uuid[])
   AS d (school_id, member_id, status, enrolled, moved, department_id)
   ON m.school_id = d.school_id AND m.build = $1 AND m.member_id = d.member_id
 WHEN MATCHED THEN UPDATE SET
    status = coalesce(d.status, m.status),
    department_id = CASE WHEN d.moved THEN d.department_id ELSE m.department_id END
 WHEN NOT MATCHED AND d.enrolled THEN INSERT (school_id, build, member_id, status, department_id)
 VALUES (d.school_id, $1, d.member_id, d.status, d.department_id)
