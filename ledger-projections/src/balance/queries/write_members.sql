MERGE INTO balance_member AS m
USING unnest($2::uuid[], $3::uuid[], $4::text[], $5::boolean[])
   AS d (school_id, member_id, standing, enrolled)
   ON m.school_id = d.school_id AND m.build = $1 AND m.member_id = d.member_id
 WHEN MATCHED THEN UPDATE SET standing = d.standing
 WHEN NOT MATCHED AND d.enrolled THEN INSERT (school_id, build, member_id, standing)
 VALUES (d.school_id, $1, d.member_id, d.standing)
