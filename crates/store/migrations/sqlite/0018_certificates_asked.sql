-- When somebody has asked for another certificate, until the next order has an outcome.
ALTER TABLE certificates ADD COLUMN asked_at INTEGER;
