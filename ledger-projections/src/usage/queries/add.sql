-- Usage attributed to another member may leave a row without requests and refusals: it is deleted.
-- Sums stop at the largest bigint: excessive reports must not halt the projection.
MERGE INTO usage_rollup AS r
USING unnest(
    $2::uuid[], $3::date[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],
    $15::bigint[], $16::bigint[], $17::uuid[]
) AS d (
    school_id, day, member_id, service, model, outcome, requests, units, input_tokens,
    output_tokens, cached_tokens, cost_micros, latency_ms, timed_requests, refusals,
    department_id
)
   ON r.school_id = d.school_id AND r.build = $1 AND r.day = d.day AND r.member_id = d.member_id
  AND r.service = d.service AND r.model = d.model AND r.outcome = d.outcome
  AND r.department_id = d.department_id
 WHEN MATCHED AND r.requests + d.requests <= 0 AND d.requests < 0
  AND r.refusals = 0 AND d.refusals = 0 THEN DELETE
 WHEN MATCHED THEN UPDATE SET
    requests = greatest(r.requests + least(d.requests, 9223372036854775807 - r.requests), 0),
    units = greatest(r.units + least(d.units, 9223372036854775807 - r.units), 0),
    input_tokens = greatest(
        r.input_tokens + least(d.input_tokens, 9223372036854775807 - r.input_tokens), 0
    ),
    output_tokens = greatest(
        r.output_tokens + least(d.output_tokens, 9223372036854775807 - r.output_tokens), 0
    ),
    cached_tokens = greatest(
        r.cached_tokens + least(d.cached_tokens, 9223372036854775807 - r.cached_tokens), 0
    ),
    cost_micros = greatest(
        r.cost_micros + least(d.cost_micros, 9223372036854775807 - r.cost_micros), 0
    ),
    latency_ms = greatest(
        r.latency_ms + least(d.latency_ms, 9223372036854775807 - r.latency_ms), 0
    ),
    timed_requests = greatest(
        r.timed_requests + least(d.timed_requests, 9223372036854775807 - r.timed_requests), 0
    ),
    refusals = r.refusals + least(d.refusals, 9223372036854775807 - r.refusals)
 WHEN NOT MATCHED THEN INSERT (
    school_id, build, day, member_id, service, model, outcome, requests, units, input_tokens,
    output_tokens, cached_tokens, cost_micros, latency_ms, timed_requests, refusals,
    department_id
 ) VALUES (
    d.school_id, $1, d.day, d.member_id, d.service, d.model, d.outcome, d.requests, d.units,
    d.input_tokens, d.output_tokens, d.cached_tokens, d.cost_micros, d.latency_ms,
    d.timed_requests, d.refusals, d.department_id
 )
