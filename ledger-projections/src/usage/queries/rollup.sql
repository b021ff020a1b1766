-- A month is the sum of its days, under the first of them. The flags $5 to $8 and $12 select the
-- grouping: a column that is not grouped by is NULL in all rows.
-- Whole numbers only: div(2 a + b, 2 b) is a ÷ b rounded half up.
SELECT bucket AS "bucket!", member_id AS "member_id?",
       nullif(department_id, '00000000-0000-0000-0000-000000000000') AS "department_id?",
       service AS "service?",
       nullif(model, '') AS "model?", nullif(outcome, '') AS "outcome?",
       least(requests, 9223372036854775807)::bigint AS "requests!",
       least(units, 9223372036854775807)::bigint AS "units!",
       least(input_tokens, 9223372036854775807)::bigint AS "input_tokens!",
       least(output_tokens, 9223372036854775807)::bigint AS "output_tokens!",
       least(cached_tokens, 9223372036854775807)::bigint AS "cached_tokens!",
       least(input_tokens + output_tokens, 9223372036854775807)::bigint AS "total_tokens!",
       least(
           coalesce(
               div(2 * (input_tokens + output_tokens) + requests, 2 * nullif(requests, 0)), 0
           ),
           9223372036854775807
       )::bigint AS "average_tokens!",
       least(latency_ms, 9223372036854775807)::bigint AS "latency_ms!",
       div(2 * latency_ms + timed_requests, 2 * nullif(timed_requests, 0))::bigint
           AS "average_latency_ms?",
       least(cost_micros, 9223372036854775807)::bigint AS "cost_micros!",
       active_members AS "active_members!",
       least(refusals, 9223372036854775807)::bigint AS "refusals!"
  FROM (
      SELECT CASE $2 WHEN 'month' THEN date_trunc('month', r.day::timestamp)::date ELSE r.day END
                 AS bucket,
             CASE WHEN $5 THEN r.member_id END AS member_id,
             CASE WHEN $12 THEN r.department_id END AS department_id,
             CASE WHEN $6 THEN r.service END AS service, CASE WHEN $7 THEN r.model END AS model,
             CASE WHEN $8 THEN r.outcome END AS outcome, sum(r.requests) AS requests,
             sum(r.units) AS units, sum(r.input_tokens) AS input_tokens,
             sum(r.output_tokens) AS output_tokens, sum(r.cached_tokens) AS cached_tokens,
             sum(r.cost_micros) AS cost_micros, sum(r.latency_ms) AS latency_ms,
             sum(r.timed_requests) AS timed_requests,
             count(DISTINCT r.member_id) FILTER (WHERE r.requests > 0) AS active_members,
             sum(r.refusals) AS refusals
        FROM usage_rollup AS r
       WHERE r.school_id = $1
         AND r.build = (SELECT build FROM live_build('usage'))
         AND r.day BETWEEN $3 AND $4
         AND ($9::uuid IS NULL OR r.member_id = $9) AND ($10::text IS NULL OR r.service = $10)
         AND ($13::uuid IS NULL OR r.department_id = $13)
       GROUP BY 1, 2, 3, 4, 5, 6
       ORDER BY 1, 2, 3, 4, 5, 6
       LIMIT $11
  ) AS grouped
 ORDER BY 1, 2, 3 NULLS FIRST, 4, 5 NULLS FIRST, 6 NULLS FIRST
