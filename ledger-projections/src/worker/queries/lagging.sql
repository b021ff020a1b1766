-- Heads joined with checkpoints, both by their primary keys. Halted builds come last: the limit
-- must not leave out those that can go on.
SELECT s.school_id, p.name, b.build AS "build!", b.is_live AS "is_live!",
       s.head_seq - coalesce(c.seq, 0) AS "behind!", c.failed_seq IS NOT NULL AS "is_halted!"
  FROM stream AS s
 CROSS JOIN projection AS p
 CROSS JOIN LATERAL (VALUES (p.live_build, true), (p.next_build, false)) AS b (build, is_live)
  LEFT JOIN projection_checkpoint AS c
    ON c.school_id = s.school_id AND c.name = p.name AND c.build = b.build
 WHERE p.name = ANY ($1) AND b.build IS NOT NULL AND s.head_seq > coalesce(c.seq, 0)
 ORDER BY c.failed_seq IS NOT NULL
 LIMIT $2
