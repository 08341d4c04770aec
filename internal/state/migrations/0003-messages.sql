-- Messages to people until they are delivered, and for a while after that. What
-- an item says is opaque here.
DROP TABLE notices;

CREATE TABLE messages (
	key      TEXT PRIMARY KEY,
	receiver TEXT NOT NULL,
	incident INTEGER NOT NULL, -- its number
	due_ns   INTEGER NOT NULL, -- Unix time in nanoseconds
	sent_ns  INTEGER NOT NULL, -- 0: it was not
	waits    INTEGER NOT NULL, -- 1: it is still to be sent
	made_ns  INTEGER NOT NULL,
	item     TEXT NOT NULL     -- JSON
) STRICT, WITHOUT ROWID;

CREATE INDEX messages_by_due ON messages (waits, due_ns);
CREATE INDEX messages_by_incident ON messages (incident);

-- When a segment was written: a line whose clock was wrong is as old as that.
ALTER TABLE segments ADD COLUMN written_ns INTEGER NOT NULL DEFAULT 0;
