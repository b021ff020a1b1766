-- A process is ready when every migration that it knows is in force; it asks as the writer, since
-- writing is what it must be ready for.
DO $$
BEGIN
    -- Not there when the files are run by hand, as the build does to check its SQL.
    IF to_regclass('public._sqlx_migrations') IS NOT NULL THEN
        GRANT SELECT ON _sqlx_migrations TO ledger_writer;
        CREATE POLICY migrations_readiness ON _sqlx_migrations
            FOR SELECT TO ledger_writer USING (true);
    END IF;
END
$$;
