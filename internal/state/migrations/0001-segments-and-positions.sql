-- What the archive holds, and how far the logs were read for it.
CREATE TABLE segments (
	name     TEXT PRIMARY KEY,
	day      TEXT NOT NULL,    -- 2025-09-16
	service  TEXT NOT NULL,
	first_ns INTEGER NOT NULL, -- of the events in it, Unix time in nanoseconds
	last_ns  INTEGER NOT NULL,
	rows     INTEGER NOT NULL,
	bytes    INTEGER NOT NULL,
	sha256   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX segments_by_time ON segments (first_ns, last_ns);

CREATE TABLE positions (
	key   TEXT PRIMARY KEY,
	value TEXT NOT NULL -- JSON of whoever reads
) STRICT, WITHOUT ROWID;
