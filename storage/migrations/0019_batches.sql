-- Batches: up to four clips that one order makes. They are decided, shown and posted together; each
-- is a job of its own, with its own price and its own end.

ALTER TABLE job ADD COLUMN batch INTEGER REFERENCES job (id);  -- its first job; NULL: ordered alone
ALTER TABLE job ADD COLUMN batch_place INTEGER                 -- 1 to 4: the number on the sheet
    CHECK (batch_place BETWEEN 1 AND 4)
    CHECK ((batch IS NULL) = (batch_place IS NULL))
    CHECK (batch_place <> 1 OR batch = id);
CREATE UNIQUE INDEX job_of_batch ON job (batch, batch_place) WHERE batch IS NOT NULL;
CREATE TRIGGER job_batch_stays BEFORE UPDATE OF batch, batch_place ON job
WHEN OLD.batch IS NOT NULL BEGIN
    SELECT RAISE (ABORT, 'the batch of a job never changes');
END;

-- The one message that says what became of a batch: a contact sheet of what was made, or bad news.
CREATE TABLE sheet (
    batch      INTEGER PRIMARY KEY REFERENCES job (id),
    takes      TEXT    NOT NULL CHECK (json_valid(takes)),  -- the jobs that it shows; '[]': none
    at         REAL    NOT NULL,                            -- when that was decided, for good
    tried      INTEGER NOT NULL DEFAULT 0 CHECK (tried IN (0, 1)),  -- it may have been posted
    message_id INTEGER                                      -- NULL: it is not known to be posted
) STRICT;

ALTER TABLE post ADD COLUMN batch INTEGER REFERENCES job (id);  -- it is that batch's contact sheet
CREATE INDEX post_of_batch ON post (batch) WHERE batch IS NOT NULL;
