-- Who folds the log for a read as of the past. A teacher's past balance comes out of events that
-- he may not see, so the fold is the service's, under a role that reads the log and its snapshots
-- and nothing else; what of it a caller is shown, his permission says.

DO $$
BEGIN
    BEGIN
        CREATE ROLE ledger_replayer NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL; -- roles belong to the whole cluster; another database's migration made it
    END;
    IF NOT pg_has_role(current_user, 'ledger_replayer', 'MEMBER') THEN
        EXECUTE format('GRANT ledger_replayer TO %I', current_user);
    END IF;
END
$$;

GRANT USAGE ON SCHEMA public TO ledger_replayer;

SET LOCAL ROLE ledger_owner;

GRANT SELECT ON event, stream, snapshot TO ledger_replayer;
CREATE POLICY event_replayer ON event FOR SELECT TO ledger_replayer USING (true);
CREATE POLICY stream_replayer ON stream FOR SELECT TO ledger_replayer USING (true);
CREATE POLICY snapshot_replayer ON snapshot FOR SELECT TO ledger_replayer USING (true);

RESET ROLE;
