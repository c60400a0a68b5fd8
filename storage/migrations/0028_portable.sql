-- What two engines answer alike: numbers out of JSON are compared as numbers, and the quarter of an
-- hour of a transaction is a column, because a cast cuts in SQLite and rounds in PostgreSQL.
DROP INDEX job_by_parent;
CREATE INDEX job_by_parent ON job (CAST(json_extract(brief, '$.parent') AS BIGINT))
    WHERE json_extract(brief, '$.parent') IS NOT NULL;

ALTER TABLE txn ADD COLUMN quarter INTEGER AS (CAST(at / 900 AS INTEGER)) VIRTUAL;
DROP INDEX txn_quarter;
CREATE INDEX txn_quarter ON txn (quarter) WHERE kind = 'reserve';
