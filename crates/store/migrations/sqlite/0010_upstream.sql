-- What code hosts have told, so that nothing is done twice: kept for as long as it might be sent again.
CREATE TABLE deliveries (
    service  TEXT NOT NULL,
    delivery TEXT NOT NULL,
    came_at  INTEGER NOT NULL,
    PRIMARY KEY (service, delivery)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_by_age ON deliveries (came_at);

-- Builds of which a code host does not know yet how they went, and the last state that it was told.
CREATE TABLE build_reports (
    build INTEGER PRIMARY KEY REFERENCES builds (id),
    told  TEXT
) STRICT;

-- Where the job of another server that makes a build's image is.
CREATE TABLE build_jobs (
    build INTEGER PRIMARY KEY REFERENCES builds (id),
    place TEXT NOT NULL
) STRICT;
