-- Whether nobody asked for a deployment, and the newest version that there was when it began: what was
-- launched before a person's decision is never put in its place.
ALTER TABLE deployments ADD COLUMN automatic INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN newest INTEGER;
UPDATE deployments SET newest = (
    SELECT max(number) FROM versions
    WHERE versions.service = deployments.service AND versions.created_at <= deployments.created_at
);
