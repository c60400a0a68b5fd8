-- Trouble of the whole deployment: its operator, and moderators, are told of each once, and once more
-- when it is over. No personal data.

CREATE TABLE alert (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given anew: it stands in messages
    kind    TEXT    NOT NULL CHECK (kind <> ''),
    about   TEXT    NOT NULL,                   -- which provider, server or part; '': the deployment
    text    TEXT    NOT NULL CHECK (text <> ''),  -- a sentence, as it was when it began
    at      REAL    NOT NULL,
    over_at REAL,
    CHECK (over_at >= at)
) STRICT;
CREATE UNIQUE INDEX alert_open ON alert (kind, about) WHERE over_at IS NULL;
CREATE INDEX alert_over ON alert (over_at) WHERE over_at IS NOT NULL;

-- The messages about it: one for its beginning and one for its end, in each channel.
CREATE TABLE alert_post (
    alert_id   INTEGER NOT NULL REFERENCES alert (id),
    phase      TEXT    NOT NULL CHECK (phase IN ('began', 'over')),
    channel_id INTEGER NOT NULL,
    tried_at   REAL    NOT NULL,  -- when it was first tried
    message_id INTEGER,           -- NULL: it is not known to be posted
    PRIMARY KEY (alert_id, phase, channel_id)
) STRICT, WITHOUT ROWID;
