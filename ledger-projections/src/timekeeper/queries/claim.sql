-- Claims until $3 the schools with due events that are not claimed: periods that ended by $1, holds
-- that expired by $2.
WITH due AS (
    (SELECT s.school_id
       FROM balance_school AS s
      WHERE s.period_end <= $1
        AND s.build = (SELECT build FROM live_build('balance'))
        AND NOT EXISTS (
            SELECT FROM catch_up_claim AS c WHERE c.school_id = s.school_id AND c.until > $1
        )
      ORDER BY s.period_end
      LIMIT $4)
    UNION
    (SELECT h.school_id
       FROM balance_hold AS h
      WHERE h.expires_at <= $2
        AND h.build = (SELECT build FROM live_build('balance'))
        AND NOT EXISTS (
            SELECT FROM catch_up_claim AS c WHERE c.school_id = h.school_id AND c.until > $1
        )
      ORDER BY h.expires_at
      LIMIT $4)
)
INSERT INTO catch_up_claim AS c (school_id, until)
SELECT due.school_id, $3 FROM due ORDER BY due.school_id -- one order: no deadlocks
ON CONFLICT (school_id) DO UPDATE SET until = excluded.until WHERE c.until <= $1
RETURNING school_id
