SELECT seq, occurred_at, recorded_at, fingerprint, units, freed_units, balance_allocated,
       balance_used, balance_held, input_tokens, output_tokens, cached_tokens, cost_micros,
       latency_ms, expires_at, school_id AS "school_id!", event_id AS "event_id!", actor_id,
       member_id, version, overage, late,
       kind, actor_role, service, level, key, model, outcome, request_id, session_id, payload
  FROM unnest($1::uuid[], $2::uuid[]) AS wanted (school_id, event_id)
  JOIN event USING (school_id, event_id)
