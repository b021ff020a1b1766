-- The rollups computed independently, from the last state of each call: its last attribution, and
-- its units minus all refunds.
WITH zone AS (
    SELECT payload #>> '{cycle,time_zone}' AS name FROM event
     WHERE school_id = $1 AND kind = 'school_registered'
), given AS (
    SELECT DISTINCT ON (usage_id) usage_id, (payload #>> '{to,member_id}')::uuid AS member_id,
           payload #>> '{to,service}' AS service,
           (payload #>> '{to,department_id}')::uuid AS department_id,
           (payload ->> 'units')::bigint + (payload ->> 'refunded')::bigint AS units
      FROM event WHERE school_id = $1 AND kind = 'usage_attributed'
     ORDER BY usage_id, seq DESC
), refunded AS (
    SELECT usage_id, sum((payload ->> 'units')::numeric) AS units
      FROM event WHERE school_id = $1 AND kind = 'usage_corrected' GROUP BY usage_id
), recorded AS (
    SELECT event_id, occurred_at, member_id, department_id, service, units, model, outcome,
           input_tokens, output_tokens, cached_tokens, cost_micros, latency_ms,
           NULL::numeric AS refusals
      FROM event
     WHERE school_id = $1 AND kind IN ('usage_debited', 'hold_settled', 'usage_reported')
    UNION ALL
    SELECT event_id, occurred_at, member_id, department_id, service, NULL, NULL, NULL,
           NULL, NULL, NULL, NULL, NULL, (payload ->> 'times')::numeric
      FROM event WHERE school_id = $1 AND kind = 'usage_refused'
    UNION ALL
    SELECT e.event_id, e.occurred_at, g.member_id, g.department_id, g.service, g.units,
           e.payload ->> 'model', e.payload ->> 'outcome', (e.payload ->> 'input_tokens')::bigint,
           (e.payload ->> 'output_tokens')::bigint, (e.payload ->> 'cached_tokens')::bigint,
           (e.payload ->> 'cost_micros')::bigint, (e.payload ->> 'latency_ms')::bigint,
           NULL
      FROM event AS e JOIN given AS g ON g.usage_id = e.event_id
     WHERE e.school_id = $1 AND e.kind = 'usage_parked'
), calls AS (
    -- Usage before year 1 counts on the first day of year 1.
    SELECT (greatest(r.occurred_at, TIMESTAMPTZ '0001-01-01 12:00Z')
                AT TIME ZONE (SELECT name FROM zone))::date AS day,
           r.member_id, r.department_id, r.service, r.units - coalesce(f.units, 0) AS units,
           r.model, r.outcome, r.input_tokens, r.output_tokens, r.cached_tokens, r.cost_micros,
           r.latency_ms, r.refusals
      FROM recorded AS r LEFT JOIN refunded AS f ON f.usage_id = r.event_id
), expected AS (
    SELECT day, member_id,
           coalesce(department_id, '00000000-0000-0000-0000-000000000000') AS department_id,
           service, coalesce(model, '') AS model,
           coalesce(outcome, '') AS outcome,
           (count(*) FILTER (WHERE refusals IS NULL))::numeric AS requests,
           least(coalesce(sum(units), 0), 9223372036854775807) AS units,
           least(coalesce(sum(input_tokens), 0), 9223372036854775807) AS input_tokens,
           least(coalesce(sum(output_tokens), 0), 9223372036854775807) AS output_tokens,
           least(coalesce(sum(cached_tokens), 0), 9223372036854775807) AS cached_tokens,
           least(coalesce(sum(cost_micros), 0), 9223372036854775807) AS cost_micros,
           least(coalesce(sum(latency_ms), 0), 9223372036854775807) AS latency_ms,
           count(latency_ms)::numeric AS timed_requests,
           least(coalesce(sum(refusals), 0), 9223372036854775807) AS refusals
      FROM calls
     GROUP BY 1, 2, 3, 4, 5, 6
), actual AS (
    SELECT day, member_id, department_id, service, model, outcome, requests::numeric,
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
