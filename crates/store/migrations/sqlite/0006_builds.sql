-- Runs from source to a version. Their logs are files beside the database.
CREATE TABLE builds (
    id          INTEGER PRIMARY KEY,
    service     TEXT NOT NULL REFERENCES services (name),
    origin      TEXT NOT NULL,
    branch      TEXT,
    commit_id   TEXT,
    subject     TEXT,
    asked_by    TEXT NOT NULL,
    state       TEXT NOT NULL,
    steps       TEXT NOT NULL, -- JSON
    image       TEXT,          -- JSON
    version     INTEGER,
    reason      TEXT,
    attempts    INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    started_at  INTEGER,
    finished_at INTEGER
) STRICT;
CREATE INDEX builds_of_service ON builds (service, id);
CREATE INDEX builds_unfinished ON builds (service, id) WHERE state IN ('queued', 'running');
