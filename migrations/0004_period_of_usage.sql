-- Usage that counts in a period other than the one in which it is recorded: a hold that was open
-- when its period closed, usage reported late, a correction of an old debit.

SET LOCAL ROLE ledger_owner;

ALTER TABLE event ADD COLUMN period_start timestamptz;
COMMENT ON COLUMN event.period_start IS
    'The start of the closed period in which usage counts; NULL when it is the one that was open.';

RESET ROLE;
