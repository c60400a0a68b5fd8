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
CREATE INDEX txn_reserved_at ON txn (at) WHERE kind = 'reserve';

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
