-- How far each target of notifications has been told, by the order of events, and what stands in the way.
CREATE TABLE told (
    target        TEXT PRIMARY KEY,
    up_to         INTEGER NOT NULL,           -- everything up to this event
    attempts      INTEGER NOT NULL DEFAULT 0, -- in a row that failed
    failing_since INTEGER,
    last_error    TEXT,
    given_up      INTEGER NOT NULL DEFAULT 0  -- events that it was never told
) STRICT, WITHOUT ROWID;
