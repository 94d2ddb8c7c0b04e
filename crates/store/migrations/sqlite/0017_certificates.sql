-- Certificates that an authority has issued, one for each service, and our account there.
CREATE TABLE acme_accounts (
    directory TEXT PRIMARY KEY,
    sealed    BLOB NOT NULL,      -- its key and address
    made_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE certificates (
    service      TEXT PRIMARY KEY,
    names        TEXT NOT NULL,   -- JSON: what the last order was for
    -- The certificate, when there is one.
    issued_names TEXT,            -- JSON
    chain        TEXT,            -- PEM
    sealed_key   BLOB,
    not_before   INTEGER,
    not_after    INTEGER,
    issued_at    INTEGER,
    -- Why the last order failed, when it has.
    failure      TEXT,
    failed_at    INTEGER,
    again_at     INTEGER,
    failures     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
