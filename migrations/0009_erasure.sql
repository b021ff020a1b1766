-- Erasing a person: what is kept of him beside the log goes, the log stays as it is.

SET LOCAL ROLE ledger_owner;

ALTER TABLE member_directory
    -- When name and e-mail were erased; NULL where nothing was, also where there never was a name.
    ADD COLUMN erased_at timestamptz,
    -- Who he was as an author under external ids that he has no more: they are freed when he
    -- leaves, and what he wrote must still be found. They are in the log as they are here.
    ADD COLUMN actor_ids uuid[] NOT NULL DEFAULT '{}';

-- Texts are found by whom they are about and by their authors, through the key's school: an index
-- on either would cost every reason that is written, for the sake of a command that is rare.
-- The name of an individual's school is that person's.
GRANT DELETE ON free_text, school_directory TO ledger_writer;

RESET ROLE;
