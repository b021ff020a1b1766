-- Pending requests as of $2, by urgency and then by age.
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
         AND r.status = 'pending' AND r.expires_at > $2
         AND (r.urgency_rank, r.filed_seq) > ($3::smallint, $4::bigint)
         AND ($5::uuid IS NULL OR r.member_id = $5)
       ORDER BY r.urgency_rank, r.filed_seq
       LIMIT $6
  ) AS r
  LEFT JOIN free_text AS j ON j.school_id = $1 AND j.commitment = r.justification
  LEFT JOIN free_text AS t ON t.school_id = $1 AND t.commitment = r.reason
 ORDER BY r.urgency_rank, r.filed_seq
