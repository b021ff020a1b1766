-- Enrolling a removed member again clears removed_at; their history keeps the removal.
MERGE INTO roster_member AS m
USING unnest(
    $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
    $8::boolean[], $9::uuid[]
) AS d (
    school_id, member_id, role, status, enrolled_at, removed_at, moved, department_id
)
   ON m.school_id = d.school_id AND m.build = $1 AND m.member_id = d.member_id
 WHEN MATCHED THEN UPDATE SET
    role = coalesce(d.role, m.role),
    status = coalesce(d.status, m.status),
    enrolled_at = coalesce(d.enrolled_at, m.enrolled_at),
    removed_at = CASE WHEN d.enrolled_at IS NOT NULL THEN d.removed_at
                      ELSE coalesce(d.removed_at, m.removed_at) END,
    department_id = CASE WHEN d.moved THEN d.department_id ELSE m.department_id END
 WHEN NOT MATCHED AND d.enrolled_at IS NOT NULL THEN INSERT (
    school_id, build, member_id, role, status, enrolled_at, removed_at, department_id
 ) VALUES (
    d.school_id, $1, d.member_id, d.role, d.status, d.enrolled_at, d.removed_at, d.department_id
 )
