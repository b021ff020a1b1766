MERGE INTO balance_department AS b
USING unnest($2::uuid[], $3::uuid[], $4::boolean[]) AS d (school_id, department_id, closed)
   ON b.school_id = d.school_id AND b.build = $1 AND b.department_id = d.department_id
 WHEN MATCHED THEN UPDATE SET closed = d.closed
 WHEN NOT MATCHED THEN INSERT (school_id, build, department_id, closed)
 VALUES (d.school_id, $1, d.department_id, d.closed)
