INSERT INTO roster_school (
    school_id, build, org_type, tier, management, time_zone, period_anchor_day, totals,
    max_individual_quota, default_member_quota, self_service_requests, registered_at, version
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
