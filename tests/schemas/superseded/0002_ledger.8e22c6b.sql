-- The ledger: whole credits, moved between accounts and never made or lost.

-- Whom a number in the ledger stands for. The ledger outlives a deletion; this row does not.
CREATE TABLE person (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER UNIQUE
) STRICT;

-- pool:G       where quotas come from, so it is below zero by what they have paid
-- house:G      pays what no member is to pay
-- grant:N      what is left of a grant
-- held:G:P     reserved for jobs under way
-- spent:G:P    captured
-- lost:G       billed by a provider although the person pays nothing
-- suspense:G   may have been billed; nobody knows yet
CREATE TABLE account (
    name    TEXT    PRIMARY KEY,
    balance INTEGER NOT NULL DEFAULT 0,
    CHECK (balance >= 0 OR name GLOB 'pool:*' OR name GLOB 'house:*')
) STRICT, WITHOUT ROWID;

CREATE TABLE txn (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    kind      TEXT    NOT NULL,
    guild_id  INTEGER NOT NULL,
    person_id INTEGER NOT NULL REFERENCES person (id),
    job_id    INTEGER REFERENCES job (id),
    attempt   INTEGER,
    grant_id  INTEGER,
    day       TEXT,    -- the server's date when the job was ordered: what limits count it under
    at        REAL NOT NULL,
    CHECK (kind IN ('reserve', 'capture', 'release', 'close', 'suspense', 'clear', 'grant')),
    CHECK ((kind = 'grant') = (job_id IS NULL)),
    CHECK ((kind = 'grant') = (grant_id IS NOT NULL)),
    CHECK ((kind = 'grant') = (day IS NULL)),
    CHECK ((kind IN ('suspense', 'clear')) = (attempt IS NOT NULL))
) STRICT;

-- Once a job: one reserve, one end. Once an attempt: one suspense, and one end of that.
CREATE UNIQUE INDEX txn_reserve ON txn (job_id) WHERE kind = 'reserve';
CREATE UNIQUE INDEX txn_settle ON txn (job_id) WHERE kind IN ('capture', 'release', 'close');
CREATE UNIQUE INDEX txn_suspense ON txn (job_id, attempt) WHERE kind = 'suspense';
CREATE UNIQUE INDEX txn_clear ON txn (job_id, attempt) WHERE kind = 'clear';
CREATE UNIQUE INDEX txn_grant ON txn (grant_id) WHERE kind = 'grant';

-- A row takes from one account what it gives to another, so that nothing can ever not balance.
CREATE TABLE transfer (
    txn_id INTEGER NOT NULL REFERENCES txn (id),
    source TEXT    NOT NULL REFERENCES account (name),
    target TEXT    NOT NULL REFERENCES account (name),
    amount INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 1000000000000),
    PRIMARY KEY (txn_id, source, target),
    CHECK (source <> target)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER transfer_accounts BEFORE INSERT ON transfer BEGIN
    INSERT INTO account (name) VALUES (NEW.source) ON CONFLICT DO NOTHING;
    INSERT INTO account (name) VALUES (NEW.target) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER transfer_balances AFTER INSERT ON transfer BEGIN
    UPDATE account SET balance = balance - NEW.amount WHERE name = NEW.source;
    UPDATE account SET balance = balance + NEW.amount WHERE name = NEW.target;
END;

CREATE TRIGGER txn_update BEFORE UPDATE ON txn BEGIN
    SELECT RAISE (ABORT, 'the ledger is append-only');
END;
CREATE TRIGGER txn_delete BEFORE DELETE ON txn BEGIN
    SELECT RAISE (ABORT, 'the ledger is append-only');
END;
CREATE TRIGGER transfer_update BEFORE UPDATE ON transfer BEGIN
    SELECT RAISE (ABORT, 'the ledger is append-only');
END;
CREATE TRIGGER transfer_delete BEFORE DELETE ON transfer BEGIN
    SELECT RAISE (ABORT, 'the ledger is append-only');
END;
CREATE TRIGGER account_delete BEFORE DELETE ON account BEGIN
    SELECT RAISE (ABORT, 'the ledger is append-only');
END;

-- What was used on a day of the server's, kept beside the ledger so that no limit has to add
-- up history. Person 0 is the server as a whole: its total also counts what is lost or in
-- suspense.
CREATE TABLE day_use (
    guild_id  INTEGER NOT NULL,
    person_id INTEGER NOT NULL,
    day       TEXT    NOT NULL,
    quota     INTEGER NOT NULL DEFAULT 0,  -- held or spent, paid by the quota
    total     INTEGER NOT NULL DEFAULT 0,  -- held or spent, grants included
    forgiven  INTEGER NOT NULL DEFAULT 0,  -- of the quota, by a moderator's reset
    PRIMARY KEY (guild_id, person_id, day),
    CHECK (forgiven BETWEEN 0 AND quota AND total >= 0)
) STRICT, WITHOUT ROWID;
