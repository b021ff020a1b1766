-- Only builds that are still the live or the next one.
SELECT c.school_id, c.name, c.build, s.head_seq
  FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[])
       AS d (school_id, name, build, seq)
  JOIN projection_checkpoint AS c
    ON c.school_id = d.school_id AND c.name = d.name AND c.build = d.build
  JOIN projection AS p ON p.name = c.name AND c.build IN (p.live_build, p.next_build)
  JOIN stream AS s ON s.school_id = c.school_id
 WHERE c.seq = d.seq
   FOR UPDATE OF c SKIP LOCKED
