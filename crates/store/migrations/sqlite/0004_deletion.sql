-- Since when and at whose word a service is being deleted: it goes offline and its environments are
-- destroyed first.
ALTER TABLE services ADD COLUMN deleting_since INTEGER;
ALTER TABLE services ADD COLUMN deleting_by TEXT;
