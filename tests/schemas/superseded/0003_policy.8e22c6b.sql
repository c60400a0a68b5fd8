-- Who may order how much. What nobody has set is not here; the deployment's defaults apply.

CREATE TABLE clock (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    mark REAL NOT NULL
) STRICT;

CREATE TABLE server (
    guild_id        INTEGER PRIMARY KEY,
    zone            TEXT,     -- of the calendar its limits follow
    jobs_per_user   INTEGER,  -- at once
    jobs_per_server INTEGER,
    per_minute      REAL,     -- orders of one person
    burst           INTEGER,
    paused          TEXT,     -- why nobody may order
    budget_open     TEXT,     -- a moderator let orders pass the budget: the period's first day
    CHECK (jobs_per_user >= 0 AND jobs_per_server >= 0 AND per_minute > 0 AND burst >= 1)
) STRICT;

-- amount NULL: no limit.
CREATE TABLE rule (
    guild_id INTEGER NOT NULL,
    whose    TEXT    NOT NULL,
    target   INTEGER NOT NULL,  -- the user's or the role's id; 0 for all members and for the server
    amount   INTEGER,
    period   TEXT    NOT NULL,
    PRIMARY KEY (guild_id, whose, target),
    CHECK (whose IN ('user', 'role', 'member', 'server')),
    CHECK ((whose IN ('member', 'server')) = (target = 0)),
    CHECK (amount BETWEEN 0 AND 1000000000),
    CHECK (period IN ('day', 'week', 'month'))
) STRICT, WITHOUT ROWID;

-- What is left of one is on the account grant:<id>.
CREATE TABLE allowance (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id   INTEGER NOT NULL,
    user_id    INTEGER NOT NULL,
    amount     INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 1000000000),
    expires_at REAL,
    at         REAL    NOT NULL
) STRICT;
CREATE INDEX allowance_of_user ON allowance (guild_id, user_id);

CREATE TABLE block (
    guild_id INTEGER NOT NULL,
    user_id  INTEGER NOT NULL,
    why      TEXT    NOT NULL,
    until    REAL,
    PRIMARY KEY (guild_id, user_id)
) STRICT, WITHOUT ROWID;

-- GCRA: when the orders a person made so far are all paid for at the allowed pace.
CREATE TABLE pace (
    guild_id INTEGER NOT NULL,
    user_id  INTEGER NOT NULL,
    paid_at  REAL    NOT NULL,
    PRIMARY KEY (guild_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_at_work ON job (guild_id, user_id)
    WHERE state IN ('queued', 'submitting', 'rendering', 'fetching', 'delivering');

-- Which share of the budget the moderators were told of, for the period beginning that day.
CREATE TABLE alarm (
    guild_id INTEGER NOT NULL,
    day      TEXT    NOT NULL,
    percent  INTEGER NOT NULL,
    PRIMARY KEY (guild_id, day, percent)
) STRICT, WITHOUT ROWID;

-- Who changed what, when and why. Persons are numbers of `person`, who can be forgotten.
CREATE TABLE audit (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    guild_id  INTEGER NOT NULL,
    actor     INTEGER NOT NULL REFERENCES person (id),
    what      TEXT    NOT NULL,
    person_id INTEGER REFERENCES person (id),  -- whom it was done to
    role_id   INTEGER,
    before    TEXT    CHECK (json_valid(before)),
    after     TEXT    CHECK (json_valid(after)),
    why       TEXT    NOT NULL,
    at        REAL    NOT NULL
) STRICT;
CREATE INDEX audit_of_guild ON audit (guild_id);
CREATE TRIGGER audit_update BEFORE UPDATE ON audit BEGIN
    SELECT RAISE (ABORT, 'audit is append-only');
END;
CREATE TRIGGER audit_delete BEFORE DELETE ON audit BEGIN
    SELECT RAISE (ABORT, 'audit is append-only');
END;
