-- What the call with this key has made so far: kept in the same transaction as that, so that a call
-- which is repeated after a kill finds it instead of making it twice.
ALTER TABLE idempotency_keys ADD COLUMN made TEXT; -- JSON
