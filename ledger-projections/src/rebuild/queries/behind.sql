-- Schools in which build $2 is behind the live one; halted ones first.
SELECT old.school_id, old.seq AS old_seq, coalesce(new.seq, 0) AS "new_seq!",
       new.failed_seq AS "failed_seq?", new.failure AS "failure?"
  FROM projection AS p
  JOIN projection_checkpoint AS old ON old.name = p.name AND old.build = p.live_build
  LEFT JOIN projection_checkpoint AS new
    ON new.school_id = old.school_id AND new.name = p.name AND new.build = $2
 WHERE p.name = $1 AND coalesce(new.seq, 0) < old.seq
 ORDER BY new.failed_seq IS NULL, old.school_id
 LIMIT $3
