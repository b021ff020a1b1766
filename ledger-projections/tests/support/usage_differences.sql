WITH calls AS (
    -- What is said to be older than our era counts on its first day.
    SELECT (greatest(e.occurred_at, TIMESTAMPTZ '0001-01-01 12:00Z') AT TIME ZONE (
               SELECT payload #>> '{cycle,time_zone}' FROM event
                WHERE school_id = $1 AND kind = 'school_registered'
           ))::date AS day, e.*
      FROM event AS e
     WHERE e.school_id = $1 AND e.kind IN ('usage_debited', 'hold_settled', 'usage_refused')
), expected AS (
    SELECT day, member_id, service, coalesce(model, '') AS model,
           coalesce(outcome, '') AS outcome,
           (count(*) FILTER (WHERE kind <> 'usage_refused'))::numeric AS requests,
           least(coalesce(sum(units), 0), 9223372036854775807) AS units,
           least(coalesce(sum(input_tokens), 0), 9223372036854775807) AS input_tokens,
           least(coalesce(sum(output_tokens), 0), 9223372036854775807) AS output_tokens,
           least(coalesce(sum(cached_tokens), 0), 9223372036854775807) AS cached_tokens,
           least(coalesce(sum(cost_micros), 0), 9223372036854775807) AS cost_micros,
           least(coalesce(sum(latency_ms), 0), 9223372036854775807) AS latency_ms,
           count(latency_ms)::numeric AS timed_requests,
           least(coalesce(sum((payload ->> 'times')::numeric), 0), 9223372036854775807) AS refusals
      FROM calls
     GROUP BY 1, 2, 3, 4, 5
), actual AS (
    SELECT day, member_id, service, model, outcome, requests::numeric,
           units::numeric, input_tokens::numeric, output_tokens::numeric, cached_tokens::numeric,
           cost_micros::numeric, latency_ms::numeric, timed_requests::numeric, refusals::numeric
      FROM usage_rollup JOIN projection ON name = 'usage' AND live_build = build
     WHERE school_id = $1
)
SELECT to_jsonb(d) FROM (
    (SELECT 'expected' AS side, x.* FROM (SELECT * FROM expected EXCEPT SELECT * FROM actual) AS x)
    UNION ALL
    (SELECT 'actual', x.* FROM (SELECT * FROM actual EXCEPT SELECT * FROM expected) AS x)
) AS d
