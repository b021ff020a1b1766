-- Usage that already happened: overage policies, reported and unattributed usage, corrections.

SET LOCAL ROLE ledger_owner;

-- Who reported it: with its id what makes a CloudEvent unique.
ALTER TABLE event ADD COLUMN source text;
COMMENT ON COLUMN event.source IS 'The source of reported usage; its id stands in key.';

-- What a correction or an attribution is about. A column of its own for the index below: the
-- newest of them says how the usage stands, and it is looked up before the next is decided.
ALTER TABLE event ADD COLUMN usage_id uuid;
COMMENT ON COLUMN event.usage_id IS
    'The event_id of the usage that a correction or an attribution is about.';
-- Partial: a debit, which names no other usage, pays nothing for it.
CREATE INDEX event_by_usage ON event (school_id, usage_id, seq) WHERE usage_id IS NOT NULL;

COMMENT ON COLUMN event.overage IS
    'Usage beyond what was allocated: permitted by the school''s policy, or recorded afterwards.';
COMMENT ON COLUMN event.key IS 'The caller''s id of the debit, hold or reported usage.';

-- How far usage may go beyond what is allocated, by service; one that is not named is hard.
ALTER TABLE roster_school ADD COLUMN overage jsonb NOT NULL DEFAULT '{}';

-- Unattributed: which usage is still nobody's, or of no known service? The list of read models is
-- the projector's to write, also for the owner.
SET LOCAL ROLE ledger_projector;
INSERT INTO projection (name) VALUES ('unattributed');
SET LOCAL ROLE ledger_owner;

CREATE TABLE unattributed_usage (
    school_id     uuid        NOT NULL,
    build         integer     NOT NULL,
    seq           bigint      NOT NULL,
    event_id      uuid        NOT NULL,
    occurred_at   timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL,
    why           text        NOT NULL, -- unknown_member or unknown_service
    source        text        NOT NULL,
    id            text        NOT NULL, -- the caller's
    member_id     uuid,                 -- whose, where only the service is unknown
    subject       bytea,                -- commitment; the text is in free_text
    service       text        NOT NULL, -- as it was given
    units         bigint,               -- NULL where no meter could tell
    call          jsonb       NOT NULL, -- what is known of the call
    PRIMARY KEY (school_id, build, event_id)
);
-- A page of them, and what a page goes on after.
CREATE INDEX unattributed_usage_by_seq ON unattributed_usage (school_id, build, seq);

ALTER TABLE unattributed_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE unattributed_usage FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON unattributed_usage TO ledger_projector;
GRANT SELECT ON unattributed_usage TO ledger_reader;
CREATE POLICY unattributed_usage_projector ON unattributed_usage TO ledger_projector
    USING (true) WITH CHECK (true);
CREATE POLICY unattributed_usage_tenant ON unattributed_usage FOR SELECT TO ledger_reader
    USING (school_id = (SELECT ledger_school()) AND (SELECT ledger_sees_school()));

RESET ROLE;
