-- An order costs fewer statements. What the database holds of the books stays as it was.

-- Both accounts in one step, and before the row that names them: after it, SQLite would look through
-- all of history for rows that miss a new account. A row that is not going to stand moves nothing.
-- A new account begins with what it gives, so that only those that may be below zero can begin so;
-- an UPSERT asks the CHECKs of the row that it would add.
DROP TRIGGER transfer_accounts;
DROP TRIGGER transfer_balances;
DROP TRIGGER transfer_counts;
CREATE TRIGGER transfer_books BEFORE INSERT ON transfer
WHEN NEW.amount BETWEEN 1 AND 1000000000000 AND NEW.source <> NEW.target AND NOT EXISTS (
    SELECT 1 FROM transfer
    WHERE txn_id = NEW.txn_id AND source = NEW.source AND target = NEW.target
) BEGIN
    INSERT INTO account (name, balance) VALUES
        (NEW.source, CASE WHEN EXISTS (SELECT 1 FROM account WHERE name = NEW.source)
                          THEN 0 ELSE -NEW.amount END),
        (NEW.target, NEW.amount)
    ON CONFLICT (name) DO UPDATE SET
        balance = balance + CASE name WHEN NEW.source THEN -NEW.amount ELSE NEW.amount END;

    -- What comes to be used of the quarter of an hour in which its job was ordered, or is no more.
    INSERT INTO quarter_use (quarter, total)
        SELECT CAST(reserved.at / 900 AS INTEGER), CASE
            WHEN NEW.target NOT LIKE 'pool:%' AND NEW.target NOT LIKE 'house:%'
                AND NEW.target NOT LIKE 'grant:%' THEN NEW.amount
            WHEN EXISTS (SELECT 1 FROM quarter_use
                         WHERE quarter = CAST(reserved.at / 900 AS INTEGER)) THEN 0
            ELSE -NEW.amount
        END
        FROM txn JOIN txn AS reserved ON reserved.job_id = txn.job_id AND reserved.kind = 'reserve'
        WHERE txn.id = NEW.txn_id
        AND (NEW.target LIKE 'held:%' OR NEW.target LIKE 'spent:%'
             OR NEW.target LIKE 'lost:%' OR NEW.target LIKE 'suspense:%')
         <> (NEW.source LIKE 'held:%' OR NEW.source LIKE 'spent:%'
             OR NEW.source LIKE 'lost:%' OR NEW.source LIKE 'suspense:%')
    ON CONFLICT (quarter) DO UPDATE SET total = total + CASE
        WHEN NEW.target LIKE 'pool:%' OR NEW.target LIKE 'house:%' OR NEW.target LIKE 'grant:%'
        THEN -NEW.amount ELSE NEW.amount
    END;
END;

-- The same rules with one look at the job and one at its last event.
DROP TRIGGER event_follows;
CREATE TRIGGER event_follows BEFORE INSERT ON event
WHEN NOT EXISTS (
        SELECT 1 FROM job WHERE id = NEW.job_id AND rev = NEW.rev AND state = NEW.to_state
    )
    OR coalesce((
        SELECT to_state <> coalesce(NEW.from_state, '') OR rev >= NEW.rev FROM event
        WHERE job_id = NEW.job_id ORDER BY rev DESC LIMIT 1
    ), NEW.from_state IS NOT NULL)
BEGIN
    SELECT RAISE (ABORT, 'an event says where its job went from where it was');
END;

-- Asked where a job moves: one that is ordered never waits for a person.
DROP TRIGGER parking_begins;
CREATE TRIGGER parking_begins AFTER UPDATE OF state ON job
WHEN NEW.state IN ('unclear', 'review', 'undelivered') AND NEW.state <> OLD.state BEGIN
    INSERT INTO parking (job_id, rev, state, at) VALUES (NEW.id, NEW.rev, NEW.state, NEW.since);
END;

-- Most briefs start from no file.
DROP TRIGGER needed_by_new;
CREATE TRIGGER needed_by_new AFTER INSERT ON job
WHEN NEW.file IS NOT NULL OR instr(NEW.brief, '"file"') > 0 BEGIN
    INSERT OR IGNORE INTO needed (file, job_id)
        SELECT NEW.file, NEW.id WHERE NEW.file IS NOT NULL
        UNION SELECT value, NEW.id FROM json_tree(NEW.brief) WHERE key = 'file' AND type = 'text';
END;

-- The words of new jobs are indexed many at a time: one by one, each is a piece of the index that
-- has to be merged. Up to which job that is done stands here.
DROP TRIGGER clip_words_of_new;
CREATE TABLE words_upto (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    job_id INTEGER NOT NULL
) STRICT;
INSERT INTO words_upto (id, job_id) SELECT 1, coalesce(max(id), 0) FROM job;
