-- People, who sign in with a name and a password; roles on single services; sessions of tokens or people
-- that can be listed; and who did what.
ALTER TABLE tokens ADD COLUMN services TEXT NOT NULL DEFAULT '{}'; -- roles by service, as JSON

CREATE TABLE people (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT NOT NULL UNIQUE,
    display_name    TEXT,
    role            TEXT NOT NULL,
    services        TEXT NOT NULL,              -- roles by service, as JSON
    password        TEXT,                       -- a PHC string; none until one is set
    password_set_at INTEGER,
    disabled        INTEGER NOT NULL DEFAULT 0,
    created_at      INTEGER NOT NULL,
    created_by      TEXT NOT NULL,
    last_seen       INTEGER
) STRICT;

CREATE TABLE new_sessions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    hash       BLOB NOT NULL UNIQUE,
    token      INTEGER REFERENCES tokens (id),
    person     INTEGER REFERENCES people (id) ON DELETE CASCADE,
    once       INTEGER NOT NULL, -- a one-time login link
    began_at   INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_seen  INTEGER,
    address    TEXT,
    agent      TEXT,             -- what the browser calls itself
    CHECK ((token IS NULL) <> (person IS NULL))
) STRICT;
-- Sessions lasted for 14 days.
INSERT INTO new_sessions (hash, token, once, began_at, expires_at)
    SELECT hash, token, once, expires_at - 1209600000000, expires_at FROM sessions ORDER BY expires_at;
DROP TABLE sessions;
ALTER TABLE new_sessions RENAME TO sessions;
CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE INDEX sessions_by_person ON sessions (person);

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    who     TEXT,               -- none when nobody knows
    way     TEXT NOT NULL,      -- how they came in
    session INTEGER,
    address TEXT,
    method  TEXT NOT NULL,
    path    TEXT NOT NULL,
    service TEXT,
    version INTEGER,
    status  INTEGER NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_age ON audit (at);
CREATE INDEX audit_by_who ON audit (who, id);
CREATE INDEX audit_by_service ON audit (service, id);
