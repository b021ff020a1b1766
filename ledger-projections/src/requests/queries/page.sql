-- Newest first. A request is expired from expires_at on, recorded or not; $2 is the clock.
SELECT r.request_id AS "request_id!", r.member_id AS "member_id!", r.status AS "status!",
       r.urgency AS "urgency!", r.asked AS "asked!", r.granted, r.justification AS "justification!",
       j.body AS "justification_text?", r.reason, t.body AS "reason_text?",
       r.filed_seq AS "filed_seq!", r.filed_by_role AS "filed_by_role!", r.filed_by AS "filed_by!",
       r.created_at AS "created_at!", r.expires_at AS "expires_at!", r.decided_at,
       r.decided_by_role, r.decided_by, r.version AS "version!"
  FROM (
      SELECT r.*
        FROM request AS r
       WHERE r.school_id = $1
         AND r.build = (SELECT build FROM live_build('requests'))
         AND r.filed_seq < $3
         AND ($4::text IS NULL OR $4 = CASE
              WHEN r.status = 'pending' AND r.expires_at <= $2 THEN 'expired' ELSE r.status END)
         AND ($5::uuid IS NULL OR r.member_id = $5)
       ORDER BY r.filed_seq DESC
       LIMIT $6
  ) AS r
  LEFT JOIN free_text AS j ON j.school_id = $1 AND j.commitment = r.justification
  LEFT JOIN free_text AS t ON t.school_id = $1 AND t.commitment = r.reason
 ORDER BY r.filed_seq DESC
