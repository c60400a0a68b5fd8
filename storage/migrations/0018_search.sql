-- What clips are found by: the words of their prompts, and for a list of one's own the state, the
-- mode and the mark.

-- One row a clip, under its number. *guild* is one word, such as 10x3: the server's id and which
-- 32,768 clips this one is among. With it no other server's clips are looked at, and no more than
-- so many at once, whatever the other words are. *shot* is the name of its shot: written with
-- UPDATE clip_words SET shot = … WHERE rowid = …, and kept when the prompt changes.
-- SQLite's own full text index: letters without their accents, English words by their stems.
CREATE VIRTUAL TABLE clip_words USING fts5 (
    guild, prompt, shot, tokenize = 'porter unicode61 remove_diacritics 2'
);

-- In scripts that put no blanks between words, each letter is a word: Thai to Lao, Burmese, Khmer,
-- Japanese, Chinese; also Korean, whose particles stick to words. `storage/finding.py` does the same
-- to the words that are looked for.
-- Most prompts are plain ASCII, which is seen a hundred times faster than which letters there are.
CREATE VIEW clip_text (id, prompt) AS SELECT id, iif(
    length(CAST(json_extract(brief, '$.prompt') AS BLOB)) > length(json_extract(brief, '$.prompt'))
    AND json_extract(brief, '$.prompt') GLOB '*[฀-໿က-႟ក-៿⺀-⿟々-〇〡-〩ぁ-ヿㇰ-ㇿ㐀-䶿一-鿿豈-﫿가-힣ｦ-ﾟ𠀀-𳿽]*',
    (
        WITH RECURSIVE letter (at, text) AS (
            SELECT 1, substr(json_extract(job.brief, '$.prompt'), 1, 1)
            UNION ALL SELECT at + 1, substr(json_extract(job.brief, '$.prompt'), at + 1, 1)
            FROM letter WHERE at < length(json_extract(job.brief, '$.prompt'))
        )
        SELECT group_concat(iif(
            text GLOB '[฀-໿က-႟ក-៿⺀-⿟々-〇〡-〩ぁ-ヿㇰ-ㇿ㐀-䶿一-鿿豈-﫿가-힣ｦ-ﾟ𠀀-𳿽]', ' ' || text || ' ', text
        ), '') FROM letter
    ),
    coalesce(json_extract(brief, '$.prompt'), '')
) FROM job;

INSERT INTO clip_words (rowid, guild, prompt, shot)
    SELECT job.id, job.guild_id || 'x' || (job.id / 32768), clip_text.prompt, '' FROM job JOIN clip_text ON clip_text.id = job.id
    WHERE user_id <> 0 ORDER BY job.id;

-- That the index still holds words of rows that are gone: it forgets them only when its pieces are
-- merged, which is done a step at a time. *begun*: all pieces are on their way into one.
CREATE TABLE stale_words (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    begun INTEGER NOT NULL CHECK (begun IN (0, 1))
) STRICT;

CREATE TRIGGER clip_words_of_new AFTER INSERT ON job WHEN NEW.user_id <> 0 BEGIN
    INSERT INTO clip_words (rowid, guild, prompt, shot)
        SELECT NEW.id, NEW.guild_id || 'x' || (NEW.id / 32768), prompt, '' FROM clip_text WHERE id = NEW.id;
END;
CREATE TRIGGER clip_words_of_changed AFTER UPDATE OF brief ON job
WHEN NEW.user_id <> 0
    AND json_extract(NEW.brief, '$.prompt') IS NOT json_extract(OLD.brief, '$.prompt') BEGIN
    UPDATE clip_words SET prompt = (SELECT prompt FROM clip_text WHERE id = NEW.id)
    WHERE rowid = NEW.id;
END;
CREATE TRIGGER clip_words_of_forgotten AFTER UPDATE OF user_id ON job
WHEN NEW.user_id = 0 AND OLD.user_id <> 0 BEGIN
    DELETE FROM clip_words WHERE rowid = NEW.id;
    INSERT OR REPLACE INTO stale_words (id, begun) VALUES (1, 0);
END;
CREATE TRIGGER clip_words_of_deleted AFTER DELETE ON job BEGIN
    DELETE FROM clip_words WHERE rowid = OLD.id;
    INSERT OR REPLACE INTO stale_words (id, begun) VALUES (1, 0);
END;

-- Each list of one's own, newest first, whatever it is narrowed down to.
CREATE INDEX job_mine ON job (user_id, guild_id, state, json_extract(brief, '$.mode'));
CREATE INDEX favourite_newest ON favourite (user_id, job_id);
