-- When Dailies did not run, as far as the wall clock told at the start after it.
CREATE TABLE gap (
    began REAL PRIMARY KEY,  -- the mark that the start found
    ended REAL NOT NULL,     -- when it began
    CHECK (began < ended)
) STRICT, WITHOUT ROWID;

-- What orders of a quarter of an hour hold, spent, lost or have in suspense in all servers
-- together, as `day_use` has it for each by its own calendar. No zone's day begins within one.
CREATE TABLE quarter_use (
    quarter INTEGER PRIMARY KEY,  -- of when it was ordered: seconds since 1970 / 900
    total   INTEGER NOT NULL DEFAULT 0 CHECK (total >= 0)
) STRICT;

CREATE INDEX txn_of_job ON txn (job_id) WHERE job_id IS NOT NULL;

INSERT INTO quarter_use (quarter, total)
    SELECT CAST(reserved.at / 900 AS INTEGER), sum(
        amount * ((target GLOB 'held:*' OR target GLOB 'spent:*'
                   OR target GLOB 'lost:*' OR target GLOB 'suspense:*')
                - (source GLOB 'held:*' OR source GLOB 'spent:*'
                   OR source GLOB 'lost:*' OR source GLOB 'suspense:*'))
    )
    FROM transfer JOIN txn ON txn.id = txn_id
    JOIN txn AS reserved ON reserved.job_id = txn.job_id AND reserved.kind = 'reserve'
    GROUP BY 1;

CREATE TRIGGER transfer_counts AFTER INSERT ON transfer
WHEN (NEW.target GLOB 'held:*' OR NEW.target GLOB 'spent:*'
      OR NEW.target GLOB 'lost:*' OR NEW.target GLOB 'suspense:*')
  <> (NEW.source GLOB 'held:*' OR NEW.source GLOB 'spent:*'
      OR NEW.source GLOB 'lost:*' OR NEW.source GLOB 'suspense:*')
BEGIN
    INSERT OR IGNORE INTO quarter_use (quarter)
        SELECT CAST(reserved.at / 900 AS INTEGER) FROM txn
        JOIN txn AS reserved ON reserved.job_id = txn.job_id AND reserved.kind = 'reserve'
        WHERE txn.id = NEW.txn_id;
    UPDATE quarter_use
    SET total = total + iif(NEW.target GLOB 'pool:*' OR NEW.target GLOB 'house:*'
                            OR NEW.target GLOB 'grant:*', -NEW.amount, NEW.amount)
    WHERE quarter = (
        SELECT CAST(reserved.at / 900 AS INTEGER) FROM txn
        JOIN txn AS reserved ON reserved.job_id = txn.job_id AND reserved.kind = 'reserve'
        WHERE txn.id = NEW.txn_id
    );
END;

-- For the checks.
CREATE INDEX day_use_of_day ON day_use (guild_id, day);
CREATE INDEX txn_quarter ON txn (CAST(at / 900 AS INTEGER)) WHERE kind = 'reserve';

-- What no bug may do to a job.
CREATE TRIGGER job_rev BEFORE UPDATE OF rev, state ON job
WHEN NEW.rev NOT IN (OLD.rev, OLD.rev + 1) OR (NEW.state <> OLD.state AND NEW.rev = OLD.rev) BEGIN
    SELECT RAISE (ABORT, 'a job goes from one revision to the next');
END;
CREATE TRIGGER job_ended BEFORE UPDATE OF state ON job
WHEN OLD.state IN ('done', 'undelivered', 'failed', 'cancelled', 'expired', 'closed')
    AND NEW.state <> OLD.state AND NOT (OLD.state = 'undelivered' AND NEW.state = 'delivering')
BEGIN
    SELECT RAISE (ABORT, 'a job that has ended stays ended');
END;
CREATE TRIGGER job_done BEFORE UPDATE OF state ON job
WHEN NEW.state = 'done' AND OLD.state <> 'done' AND NEW.result_id IS NULL BEGIN
    SELECT RAISE (ABORT, 'a job is done when a message carries its clip');
END;
-- Before anything is sent: what a provider took, or may have taken, is ordered anew by people only.
CREATE TRIGGER job_sent_again BEFORE UPDATE OF state ON job
WHEN NEW.state = 'submitting' AND OLD.state <> 'submitting' AND (
    SELECT sum(from_state = 'submitting' AND to_state IN ('rendering', 'fetching', 'unclear'))
         > sum(from_state IN ('unclear', 'review') AND to_state = 'queued')
    FROM event WHERE job_id = NEW.id
) BEGIN
    SELECT RAISE (ABORT, 'a provider may have taken this job, and nobody asked for another try');
END;
CREATE TRIGGER event_follows BEFORE INSERT ON event
WHEN NEW.from_state IS NOT (
        SELECT to_state FROM event WHERE job_id = NEW.job_id ORDER BY rev DESC LIMIT 1
    )
    OR NEW.rev <= (SELECT max(rev) FROM event WHERE job_id = NEW.job_id)
    OR (NEW.rev, NEW.to_state) IS NOT (SELECT rev, state FROM job WHERE id = NEW.job_id)
BEGIN
    SELECT RAISE (ABORT, 'an event says where its job went from where it was');
END;

-- Clips for which a provider billed more than their price, until moderators were told.
CREATE TABLE overrun (
    job_id INTEGER PRIMARY KEY REFERENCES job (id),
    amount INTEGER NOT NULL,                               -- credits, above the price
    told   INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1))
) STRICT;
CREATE INDEX overrun_untold ON overrun (job_id) WHERE told = 0;

CREATE TRIGGER transfer_overruns AFTER INSERT ON transfer WHEN NEW.target GLOB 'lost:*' BEGIN
    INSERT OR IGNORE INTO overrun (job_id, amount)
        SELECT job_id, NEW.amount FROM txn WHERE id = NEW.txn_id AND kind = 'capture';
END;
