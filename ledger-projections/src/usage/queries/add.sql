-- Sums that 64 bits cannot hold stop at their largest value: a projection must not stop because
-- somebody reported absurd numbers.
MERGE INTO usage_rollup AS r
USING unnest(
    $2::uuid[], $3::date[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],
    $15::bigint[], $16::bigint[]
) AS d (
    school_id, day, member_id, service, model, outcome, requests, units, input_tokens,
    output_tokens, cached_tokens, cost_micros, latency_ms, timed_requests, refusals
)
   ON r.school_id = d.school_id AND r.build = $1 AND r.day = d.day AND r.member_id = d.member_id
  AND r.service = d.service AND r.model = d.model AND r.outcome = d.outcome
 WHEN MATCHED THEN UPDATE SET
    requests = r.requests + least(d.requests, 9223372036854775807 - r.requests),
    units = r.units + least(d.units, 9223372036854775807 - r.units),
    input_tokens = r.input_tokens + least(d.input_tokens, 9223372036854775807 - r.input_tokens),
    output_tokens = r.output_tokens + least(d.output_tokens, 9223372036854775807 - r.output_tokens),
    cached_tokens = r.cached_tokens + least(d.cached_tokens, 9223372036854775807 - r.cached_tokens),
    cost_micros = r.cost_micros + least(d.cost_micros, 9223372036854775807 - r.cost_micros),
    latency_ms = r.latency_ms + least(d.latency_ms, 9223372036854775807 - r.latency_ms),
    timed_requests =
        r.timed_requests + least(d.timed_requests, 9223372036854775807 - r.timed_requests),
    refusals = r.refusals + least(d.refusals, 9223372036854775807 - r.refusals)
 WHEN NOT MATCHED THEN INSERT (
    school_id, build, day, member_id, service, model, outcome, requests, units, input_tokens,
    output_tokens, cached_tokens, cost_micros, latency_ms, timed_requests, refusals
 ) VALUES (
    d.school_id, $1, d.day, d.member_id, d.service, d.model, d.outcome, d.requests, d.units,
    d.input_tokens, d.output_tokens, d.cached_tokens, d.cost_micros, d.latency_ms,
    d.timed_requests, d.refusals
 )
