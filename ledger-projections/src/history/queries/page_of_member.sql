-- WITH TIES: all entries of an event have one seq and are on one page.
SELECT h.seq AS "seq!", h.member_id AS "member_id!", h.department_id,
       h.recorded_at AS "recorded_at!",
       h.kind AS "kind!", h.service, h.actor_role AS "actor_role!", h.actor_id AS "actor_id!",
       h.cause, h.request_id, h.reason, t.body AS "reason_text?", h.before, h.after
  FROM (
      SELECT h.*
        FROM history_entry AS h
       WHERE h.school_id = $1
         AND h.build = (SELECT build FROM live_build('history'))
         AND h.seq > $2 AND h.seq < $3
         AND ($4::text IS NULL OR h.service = $4) AND ($5::text IS NULL OR h.kind = $5)
         -- A move out of the department has it in its value before.
         AND ($8::uuid IS NULL OR h.department_id = $8
              OR h.before ->> 'department_id' = $8::text)
         AND h.member_id = $7
       ORDER BY h.seq DESC
       FETCH FIRST $6 ROWS WITH TIES
  ) AS h
  LEFT JOIN free_text AS t ON t.school_id = $1 AND t.commitment = h.reason
 ORDER BY h.seq DESC, h.part, h.member_id
