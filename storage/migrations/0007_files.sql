-- Which files a job names, and what of them lies in the bucket. Files are named relative to the
-- data directory.

-- Kept by the triggers below: what a job made, and what its brief starts from.
CREATE TABLE needed (
    file   TEXT    NOT NULL,
    job_id INTEGER NOT NULL REFERENCES job (id),
    PRIMARY KEY (file, job_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX needed_by ON needed (job_id);

INSERT OR IGNORE INTO needed (file, job_id) SELECT file, id FROM job WHERE file IS NOT NULL;
INSERT OR IGNORE INTO needed (file, job_id)
    SELECT named.value, job.id FROM job, json_tree(job.brief) AS named
    WHERE named.key = 'file' AND named.type = 'text';

CREATE TRIGGER needed_by_new AFTER INSERT ON job BEGIN
    INSERT OR IGNORE INTO needed (file, job_id)
        SELECT new.file, new.id WHERE new.file IS NOT NULL
        UNION SELECT value, new.id FROM json_tree(new.brief) WHERE key = 'file' AND type = 'text';
END;
CREATE TRIGGER needed_by_changed AFTER UPDATE OF file, brief ON job
WHEN new.file IS NOT old.file OR new.brief IS NOT old.brief BEGIN
    DELETE FROM needed WHERE job_id = new.id;
    INSERT OR IGNORE INTO needed (file, job_id)
        SELECT new.file, new.id WHERE new.file IS NOT NULL
        UNION SELECT value, new.id FROM json_tree(new.brief) WHERE key = 'file' AND type = 'text';
END;

-- What was put into a bucket. The intention is written first, so that nothing lies there unknown.
CREATE TABLE copy (
    file   TEXT    PRIMARY KEY,
    bucket TEXT    NOT NULL,
    key    TEXT    NOT NULL,
    size   INTEGER NOT NULL CHECK (size >= 0),  -- bytes
    sha256 TEXT    NOT NULL CHECK (length(sha256) = 64),
    at     REAL                                 -- when it was there, whole; NULL: on its way
) STRICT, WITHOUT ROWID;

-- What has yet to be deleted there.
CREATE TABLE unwanted (
    bucket TEXT NOT NULL,
    key    TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;
