-- Edges on other machines: who was invited, and by which key each is known that has joined.
CREATE TABLE edges (
    name        TEXT PRIMARY KEY,
    invitation  BLOB UNIQUE,      -- hash of the newest join token
    expires_at  INTEGER NOT NULL, -- when that ends
    taken       INTEGER NOT NULL, -- it has been used
    invited_by  TEXT NOT NULL,
    invited_at  INTEGER NOT NULL,
    fingerprint BLOB UNIQUE,
    joined_at   INTEGER,
    last_seen   INTEGER,
    about       TEXT              -- JSON: what it said of itself
) STRICT, WITHOUT ROWID;
