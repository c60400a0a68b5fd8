-- This file is a copy of an earlier time: the world went on, and knows more than it does.
-- A backup holds a row that nobody has acted on; the first start acts on it, however the file came
-- to be in the data directory.
CREATE TABLE restoration (
    id        INTEGER PRIMARY KEY,
    taken_at  REAL    NOT NULL,            -- when the copy was made, by the wall clock
    began_at  REAL,                        -- when a start acted on it
    last_job  INTEGER,                     -- the highest number that was known then
    read_back INTEGER NOT NULL DEFAULT 0,  -- 1: what people had done under clips was looked at
    CHECK ((began_at IS NULL) = (last_job IS NULL)),
    CHECK (read_back IN (0, 1))
) STRICT;
