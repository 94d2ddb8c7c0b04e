-- Services that are closed to their users. A row without a beginning is one that is not: only its page is
-- remembered, for the next time. The page comes last, so that reading the rest does not read it.
CREATE TABLE maintenance (
    service     TEXT PRIMARY KEY REFERENCES services (name),
    since       INTEGER,
    begun_by    TEXT,
    note        TEXT,
    retry_after INTEGER, -- seconds
    page        TEXT
) STRICT;
