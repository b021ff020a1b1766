SELECT s.school_id, s.head_seq, p.name, b.build AS "build!", b.is_live AS "is_live!",
       coalesce(c.seq, 0) AS "seq!", c.school_id IS NULL AS "is_new!",
       c.failed_seq IS NOT NULL AS "is_halted!"
  FROM stream AS s
 CROSS JOIN projection AS p
 CROSS JOIN LATERAL (VALUES (p.live_build, true), (p.next_build, false)) AS b (build, is_live)
  LEFT JOIN projection_checkpoint AS c
    ON c.school_id = s.school_id AND c.name = p.name AND c.build = b.build
 WHERE s.school_id = ANY ($1) AND p.name = ANY ($2) AND b.build IS NOT NULL
