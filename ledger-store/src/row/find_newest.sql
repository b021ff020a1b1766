-- The newest event about each wanted usage: one probe of the partial index event_by_usage.
SELECT found.seq AS "seq!", occurred_at AS "occurred_at!", recorded_at AS "recorded_at!",
       fingerprint, units, freed_units, balance_allocated, balance_used, balance_held,
       input_tokens, output_tokens, cached_tokens, cost_micros, latency_ms, expires_at,
       period_start, wanted.school_id AS "school_id!", event_id AS "event_id!",
       actor_id AS "actor_id!", member_id, department_id, version AS "version!", overage, late,
       kind AS "kind!", actor_role AS "actor_role!", service, level, key, model, outcome,
       request_id, session_id, payload, source, found.usage_id
  FROM unnest($1::uuid[], $2::uuid[]) AS wanted (school_id, usage_id)
 CROSS JOIN LATERAL (
     SELECT * FROM event
      WHERE event.school_id = wanted.school_id AND event.usage_id = wanted.usage_id
      ORDER BY event.seq DESC
      LIMIT 1
 ) AS found
