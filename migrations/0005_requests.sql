-- Requests: who asks for what, and what became of it?

SET LOCAL ROLE ledger_owner;

-- The writer keeps pending requests in memory and asks the log how another one ended. Unique: a
-- request ends once, whatever a program may believe. No debit has an entry in it.
CREATE UNIQUE INDEX event_closed_request ON event (school_id, (payload ->> 'request_id'))
    WHERE kind IN ('request_approved', 'request_rejected', 'request_withdrawn', 'request_expired');

CREATE TABLE request (
    school_id       uuid        NOT NULL,
    build           integer     NOT NULL,
    request_id      uuid        NOT NULL,
    member_id       uuid        NOT NULL,
    status          text        NOT NULL, -- pending also when it has run out and nobody recorded it
    urgency         text        NOT NULL,
    urgency_rank    smallint    NOT NULL GENERATED ALWAYS AS (
        CASE urgency WHEN 'high' THEN 0 WHEN 'normal' THEN 1 ELSE 2 END
    ) STORED,
    asked           jsonb       NOT NULL, -- units by service
    granted         jsonb,                -- the same, when it was approved
    justification   bytea       NOT NULL, -- commitment; the text is in free_text
    reason          bytea,                -- commitment to why it was decided so
    filed_seq       bigint      NOT NULL, -- of two requests the older has the smaller one
    filed_by_role   text        NOT NULL,
    filed_by        uuid        NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    decided_at      timestamptz,          -- when it ended, however it did
    decided_by_role text,                 -- who ended it; nobody where time did
    decided_by      uuid,
    version         bigint      NOT NULL, -- seq of the last change: the ETag
    PRIMARY KEY (school_id, build, request_id)
) WITH (fillfactor = 80);
-- The principal's queue: the most urgent first, then the oldest.
CREATE INDEX request_queue ON request (school_id, build, urgency_rank, filed_seq)
    WHERE status = 'pending';
-- All requests, and one member's, newest first.
CREATE INDEX request_by_age ON request (school_id, build, filed_seq);
CREATE INDEX request_by_member ON request (school_id, build, member_id, filed_seq);

ALTER TABLE request ENABLE ROW LEVEL SECURITY;
ALTER TABLE request FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON request TO ledger_projector;
GRANT SELECT ON request TO ledger_reader;
CREATE POLICY request_projector ON request TO ledger_projector USING (true) WITH CHECK (true);
-- A teacher sees his own, who sees the school sees all of them, a proxy sees none.
CREATE POLICY request_tenant ON request FOR SELECT TO ledger_reader USING (
    school_id = (SELECT ledger_school())
    AND ((SELECT ledger_sees_school())
         OR ((SELECT ledger_role()) = 'teacher' AND member_id = (SELECT ledger_member())))
);

-- A grant's entry names the request that it came out of, a request's entries name it too.
ALTER TABLE history_entry ADD COLUMN request_id uuid;

-- The owner is bound by row-level security, too: read models are named by who makes them.
SET LOCAL ROLE ledger_projector;
INSERT INTO projection (name) VALUES ('requests');

RESET ROLE;
