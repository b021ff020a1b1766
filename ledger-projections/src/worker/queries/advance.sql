UPDATE projection_checkpoint AS c
   SET seq = d.seq, updated_at = now(), failed_seq = NULL, failure = NULL
  FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[])
       AS d (school_id, name, build, seq)
 WHERE c.school_id = d.school_id AND c.name = d.name AND c.build = d.build
