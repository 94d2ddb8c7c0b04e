-- Since when a service follows which tags of which repository.
CREATE TABLE follows (
    service    TEXT PRIMARY KEY REFERENCES services (name),
    repository TEXT NOT NULL,
    pattern    TEXT NOT NULL,
    since      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Images that a service has seen since then: each becomes one version at the most. One that was there
-- before became none.
CREATE TABLE seen_images (
    service TEXT NOT NULL REFERENCES services (name),
    digest  TEXT NOT NULL,
    tag     TEXT NOT NULL,
    version INTEGER,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (service, digest)
) STRICT, WITHOUT ROWID;

-- When the image of a build was removed, because no version had it any more.
ALTER TABLE builds ADD COLUMN image_gone_at INTEGER;

CREATE INDEX builds_with_image ON builds (id) WHERE image IS NOT NULL AND image_gone_at IS NULL;
CREATE INDEX versions_of_digest ON versions (digest);
