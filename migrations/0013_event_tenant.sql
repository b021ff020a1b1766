-- A teacher sees his own events in the log, and of those none that tells of somebody else: units that
-- go from one holder to another, and usage that is given from one member to another, state what the
-- other one has. What they mean for him stands in his history.

SET LOCAL ROLE ledger_owner;

DROP POLICY event_tenant ON event;
CREATE POLICY event_tenant ON event FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())
             AND kind NOT IN ('units_transferred', 'usage_attributed')))
);

COMMENT ON VIEW compat.ai_usage_logs IS
    'Calls as they were made. What was refunded, or given to somebody afterwards, is in the rollups.';

RESET ROLE;
