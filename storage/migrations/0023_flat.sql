-- What is asked for often costs the same, however long the history is.

-- A callback names an attempt; only one that is under way, or was given up, may be called back about.
CREATE INDEX job_by_token ON job (token)
    WHERE token IS NOT NULL AND state IN ('submitting', 'unclear', 'rendering', 'expired');

-- What nobody knows to be billed, of which there is little.
CREATE INDEX transfer_suspense ON transfer (target) WHERE target LIKE 'suspense:%';

-- A person's days are found without those of the others.
DROP INDEX txn_of_day;
CREATE INDEX txn_of_day ON txn (guild_id, day, person_id);

-- What moderators are told each day.
CREATE INDEX job_unmade ON job (guild_id, since) WHERE state IN ('failed', 'expired', 'closed');
CREATE INDEX audit_withdrawn ON audit (guild_id, at) WHERE what = 'withdraw';

-- How far the books were looked at and found right: a start goes on from there.
CREATE TABLE checked (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    event    INTEGER NOT NULL,  -- the last one that was looked at
    txn      INTEGER NOT NULL,  -- likewise
    whole_at REAL    NOT NULL   -- when all of history was looked at
) STRICT;
ALTER TABLE account ADD COLUMN checked INTEGER;  -- its balance then; NULL: it is new since

-- Ended jobs whose link to their clip is still known; it dies with what its provider keeps.
CREATE INDEX job_linked ON job (since) WHERE result_url IS NOT NULL
    AND state IN ('done', 'undelivered', 'failed', 'cancelled', 'expired', 'closed');
