-- Links to what providers keep are long, and die with it: they stand beside the jobs, so that a row
-- does not grow by one while its clip is made, and shrink again when it is of no use.
CREATE TABLE link (
    job_id INTEGER PRIMARY KEY REFERENCES job (id),
    url    TEXT    NOT NULL CHECK (url <> '')
) STRICT;
INSERT INTO link (job_id, url) SELECT id, result_url FROM job WHERE result_url <> '';

-- What is left in the row says that there is one: an empty text.
UPDATE job SET result_url = '' WHERE result_url <> '';

CREATE TRIGGER link_beside BEFORE UPDATE OF result_url ON job WHEN NEW.result_url <> '' BEGIN
    SELECT RAISE (ABORT, 'a link stands beside its job');
END;
CREATE TRIGGER link_over AFTER UPDATE OF result_url ON job
WHEN NEW.result_url IS NULL AND OLD.result_url IS NOT NULL BEGIN
    DELETE FROM link WHERE job_id = NEW.id;
END;
