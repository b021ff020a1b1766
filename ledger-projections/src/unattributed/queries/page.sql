SELECT u.seq, u.event_id, u.occurred_at, u.recorded_at, u.why, u.source, u.id, u.member_id,
       t.body AS "subject?", u.service, u.units, u.call
  FROM unattributed_usage AS u
  LEFT JOIN free_text AS t ON t.school_id = $1 AND t.commitment = u.subject
 WHERE u.school_id = $1
   AND u.build = (SELECT build FROM live_build('unattributed'))
   AND u.seq > $2
 ORDER BY u.seq
 LIMIT $3
