-- What a token may do: everything (admin), look (viewer), or tell what hosts use (agent).
ALTER TABLE tokens ADD COLUMN role TEXT NOT NULL DEFAULT 'admin';
