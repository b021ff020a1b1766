SELECT seq, occurred_at, recorded_at, fingerprint, units, freed_units, balance_allocated,
       balance_used, balance_held, input_tokens, output_tokens, cached_tokens, cost_micros,
       latency_ms, expires_at, period_start, school_id, event_id, actor_id, member_id,
       department_id, version, overage, late, kind, actor_role, service, level, key, model,
       outcome, request_id, session_id, payload, source, usage_id
  FROM event
 WHERE school_id = $1 AND seq > $2 AND ($4::text[] IS NULL OR kind = ANY ($4))
 ORDER BY seq
 LIMIT $3
