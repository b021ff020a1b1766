INSERT INTO unattributed_usage (
    build, school_id, seq, event_id, occurred_at, recorded_at, why, source, id, member_id, subject,
    service, units, call
)
SELECT $1, d.*
  FROM unnest(
      $2::uuid[], $3::bigint[], $4::uuid[], $5::timestamptz[], $6::timestamptz[], $7::text[],
      $8::text[], $9::text[], $10::uuid[], $11::bytea[], $12::text[], $13::bigint[], $14::jsonb[]
  ) AS d (
      school_id, seq, event_id, occurred_at, recorded_at, why, source, id, member_id, subject,
      service, units, call
  )
