-- What servers and their people choose about being told: threads, pings, a daily digest; and which
-- servers were greeted.

ALTER TABLE server ADD COLUMN threads INTEGER      -- 0: clips are posted in the channel itself
    CHECK (threads IN (0, 1));
ALTER TABLE server ADD COLUMN digest_hour INTEGER  -- of the server's day; NULL: no digest
    CHECK (digest_hour BETWEEN 0 AND 23);

-- How somebody hears of their clips in a server; who is mentioned, as everybody is at first, has
-- no row.
CREATE TABLE ping (
    guild_id INTEGER NOT NULL,
    user_id  INTEGER NOT NULL,
    how      TEXT    NOT NULL CHECK (how IN ('dm', 'none')),
    PRIMARY KEY (guild_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX ping_of_user ON ping (user_id);

-- The servers that we were in: none is greeted twice.
CREATE TABLE greeting (
    guild_id INTEGER PRIMARY KEY,
    at       REAL    NOT NULL,                       -- when we were seen to be there
    due      INTEGER NOT NULL CHECK (due IN (0, 1))  -- it has yet to be greeted
) STRICT;

-- The digests that moderators got, or are to get, by the server's own days.
CREATE TABLE digest (
    guild_id   INTEGER NOT NULL,
    day        TEXT    NOT NULL,  -- on which it is posted; it is about the day before
    at         REAL    NOT NULL,  -- when it was first tried
    over       INTEGER NOT NULL DEFAULT 0 CHECK (over IN (0, 1)),  -- it stands there, or is left out
    PRIMARY KEY (guild_id, day)
) STRICT, WITHOUT ROWID;
