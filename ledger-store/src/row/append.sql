-- Locks the heads in the order of their schools, which excludes deadlocks. Heads that moved are
-- left out: READ COMMITTED checks the condition again under the lock.
WITH locked AS MATERIALIZED (
    SELECT stream.school_id, expected.head_after
      FROM unnest($37::uuid[], $38::bigint[], $39::bigint[])
               AS expected (school_id, head_before, head_after)
      JOIN stream ON stream.school_id = expected.school_id
                 AND stream.head_seq = expected.head_before
     ORDER BY stream.school_id
       FOR UPDATE OF stream
), moved AS (
    UPDATE stream SET head_seq = locked.head_after
      FROM locked WHERE stream.school_id = locked.school_id
    RETURNING stream.school_id
), appended AS (
    INSERT INTO event (
        seq, occurred_at, recorded_at, fingerprint, units, freed_units, balance_allocated,
        balance_used, balance_held, input_tokens, output_tokens, cached_tokens, cost_micros,
        latency_ms, expires_at, period_start, school_id, event_id, actor_id, member_id, version,
        overage, late, kind, actor_role, service, level, key, model, outcome, request_id,
        session_id, payload, source, usage_id, department_id
    )
    SELECT new.* FROM unnest(
        $1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::bigint[],
        $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
        $12::bigint[], $13::bigint[], $14::bigint[], $15::timestamptz[], $16::timestamptz[],
        $17::uuid[], $18::uuid[], $19::uuid[], $20::uuid[], $21::smallint[], $22::boolean[],
        $23::boolean[], $24::text[], $25::text[], $26::text[], $27::text[], $28::text[],
        $29::text[], $30::text[], $31::text[], $32::text[], $33::jsonb[], $34::text[],
        $35::uuid[], $36::uuid[]
    ) AS new (
        seq, occurred_at, recorded_at, fingerprint, units, freed_units, balance_allocated,
        balance_used, balance_held, input_tokens, output_tokens, cached_tokens, cost_micros,
        latency_ms, expires_at, period_start, school_id, event_id, actor_id, member_id, version,
        overage, late, kind, actor_role, service, level, key, model, outcome, request_id,
        session_id, payload, source, usage_id, department_id
    )
     WHERE new.school_id IN (SELECT school_id FROM moved)
)
SELECT school_id AS "school_id!" FROM moved
