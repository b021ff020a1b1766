-- How often usage was refused, beside how much was had.

SET LOCAL ROLE ledger_owner;

ALTER TABLE usage_rollup ADD COLUMN refusals bigint NOT NULL DEFAULT 0;

RESET ROLE;
