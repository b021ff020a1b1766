INSERT INTO request (
    build, status, version, school_id, request_id, member_id, urgency, asked, justification,
    filed_seq, filed_by_role, filed_by, created_at, expires_at
)
SELECT $1, 'pending', d.filed_seq, d.*
  FROM unnest(
      $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::jsonb[], $7::bytea[], $8::bigint[],
      $9::text[], $10::uuid[], $11::timestamptz[], $12::timestamptz[]
  ) AS d (
      school_id, request_id, member_id, urgency, asked, justification, filed_seq, filed_by_role,
      filed_by, created_at, expires_at
  )
