-- Links to what providers keep, beside their jobs: as SQLite's migration of this number says.
CREATE TABLE link (
    job_id BIGINT PRIMARY KEY REFERENCES job (id),
    url TEXT COLLATE "C" NOT NULL CHECK (url <> '')
);
INSERT INTO link (job_id, url) SELECT id, result_url FROM job WHERE result_url <> '';
UPDATE job SET result_url = '' WHERE result_url <> '';

CREATE TRIGGER link_beside BEFORE UPDATE OF result_url ON job
    FOR EACH ROW WHEN (NEW.result_url <> '') EXECUTE FUNCTION refuse('a link stands beside its job');
CREATE FUNCTION link_over() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM dailies.link WHERE job_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER link_over AFTER UPDATE OF result_url ON job
    FOR EACH ROW WHEN (NEW.result_url IS NULL AND OLD.result_url IS NOT NULL)
    EXECUTE FUNCTION link_over();
