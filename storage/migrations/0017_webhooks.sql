-- Webhooks: events that an operator's own addresses are told of. A row is written in the transaction
-- of what it tells, and leaves once its receiver has taken it.

CREATE TABLE webhook (
    receiver TEXT    PRIMARY KEY,  -- the start of the SHA-256 of its address, which may hold a key
    prompts  INTEGER NOT NULL CHECK (prompts IN (0, 1))  -- whether it is told prompts
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which it happened
    event       TEXT    NOT NULL,   -- its name, the same for each receiver and each try
    receiver    TEXT    NOT NULL,
    topic       TEXT    NOT NULL,   -- 'job:42', 'budget:10': its events are sent in order
    kind        TEXT    NOT NULL,
    user_id     INTEGER,            -- whose texts its body holds; NULL: nobody's
    body        TEXT    NOT NULL CHECK (json_valid(body)),
    at          REAL    NOT NULL,
    tries       INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
    due_at      REAL    NOT NULL,
    given_up_at REAL,               -- its body is gone by then
    UNIQUE (event, receiver)
) STRICT;
CREATE INDEX outbox_due ON outbox (receiver, due_at) WHERE given_up_at IS NULL;
CREATE INDEX outbox_topic ON outbox (receiver, topic, id) WHERE given_up_at IS NULL;
CREATE INDEX outbox_given_up ON outbox (given_up_at) WHERE given_up_at IS NOT NULL;
CREATE INDEX outbox_person ON outbox (user_id) WHERE user_id IS NOT NULL;
