-- What can be done about an order that cannot be made as it was asked for, and a minute in which
-- a deleted clip can be brought back.

-- An order that was not taken and may be yet: once a moderator helps, or in another way.
CREATE TABLE refused_anew (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id    INTEGER NOT NULL,
    channel_id  INTEGER NOT NULL,
    user_id     INTEGER NOT NULL,
    why         TEXT    NOT NULL CHECK (why IN ('quota', 'budget', 'confirm', 'unfit')),
    wanted      TEXT    NOT NULL CHECK (json_valid(wanted)),  -- an `Offer`
    fits        TEXT    CHECK (fits IS NULL OR json_valid(fits)),  -- JSON: a list of them
    at          REAL    NOT NULL,
    asked_at    REAL,             -- when the moderators were asked
    answer      TEXT    CHECK (answer IN ('granted', 'denied')),
    answered_by INTEGER,
    CHECK (answer IS NULL OR (asked_at IS NOT NULL AND answered_by IS NOT NULL))
) STRICT;
INSERT INTO refused_anew (id, guild_id, channel_id, user_id, why, wanted, fits, at, asked_at,
                          answer, answered_by)
    SELECT id, guild_id, channel_id, user_id, why, wanted,
        iif(fits IS NULL, NULL, json_array(json(fits))), at, asked_at, answer, answered_by
    FROM refused;
-- Their numbers stand on buttons: none is given a second time.
DELETE FROM sqlite_sequence WHERE name = 'refused_anew';
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'refused_anew', seq FROM sqlite_sequence WHERE name = 'refused';
DROP TABLE refused;
ALTER TABLE refused_anew RENAME TO refused;
CREATE INDEX refused_at ON refused (at);

-- Clips that were deleted a moment ago: the take is hidden and its posts go at once; what is
-- needed to bring them back stays here until the minute is over.
CREATE TABLE removal (
    job_id     INTEGER PRIMARY KEY REFERENCES job (id),
    user_id    INTEGER NOT NULL,  -- who deleted it
    at         REAL    NOT NULL,
    stood      TEXT    NOT NULL CHECK (json_valid(stood)),  -- JSON: the channels it was posted in
    channel_id INTEGER,           -- the message with Undo that everybody reads, if there is one
    message_id INTEGER,
    undone     INTEGER NOT NULL DEFAULT 0 CHECK (undone IN (0, 1))  -- it is to be posted again
) STRICT;
