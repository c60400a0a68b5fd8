-- How a server wants to work, which words it does not, and what its people ask moderators for.

ALTER TABLE server ADD COLUMN moderators INTEGER;        -- the channel that asks them
ALTER TABLE server ADD COLUMN channels TEXT;             -- JSON: where orders are taken; []: all
ALTER TABLE server ADD COLUMN provider TEXT;             -- what an order uses that names none
ALTER TABLE server ADD COLUMN model TEXT;
ALTER TABLE server ADD COLUMN channel_models TEXT;       -- JSON: {channel: [provider, model]}
ALTER TABLE server ADD COLUMN providers_off TEXT;        -- JSON: names
ALTER TABLE server ADD COLUMN changed_by TEXT            -- who may retake or extend a clip
    CHECK (changed_by IN ('anyone', 'requester', 'moderators'));
ALTER TABLE server ADD COLUMN slow_lane INTEGER CHECK (slow_lane IN (0, 1));
ALTER TABLE server ADD COLUMN priority_roles TEXT;       -- JSON: role ids
ALTER TABLE server ADD COLUMN confirm_above INTEGER CHECK (confirm_above >= 0);

-- Who goes first where a provider is full; within a lane people take turns.
ALTER TABLE job ADD COLUMN lane TEXT NOT NULL DEFAULT 'fair'
    CHECK (lane IN ('front', 'priority', 'fair', 'slow'));

CREATE INDEX txn_of_day ON txn (guild_id, day);

-- Prompts that hold this are refused.
CREATE TABLE prompt_rule (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id INTEGER NOT NULL,
    kind     TEXT    NOT NULL CHECK (kind IN ('word', 'pattern')),
    text     TEXT    NOT NULL CHECK (length(text) BETWEEN 1 AND 200),
    at       REAL    NOT NULL,
    UNIQUE (guild_id, kind, text)
) STRICT;

-- Who met a rule, where and when. The prompt itself is not kept.
CREATE TABLE prompt_hit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id   INTEGER NOT NULL,
    person_id  INTEGER NOT NULL REFERENCES person (id),
    channel_id INTEGER NOT NULL,
    rule       TEXT    NOT NULL,  -- its text as it was: the rule may be removed since
    at         REAL    NOT NULL
) STRICT;
CREATE INDEX prompt_hit_of_guild ON prompt_hit (guild_id);

-- An order that was not taken and may be yet: for less, or once a moderator helps.
CREATE TABLE refused (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id    INTEGER NOT NULL,
    channel_id  INTEGER NOT NULL,
    user_id     INTEGER NOT NULL,
    why         TEXT    NOT NULL CHECK (why IN ('quota', 'budget', 'confirm')),
    wanted      TEXT    NOT NULL CHECK (json_valid(wanted)),  -- an `Offer`
    fits        TEXT    CHECK (fits IS NULL OR json_valid(fits)),
    at          REAL    NOT NULL,
    asked_at    REAL,             -- when the moderators were asked
    answer      TEXT    CHECK (answer IN ('granted', 'denied')),
    answered_by INTEGER,
    CHECK (answer IS NULL OR (asked_at IS NOT NULL AND answered_by IS NOT NULL))
) STRICT;
CREATE INDEX refused_at ON refused (at);

-- People who asked to be forgotten and whom limits must know until this moment.
CREATE TABLE leaving (
    user_id INTEGER PRIMARY KEY,
    until   REAL    NOT NULL
) STRICT;
