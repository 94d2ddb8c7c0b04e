-- Branches that have an environment of their own, and the name under which it is reached.
CREATE TABLE branches (
    service   TEXT NOT NULL REFERENCES services (name),
    name      TEXT NOT NULL,
    label     TEXT NOT NULL,
    current   INTEGER,
    pushed_at INTEGER NOT NULL,
    looked_at INTEGER,
    PRIMARY KEY (service, name),
    UNIQUE (service, label)
) STRICT;
-- The branch whose environment it is, and whether the next request starts it again.
ALTER TABLE environments ADD COLUMN branch TEXT;
ALTER TABLE environments ADD COLUMN asleep INTEGER NOT NULL DEFAULT 0;
