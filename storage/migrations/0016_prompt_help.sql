-- Help with prompts: what was suggested, who agreed to have theirs sent to the operator's endpoint,
-- and how much of it was used today.

CREATE TABLE prompt_draft (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given anew: it stands on buttons
    guild_id INTEGER NOT NULL,
    user_id  INTEGER NOT NULL,
    brief    TEXT    NOT NULL CHECK (json_valid(brief)),  -- what was asked for, with its prompt
    provider TEXT,
    model    TEXT,
    link     TEXT    NOT NULL,  -- to the picture or sound that it starts from; '' for none
    proposal TEXT    NOT NULL,
    at       REAL    NOT NULL
) STRICT;
CREATE INDEX prompt_draft_person ON prompt_draft (user_id, id);
CREATE INDEX prompt_draft_age ON prompt_draft (at);

CREATE TABLE prompt_consent (
    user_id  INTEGER PRIMARY KEY,
    receiver TEXT    NOT NULL,  -- who was named when the person agreed
    at       REAL    NOT NULL
) STRICT;

CREATE TABLE prompt_use (
    day      TEXT    NOT NULL,  -- of the deployment's calendar
    guild_id INTEGER NOT NULL,
    user_id  INTEGER NOT NULL,
    sent     INTEGER NOT NULL CHECK (sent >= 0),
    PRIMARY KEY (day, guild_id, user_id)
) STRICT, WITHOUT ROWID;
