-- What the author of a version's commit said of it, and who that is.
ALTER TABLE builds ADD COLUMN author TEXT;
ALTER TABLE versions ADD COLUMN subject TEXT;
ALTER TABLE versions ADD COLUMN author TEXT;
CREATE INDEX builds_by_version ON builds (service, version) WHERE version IS NOT NULL;
UPDATE versions SET subject = (
    SELECT builds.subject FROM builds
    WHERE builds.service = versions.service AND builds.version = versions.number
    ORDER BY builds.id DESC LIMIT 1
);
