CREATE TABLE incidents (
	id         TEXT PRIMARY KEY,
	number     INTEGER NOT NULL UNIQUE, -- for people
	status     TEXT NOT NULL,
	kind       TEXT NOT NULL,
	onset_ns   INTEGER NOT NULL,
	updated_ns INTEGER NOT NULL,
	doc        TEXT NOT NULL -- all of it, as JSON
) STRICT;

CREATE INDEX incidents_by_status ON incidents (status, updated_ns);

-- What happened to incidents, in the order in which it was recorded. It is the
-- history that people read, and the queue of what they are told.
CREATE TABLE changes (
	n        INTEGER PRIMARY KEY AUTOINCREMENT,
	id       TEXT NOT NULL UNIQUE,
	incident TEXT NOT NULL REFERENCES incidents (id),
	kind     TEXT NOT NULL,
	at_ns    INTEGER NOT NULL,
	who      TEXT NOT NULL,
	text     TEXT NOT NULL
) STRICT;

CREATE INDEX changes_by_incident ON changes (incident, n);

-- What closed incidents teach the baseline. It outlives their details.
CREATE TABLE lessons (
	incident TEXT PRIMARY KEY,
	kind     TEXT NOT NULL,
	what     TEXT NOT NULL,
	who      TEXT NOT NULL,
	from_ns  INTEGER NOT NULL,
	until_ns INTEGER NOT NULL,
	at_ns    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Changes that were announced.
CREATE TABLE expectations (
	id           INTEGER PRIMARY KEY AUTOINCREMENT,
	from_ns      INTEGER NOT NULL,
	until_ns     INTEGER NOT NULL,
	what         TEXT NOT NULL,
	who          TEXT NOT NULL, -- asked for it
	at_ns        INTEGER NOT NULL,
	withdrawn_ns INTEGER NOT NULL DEFAULT 0,
	withdrawn_by TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE TABLE vigilance (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	level    TEXT NOT NULL,
	from_ns  INTEGER NOT NULL,
	until_ns INTEGER NOT NULL,
	why      TEXT NOT NULL,
	who      TEXT NOT NULL,
	incident TEXT NOT NULL,
	ended_ns INTEGER NOT NULL DEFAULT 0,
	ended_by TEXT NOT NULL DEFAULT ''
) STRICT;

-- What was learnt, as whoever learnt it wrote it down.
CREATE TABLE models (
	name    TEXT PRIMARY KEY,
	version INTEGER NOT NULL, -- of its form
	at_ns   INTEGER NOT NULL,
	data    BLOB NOT NULL
) STRICT;

-- The newest results of each probe.
CREATE TABLE probes (
	n       INTEGER PRIMARY KEY AUTOINCREMENT,
	probe   TEXT NOT NULL,
	at_ns   INTEGER NOT NULL,
	ok      INTEGER NOT NULL,
	took_ns INTEGER NOT NULL,
	detail  TEXT NOT NULL -- JSON
) STRICT;

CREATE INDEX probes_by_probe ON probes (probe, n);

-- Messages to people: claimed before they are sent, so that none is sent twice.
CREATE TABLE notices (
	key        TEXT PRIMARY KEY,
	channel    TEXT NOT NULL,
	claimed_ns INTEGER NOT NULL,
	sent_ns    INTEGER NOT NULL DEFAULT 0,
	attempts   INTEGER NOT NULL DEFAULT 1,
	problem    TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
