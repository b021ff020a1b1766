INSERT INTO history_entry (
    build, school_id, seq, member_id, recorded_at, kind, service, actor_role, actor_id, cause,
    reason, before, after, request_id, part, department_id
)
SELECT $1, d.*
  FROM unnest(
      $2::uuid[], $3::bigint[], $4::uuid[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
      $9::uuid[], $10::text[], $11::bytea[], $12::jsonb[], $13::jsonb[],
      $14::uuid[], $15::integer[], $16::uuid[]
  ) AS d (
      school_id, seq, member_id, recorded_at, kind, service, actor_role, actor_id, cause, reason,
      before, after, request_id, part, department_id
  )
