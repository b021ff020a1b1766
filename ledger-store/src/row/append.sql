WITH appended AS (
    INSERT INTO event (
        seq, occurred_at, recorded_at, fingerprint, units, freed_units, balance_allocated,
        balance_used, balance_held, input_tokens, output_tokens, cached_tokens, cost_micros,
        latency_ms, expires_at, school_id, event_id, actor_id, member_id, version, overage, late,
        kind, actor_role, service, level, key, model, outcome, request_id, session_id, payload
    )
    SELECT * FROM unnest(
        $1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::bigint[],
        $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
        $12::bigint[], $13::bigint[], $14::bigint[], $15::timestamptz[], $16::uuid[], $17::uuid[],
        $18::uuid[], $19::uuid[], $20::smallint[], $21::boolean[], $22::boolean[], $23::text[],
        $24::text[], $25::text[], $26::text[], $27::text[], $28::text[], $29::text[], $30::text[],
        $31::text[], $32::jsonb[]
    )
)
UPDATE stream
   SET head_seq = moved.head_after
  FROM unnest($33::uuid[], $34::bigint[], $35::bigint[])
       AS moved (school_id, head_before, head_after)
 WHERE stream.school_id = moved.school_id AND stream.head_seq = moved.head_before
