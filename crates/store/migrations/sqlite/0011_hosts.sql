-- Hosts that take nothing new, and who said so.
CREATE TABLE host_closures (
    host       TEXT PRIMARY KEY,
    closing    TEXT NOT NULL,
    since      INTEGER NOT NULL,
    by         TEXT NOT NULL,
    drained_at INTEGER
) STRICT;

-- What other systems say of hosts.
CREATE TABLE host_notes (
    host  TEXT PRIMARY KEY,
    notes TEXT NOT NULL -- JSON
) STRICT;
