-- The event that closed each wanted request, if there is one: one probe of the partial index
-- event_closed_request, which has the same kinds.
SELECT found.seq AS "seq!", occurred_at AS "occurred_at!", recorded_at AS "recorded_at!",
       fingerprint, units, freed_units, balance_allocated, balance_used, balance_held,
       input_tokens, output_tokens, cached_tokens, cost_micros, latency_ms, expires_at,
       period_start, wanted.school_id AS "school_id!", found.event_id AS "event_id!",
       actor_id AS "actor_id!", member_id, department_id, version AS "version!", overage, late,
       kind AS "kind!", actor_role AS "actor_role!", service, level, key, model, outcome,
       request_id, session_id, payload, source, usage_id
  FROM unnest($1::uuid[], $2::text[]) AS wanted (school_id, wanted_request)
 CROSS JOIN LATERAL (
     SELECT * FROM event
      WHERE event.school_id = wanted.school_id
        AND event.payload ->> 'request_id' = wanted.wanted_request
        AND event.kind IN (
            'request_approved', 'request_rejected', 'request_withdrawn', 'request_expired'
        )
      LIMIT 1
 ) AS found
