-- Read-only views under the names of the previous system, which people already query. Each reads
-- as its reader (security_invoker): the policies of the underlying tables apply. A Supabase client
-- finds them once the schema is exposed and its role is granted ledger_reader.
--
-- Where the previous system had one quota these have a JSON object by service; unlimited is
-- "unlimited".

SET LOCAL ROLE ledger_owner;

CREATE SCHEMA compat;
COMMENT ON SCHEMA compat IS
    'Read-only views under the names of the previous system; each reads as its reader.';
GRANT USAGE ON SCHEMA compat TO ledger_reader;

-- A quota in JSON: a number or "unlimited".
CREATE FUNCTION compat.quota(units bigint) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(to_jsonb(units), '"unlimited"'::jsonb)
$$;
GRANT EXECUTE ON FUNCTION compat.quota TO ledger_reader;

CREATE VIEW compat.school_ai_subscriptions WITH (security_invoker = true) AS
SELECT r.school_id AS id, r.school_id AS preschool_id, d.name AS school_name, r.org_type,
       r.tier AS subscription_tier, r.management AS allocation_management,
       p.total_quotas, p.allocated_quotas, p.used_quotas, p.held_quotas,
       r.self_service_requests AS allow_teacher_self_allocation,
       r.default_member_quota AS default_teacher_quotas, r.max_individual_quota,
       r.time_zone, b.period_start AS current_period_start, b.period_end AS quota_reset_date,
       r.registered_at AS created_at
  FROM public.roster_school AS r
  LEFT JOIN public.school_directory AS d ON d.school_id = r.school_id
  LEFT JOIN public.balance_school AS b
    ON b.school_id = r.school_id
   AND b.build = (SELECT build FROM public.live_build('balance'))
  LEFT JOIN LATERAL (
      SELECT jsonb_object_agg(service, compat.quota(total)) AS total_quotas,
             jsonb_object_agg(service, CASE WHEN unlimited_holders > 0 THEN '"unlimited"'::jsonb
                                            ELSE to_jsonb(allocated) END) AS allocated_quotas,
             jsonb_object_agg(service, used) AS used_quotas,
             jsonb_object_agg(service, held) AS held_quotas
        FROM public.balance_pool AS pool
       WHERE pool.school_id = r.school_id AND pool.build = b.build
  ) AS p ON true
 WHERE r.build = (SELECT build FROM public.live_build('roster'));

CREATE VIEW compat.teacher_ai_allocations WITH (security_invoker = true) AS
SELECT m.member_id AS id, m.school_id AS preschool_id, m.member_id AS user_id,
       d.display_name AS teacher_name, d.email AS teacher_email, m.role,
       coalesce(l.allocated_quotas, '{}') AS allocated_quotas,
       coalesce(l.used_quotas, '{}') AS used_quotas,
       coalesce(l.held_quotas, '{}') AS held_quotas,
       coalesce(l.remaining_quotas, '{}') AS remaining_quotas,
       coalesce(l.priority_levels, '{}') AS priority_levels,
       coalesce(l.auto_renew, false) AS auto_renew,
       m.status = 'active' AS is_active, m.status = 'suspended' AS is_suspended,
       b.period_end AS quota_reset_date, m.enrolled_at AS created_at
  FROM public.roster_member AS m
  LEFT JOIN public.member_directory AS d
    ON d.school_id = m.school_id AND d.member_id = m.member_id
  LEFT JOIN public.balance_school AS b
    ON b.school_id = m.school_id
   AND b.build = (SELECT build FROM public.live_build('balance'))
  LEFT JOIN LATERAL (
      SELECT jsonb_object_agg(service, compat.quota(allocated)) AS allocated_quotas,
             jsonb_object_agg(service, used) AS used_quotas,
             jsonb_object_agg(service, held) AS held_quotas,
             jsonb_object_agg(service, compat.quota(greatest(
                 allocated::numeric - used - held, CASE WHEN allocated IS NULL THEN NULL ELSE 0 END
             )::bigint)) AS remaining_quotas,
             jsonb_object_agg(service, priority) AS priority_levels,
             bool_or(auto_renew) AS auto_renew
        FROM public.balance_line AS line
       WHERE line.school_id = m.school_id AND line.build = b.build
         AND line.holder_kind = 'member' AND line.holder_id = m.member_id
  ) AS l ON true
 WHERE m.build = (SELECT build FROM public.live_build('roster'))
   AND m.status <> 'removed';

CREATE VIEW compat.ai_allocation_requests WITH (security_invoker = true) AS
SELECT r.request_id AS id, r.school_id AS preschool_id, r.member_id AS teacher_id,
       r.filed_by AS requested_by, r.asked AS requested_quotas, r.granted AS approved_quotas,
       why.body AS justification, r.urgency,
       -- A request is expired from expires_at on, recorded or not.
       CASE WHEN r.status = 'pending' AND r.expires_at <= now() THEN 'expired' ELSE r.status END
           AS status,
       r.decided_by AS reviewed_by, r.decided_at AS reviewed_at, note.body AS review_notes,
       r.expires_at, r.created_at
  FROM public.request AS r
  LEFT JOIN public.free_text AS why
    ON why.school_id = r.school_id AND why.commitment = r.justification
  LEFT JOIN public.free_text AS note
    ON note.school_id = r.school_id AND note.commitment = r.reason
 WHERE r.build = (SELECT build FROM public.live_build('requests'));

-- The previous system had no departments: target_user_id is NULL for a department's own
-- allocation, and department_id tells it from the school's.
CREATE VIEW compat.ai_allocation_history WITH (security_invoker = true) AS
SELECT h.seq AS id, h.school_id AS preschool_id, h.kind AS action,
       h.actor_id AS performed_by, h.actor_role AS performed_by_role,
       nullif(h.member_id, '00000000-0000-0000-0000-000000000000') AS target_user_id,
       h.service AS service_type, h.before AS quotas_before, h.after AS quotas_after,
       t.body AS change_reason, h.cause, h.recorded_at AS created_at, h.department_id
  FROM public.history_entry AS h
  LEFT JOIN public.free_text AS t ON t.school_id = h.school_id AND t.commitment = h.reason
 WHERE h.build = (SELECT build FROM public.live_build('history'));

CREATE VIEW compat.ai_usage_logs WITH (security_invoker = true) AS
SELECT e.event_id AS id, e.school_id AS preschool_id, e.member_id AS user_id,
       e.member_id AS allocation_id, e.service AS service_type, e.model AS ai_model_used,
       e.units AS quota_consumed, e.input_tokens, e.output_tokens, e.cached_tokens,
       (e.cost_micros::numeric / 1000000)::numeric(20, 6) AS total_cost,
       e.latency_ms AS processing_time_ms, e.outcome AS status, e.request_id, e.session_id,
       coalesce(e.overage, false) AS is_over_quota, e.occurred_at AS created_at,
       e.recorded_at, e.seq
  FROM public.event AS e
 WHERE e.kind IN ('usage_debited', 'hold_settled', 'usage_reported');
COMMENT ON VIEW compat.ai_usage_logs IS
    'Calls as they were made. Refunds and later attributions are in the rollups only.';

CREATE VIEW compat.daily_ai_usage_rollup WITH (security_invoker = true) AS
SELECT u.school_id AS preschool_id, u.member_id AS user_id, u.service AS service_type,
       u.day AS usage_date, sum(u.requests) AS total_requests, sum(u.units) AS quota_consumed,
       sum(u.input_tokens) AS total_input_tokens, sum(u.output_tokens) AS total_output_tokens,
       sum(u.input_tokens) + sum(u.output_tokens) AS total_tokens,
       round((sum(u.input_tokens) + sum(u.output_tokens)) / nullif(sum(u.requests), 0), 2)
           AS avg_tokens_per_request,
       (sum(u.cost_micros) / 1000000)::numeric(30, 6) AS total_cost,
       sum(u.latency_ms) AS total_processing_time_ms,
       round(sum(u.latency_ms) / nullif(sum(u.timed_requests), 0), 2) AS avg_processing_time_ms,
       sum(u.refusals) AS refused_requests
  FROM public.usage_rollup AS u
 WHERE u.build = (SELECT build FROM public.live_build('usage'))
 GROUP BY 1, 2, 3, 4;

CREATE VIEW compat.monthly_ai_usage_rollup WITH (security_invoker = true) AS
SELECT preschool_id, user_id, service_type,
       date_trunc('month', usage_date::timestamp)::date AS usage_month,
       sum(total_requests) AS total_requests, sum(quota_consumed) AS quota_consumed,
       sum(total_input_tokens) AS total_input_tokens,
       sum(total_output_tokens) AS total_output_tokens, sum(total_tokens) AS total_tokens,
       round(sum(total_tokens) / nullif(sum(total_requests), 0), 2) AS avg_tokens_per_request,
       sum(total_cost) AS total_cost, sum(total_processing_time_ms) AS total_processing_time_ms,
       sum(refused_requests) AS refused_requests
  FROM compat.daily_ai_usage_rollup
 GROUP BY 1, 2, 3, 4;

CREATE VIEW compat.school_daily_ai_usage WITH (security_invoker = true) AS
SELECT preschool_id, usage_date, service_type,
       count(*) FILTER (WHERE total_requests > 0) AS active_teachers,
       sum(total_requests) AS total_requests, sum(quota_consumed) AS quota_consumed,
       sum(total_tokens) AS total_tokens, sum(total_cost) AS total_cost,
       sum(refused_requests) AS refused_requests
  FROM compat.daily_ai_usage_rollup
 GROUP BY 1, 2, 3;

GRANT SELECT ON ALL TABLES IN SCHEMA compat TO ledger_reader;

RESET ROLE;
