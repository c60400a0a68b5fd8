-- Jobs, and every move they ever made. Times are seconds since 1970.

CREATE TABLE job (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,  -- the public number; never given twice
    request         TEXT    NOT NULL UNIQUE,            -- what asked for it; the same twice is one job
    guild_id        INTEGER NOT NULL,
    channel_id      INTEGER NOT NULL,
    user_id         INTEGER NOT NULL,
    provider        TEXT    NOT NULL,
    model           TEXT    NOT NULL,
    brief           TEXT    NOT NULL,                   -- Brief.to_json
    price           INTEGER NOT NULL,                   -- credits
    created_at      REAL    NOT NULL,

    state           TEXT    NOT NULL,
    rev             INTEGER NOT NULL,                   -- grows by one with every save
    due_at          REAL,
    since           REAL    NOT NULL,
    tries           INTEGER NOT NULL,
    attempt         INTEGER NOT NULL,
    token           TEXT,
    remote_id       TEXT,
    cost            REAL,
    result_url      TEXT,
    file            TEXT,
    failure         TEXT,
    error           TEXT,
    billed          TEXT    NOT NULL,
    cancelled_by    INTEGER,

    thread_id       INTEGER,
    card_channel_id INTEGER,
    card_id         INTEGER,
    result_id       INTEGER,

    CHECK (state IN ('queued', 'submitting', 'unclear', 'rendering', 'fetching', 'delivering',
                     'review', 'done', 'undelivered', 'failed', 'cancelled', 'expired', 'closed')),
    -- What the worker is to move has a time to do it. An ended job has one until it was told.
    CHECK (state NOT IN ('queued', 'submitting', 'rendering', 'fetching', 'delivering')
           OR due_at IS NOT NULL),
    -- Nothing goes wrong without a sentence for the person.
    CHECK (state NOT IN ('failed', 'expired', 'unclear', 'review') OR error IS NOT NULL),
    -- The intention to spend is named before anything is sent.
    CHECK (state <> 'submitting' OR (attempt >= 1 AND token IS NOT NULL)),
    CHECK (state <> 'rendering' OR remote_id IS NOT NULL),
    CHECK (state <> 'fetching' OR remote_id IS NOT NULL OR result_url IS NOT NULL
           OR file IS NOT NULL),
    CHECK (state <> 'delivering' OR file IS NOT NULL),
    CHECK (json_valid(brief) AND json_type(brief, '$.mode') IS 'text'),
    CHECK (request <> '' AND provider <> '' AND model <> ''),
    CHECK (price >= 0 AND rev >= 0 AND tries >= 0 AND attempt >= 0),
    CHECK (cost IS NULL OR cost >= 0),
    CHECK (billed IN ('no', 'yes', 'unknown'))
) STRICT;

CREATE INDEX job_due ON job (due_at, provider, state) WHERE due_at IS NOT NULL;
CREATE INDEX job_live ON job (provider, state, guild_id, user_id)
    WHERE state NOT IN ('done', 'undelivered', 'failed', 'cancelled', 'expired', 'closed');
CREATE INDEX job_queue ON job (provider, id) WHERE state = 'queued';
CREATE INDEX job_of_user ON job (user_id, id);
CREATE INDEX job_of_guild ON job (guild_id, id);
CREATE INDEX job_of_model ON job (provider, model, id);
CREATE INDEX job_in_thread ON job (thread_id, id) WHERE thread_id IS NOT NULL;
CREATE INDEX job_by_card ON job (card_id) WHERE card_id IS NOT NULL;
CREATE INDEX job_by_result ON job (result_id) WHERE result_id IS NOT NULL;
-- Two jobs waiting for one clip of a provider's would mean that one was billed for nothing.
CREATE UNIQUE INDEX job_by_remote ON job (provider, remote_id)
    WHERE remote_id IS NOT NULL AND state IN ('rendering', 'fetching');

CREATE TRIGGER job_terms BEFORE UPDATE OF guild_id, price, created_at ON job BEGIN
    SELECT RAISE (ABORT, 'the terms of a job never change');
END;

-- One row for each move, written with it. No personal data: it outlives a deletion.
CREATE TABLE event (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id     INTEGER NOT NULL REFERENCES job (id),
    rev        INTEGER NOT NULL,  -- the job's, after the move
    from_state TEXT,              -- NULL: it was accepted
    to_state   TEXT    NOT NULL,
    why        TEXT    NOT NULL,
    at         REAL    NOT NULL,
    UNIQUE (job_id, rev),
    CHECK (from_state IS NULL OR from_state <> to_state)
) STRICT;

CREATE TRIGGER event_update BEFORE UPDATE ON event BEGIN
    SELECT RAISE (ABORT, 'event is append-only');
END;
CREATE TRIGGER event_delete BEFORE DELETE ON event BEGIN
    SELECT RAISE (ABORT, 'event is append-only');
END;
