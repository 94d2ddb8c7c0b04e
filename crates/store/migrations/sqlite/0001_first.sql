-- Times are microseconds since 1970-01-01 UTC. Columns named as JSON hold what is never searched.
-- Rows of services, versions, deployments, events and secret values are never deleted, so that their
-- numbers are never used twice.

-- What the installation knows of itself.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE services (
    name         TEXT PRIMARY KEY,
    spec         TEXT NOT NULL, -- JSON
    last_version INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,
    changed_at   INTEGER NOT NULL,
    deleted_at   INTEGER        -- the row of a deleted service goes on counting its versions
) STRICT;

CREATE TABLE hostnames (
    host    TEXT PRIMARY KEY,
    service TEXT NOT NULL REFERENCES services (name)
) STRICT, WITHOUT ROWID;
CREATE INDEX hostnames_of_service ON hostnames (service);

CREATE TABLE versions (
    service    TEXT NOT NULL REFERENCES services (name),
    number     INTEGER NOT NULL CHECK (number > 0),
    digest     TEXT NOT NULL,
    image      TEXT NOT NULL, -- JSON
    spec       TEXT NOT NULL, -- JSON
    secrets    TEXT NOT NULL, -- JSON
    commit_id  TEXT,
    branch     TEXT,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (service, number)
) STRICT;
CREATE TRIGGER versions_never_change BEFORE UPDATE ON versions
BEGIN SELECT RAISE(ABORT, 'a version never changes'); END;
CREATE TRIGGER versions_never_go BEFORE DELETE ON versions
BEGIN SELECT RAISE(ABORT, 'the record of a version stays'); END;

CREATE TABLE environments (
    service        TEXT NOT NULL,
    version        INTEGER NOT NULL,
    wanted         TEXT NOT NULL,
    replicas       INTEGER NOT NULL,
    state          TEXT NOT NULL,
    since          INTEGER NOT NULL,
    failure        TEXT, -- JSON
    release        TEXT NOT NULL,
    starting_since INTEGER,
    pinned         INTEGER NOT NULL,
    last_used      INTEGER NOT NULL,
    PRIMARY KEY (service, version),
    FOREIGN KEY (service, version) REFERENCES versions (service, number)
) STRICT;
CREATE INDEX environments_left ON environments (service, version) WHERE state <> 'destroyed';

CREATE TABLE routes (
    service    TEXT PRIMARY KEY REFERENCES services (name),
    generation INTEGER NOT NULL,
    weights    TEXT NOT NULL -- JSON
) STRICT;

CREATE TABLE deployments (
    id           INTEGER PRIMARY KEY,
    service      TEXT NOT NULL REFERENCES services (name),
    kind         TEXT NOT NULL,
    state        TEXT NOT NULL,
    from_weights TEXT NOT NULL, -- JSON
    to_weights   TEXT NOT NULL, -- JSON
    generation   INTEGER,
    asked_by     TEXT NOT NULL,
    note         TEXT,
    created_at   INTEGER NOT NULL,
    finished_at  INTEGER,
    abort_reason TEXT,
    receipt      TEXT -- JSON
) STRICT;
CREATE INDEX deployments_of_service ON deployments (service, id);
CREATE INDEX deployments_unfinished ON deployments (id) WHERE state NOT IN ('done', 'aborted');
-- At most one deployment of a service is on its way to the edges.
CREATE UNIQUE INDEX deployments_blocking ON deployments (service)
    WHERE state IN ('starting', 'preparing', 'committing');

CREATE TABLE events (
    id         INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    service    TEXT,
    version    INTEGER,
    deployment INTEGER,
    done_by    TEXT,
    text       TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_service ON events (service, id) WHERE service IS NOT NULL;

CREATE TABLE secrets (
    name     TEXT PRIMARY KEY,
    newest   INTEGER NOT NULL,
    unset_at INTEGER -- the row of an unset secret goes on counting its values
) STRICT;

CREATE TABLE secret_values (
    name   TEXT NOT NULL REFERENCES secrets (name),
    number INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    set_at INTEGER NOT NULL,
    set_by TEXT NOT NULL,
    PRIMARY KEY (name, number)
) STRICT;

CREATE TABLE tokens (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
CREATE UNIQUE INDEX tokens_valid ON tokens (name) WHERE revoked_at IS NULL;

CREATE TABLE sessions (
    hash       BLOB PRIMARY KEY,
    token      INTEGER NOT NULL REFERENCES tokens (id),
    once       INTEGER NOT NULL, -- a one-time login link
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE idempotency_keys (
    key         TEXT PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    holder      TEXT NOT NULL, -- the process that claimed it
    claimed_at  INTEGER NOT NULL,
    status      INTEGER,
    body        BLOB
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (claimed_at);

-- What was last observed; what is gone keeps its row and gets an end.
CREATE TABLE hosts (
    name        TEXT PRIMARY KEY,
    address     TEXT NOT NULL,
    host        TEXT NOT NULL, -- JSON
    recorded_at INTEGER NOT NULL,
    gone_at     INTEGER
) STRICT;

CREATE TABLE containers (
    number      INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    service     TEXT NOT NULL,
    version     INTEGER NOT NULL,
    host        TEXT NOT NULL,
    address     TEXT,
    container   TEXT NOT NULL, -- JSON
    recorded_at INTEGER NOT NULL,
    ended_at    INTEGER
) STRICT;
CREATE INDEX containers_of_version ON containers (service, version, number);
