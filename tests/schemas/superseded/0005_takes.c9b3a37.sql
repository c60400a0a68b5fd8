-- Takes: finished clips, numbered in their threads, and what people do with them.

CREATE TABLE take (
    job_id    INTEGER PRIMARY KEY REFERENCES job (id),
    place_id  INTEGER NOT NULL,  -- its thread, or the channel where there is none
    number    INTEGER NOT NULL CHECK (number >= 1),
    hidden_by INTEGER,           -- who took it down
    dropped   REAL,              -- when its file made room for newer ones
    UNIQUE (place_id, number)
) STRICT;

-- Which take was made from which; a brief names its parent.
CREATE INDEX job_by_parent ON job (json_extract(brief, '$.parent'))
    WHERE json_extract(brief, '$.parent') IS NOT NULL;

-- Every message that carries a take: what is done to one of them is done to the take.
CREATE TABLE post (
    message_id INTEGER PRIMARY KEY,
    channel_id INTEGER NOT NULL,
    job_id     INTEGER NOT NULL REFERENCES job (id),
    at         REAL    NOT NULL,
    gone       INTEGER NOT NULL DEFAULT 0 CHECK (gone IN (0, 1))  -- deleted on Discord
) STRICT;
CREATE INDEX post_of_job ON post (job_id);
CREATE INDEX post_standing ON post (at) WHERE gone = 0;

CREATE TABLE favourite (
    job_id  INTEGER NOT NULL REFERENCES job (id),
    user_id INTEGER NOT NULL,
    at      REAL    NOT NULL,
    PRIMARY KEY (job_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX favourite_of_user ON favourite (user_id, at);

-- A reviewer says that a take is approved.
CREATE TABLE sign_off (
    job_id  INTEGER NOT NULL REFERENCES job (id),
    user_id INTEGER NOT NULL,
    at      REAL    NOT NULL,
    PRIMARY KEY (job_id, user_id)
) STRICT, WITHOUT ROWID;

-- Settings under a name: a person's, or with user 0 the server's.
CREATE TABLE preset (
    guild_id INTEGER NOT NULL,
    user_id  INTEGER NOT NULL,
    name     TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 40),
    provider TEXT    NOT NULL,
    model    TEXT    NOT NULL,
    brief    TEXT    NOT NULL CHECK (json_valid(brief)),
    at       REAL    NOT NULL,
    PRIMARY KEY (guild_id, user_id, name)
) STRICT, WITHOUT ROWID;

-- Reactions that were acted on. One that is taken back and given again is the next *n*.
CREATE TABLE reaction (
    message_id INTEGER NOT NULL,
    user_id    INTEGER NOT NULL,
    emoji      TEXT    NOT NULL,
    n          INTEGER NOT NULL CHECK (n >= 1),
    stands     INTEGER NOT NULL CHECK (stands IN (0, 1)),
    at         REAL    NOT NULL,
    explained  INTEGER NOT NULL DEFAULT 0 CHECK (explained IN (0, 1)),  -- why it was refused
    PRIMARY KEY (message_id, user_id, emoji)
) STRICT, WITHOUT ROWID;

-- A thread in which takes are made, and the message at its top that lists them.
CREATE TABLE thread (
    id        INTEGER PRIMARY KEY,
    guild_id  INTEGER NOT NULL,
    parent_id INTEGER,
    board_id  INTEGER,
    at        REAL    NOT NULL
) STRICT;

-- What Discord turned out to take as an attachment there, while it says *said*. Bytes.
CREATE TABLE upload_limit (
    guild_id INTEGER PRIMARY KEY,
    said     INTEGER NOT NULL,
    takes    INTEGER NOT NULL CHECK (takes > 0),
    at       REAL    NOT NULL
) STRICT;

-- Where favourites gather, and who may sign takes off.
CREATE TABLE review (
    guild_id   INTEGER PRIMARY KEY,
    channel_id INTEGER,
    role_id    INTEGER
) STRICT;
