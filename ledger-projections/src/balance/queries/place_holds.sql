INSERT INTO balance_hold (
    build, school_id, hold_id, member_id, service, level, units, expires_at, department_id
)
SELECT $1, d.*
  FROM unnest(
      $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::timestamptz[],
      $9::uuid[]
  ) AS d (school_id, hold_id, member_id, service, level, units, expires_at, department_id)
