UPDATE request AS r
   SET status = d.status, granted = d.granted, reason = d.reason, decided_at = d.decided_at,
       decided_by_role = d.decided_by_role, decided_by = d.decided_by, version = d.version
  FROM unnest(
      $2::uuid[], $3::uuid[], $4::text[], $5::jsonb[], $6::bytea[], $7::timestamptz[], $8::text[],
      $9::uuid[], $10::bigint[]
  ) AS d (
      school_id, request_id, status, granted, reason, decided_at, decided_by_role, decided_by,
      version
  )
 WHERE r.school_id = d.school_id AND r.build = $1 AND r.request_id = d.request_id
