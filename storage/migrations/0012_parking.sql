-- Jobs that came to wait for a person, and clips that could not be posted: moderators are told of
-- each once, and what became of it is written there.

CREATE TABLE parking (
    job_id     INTEGER NOT NULL REFERENCES job (id),
    rev        INTEGER NOT NULL,  -- the job's, when it came to wait
    state      TEXT    NOT NULL CHECK (state IN ('unclear', 'review', 'undelivered')),
    at         REAL    NOT NULL,
    channel_id INTEGER,           -- where moderators were told
    message_id INTEGER,           -- NULL: they have yet to be told
    over       INTEGER NOT NULL DEFAULT 0 CHECK (over IN (0, 1)),  -- nothing is left to be told
    PRIMARY KEY (job_id, rev),
    CHECK ((channel_id IS NULL) = (message_id IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX parking_open ON parking (at) WHERE over = 0;

-- Written with the move itself, so that no stop comes between.
CREATE TRIGGER parking_begins AFTER INSERT ON event
WHEN NEW.to_state IN ('unclear', 'review', 'undelivered') BEGIN
    INSERT INTO parking (job_id, rev, state, at)
        VALUES (NEW.job_id, NEW.rev, NEW.to_state, NEW.at);
END;

INSERT INTO parking (job_id, rev, state, at)
    SELECT event.job_id, max(event.rev), job.state, job.since
    FROM job JOIN event ON event.job_id = job.id AND to_state = job.state
    WHERE job.state IN ('unclear', 'review') GROUP BY job.id;
