-- What a moderator has to know of a clip, beside how it ended.

-- Submits that the provider answered with "not now" and that were sent again. By its document none
-- of them was taken; one that was is paid for besides.
ALTER TABLE job ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0 CHECK (repeats >= 0);

-- What moderators are to be told of a job, once each. No personal data: it outlives a deletion.
CREATE TABLE incident (
    job_id INTEGER NOT NULL REFERENCES job (id),
    kind   TEXT    NOT NULL,
    text   TEXT    NOT NULL,  -- a sentence
    at     REAL    NOT NULL,
    told   INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1)),
    PRIMARY KEY (job_id, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_untold ON incident (at) WHERE told = 0;

-- An ended job stays ended, but for two: what was not posted may be posted, and what was given up
-- may come late from the provider that took it.
DROP TRIGGER job_ended;
CREATE TRIGGER job_ended BEFORE UPDATE OF state ON job
WHEN OLD.state IN ('done', 'undelivered', 'failed', 'cancelled', 'expired', 'closed')
    AND NEW.state <> OLD.state
    AND NOT (OLD.state = 'undelivered' AND NEW.state = 'delivering')
    AND NOT (OLD.state = 'expired' AND NEW.state = 'fetching' AND NEW.remote_id IS NOT NULL)
BEGIN
    SELECT RAISE (ABORT, 'a job that has ended stays ended');
END;
