-- Shots: what a thread, or a single clip where a channel has no threads, is for in the film.

CREATE TABLE shot (
    id         INTEGER PRIMARY KEY,
    guild_id   INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,  -- whose board lists it: of a thread, the channel above
    name       TEXT    NOT NULL,  -- as it is shown, such as sc12/sh3
    folded     TEXT    NOT NULL,  -- two names that differ in case are one
    natural    TEXT    NOT NULL,  -- sorts sc2 before sc12; see storage/shots.py
    words      TEXT    NOT NULL,  -- the name as the index of words has it
    UNIQUE (channel_id, folded)
) STRICT;
CREATE INDEX shot_in_order ON shot (channel_id, natural, folded);

-- What belongs to a shot: every take of a thread, and clips that stand in no thread.
CREATE TABLE shot_thread (
    thread_id INTEGER PRIMARY KEY,
    shot_id   INTEGER NOT NULL REFERENCES shot (id) ON DELETE CASCADE,
    private   INTEGER NOT NULL CHECK (private IN (0, 1))  -- Discord never changes it
) STRICT;
CREATE INDEX shot_thread_of ON shot_thread (shot_id);
CREATE TABLE shot_clip (
    job_id  INTEGER PRIMARY KEY REFERENCES job (id) ON DELETE CASCADE,
    shot_id INTEGER NOT NULL REFERENCES shot (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX shot_clip_of ON shot_clip (shot_id);

CREATE VIEW shot_job (shot_id, job_id, private) AS
    SELECT shot_id, job.id, private FROM shot_thread CROSS JOIN job
        ON job.thread_id = shot_thread.thread_id
    UNION ALL
    SELECT shot_id, job_id, 0 FROM shot_clip;

-- Clips are found by the name of their shot: those that come later, too.
DROP TRIGGER clip_words_of_new;
CREATE TRIGGER clip_words_of_new AFTER INSERT ON job WHEN NEW.user_id <> 0 BEGIN
    INSERT INTO clip_words (rowid, guild, prompt, shot)
        SELECT NEW.id, NEW.guild_id || 'x' || (NEW.id / 32768), prompt, coalesce((
            SELECT words FROM shot_thread JOIN shot ON shot.id = shot_id
            WHERE thread_id = NEW.thread_id
        ), '') FROM clip_text WHERE id = NEW.id;
END;
CREATE TRIGGER clip_words_of_threaded AFTER UPDATE OF thread_id ON job
WHEN NEW.user_id <> 0 AND NEW.thread_id IS NOT OLD.thread_id
    AND EXISTS (SELECT 1 FROM shot_thread WHERE thread_id = NEW.thread_id) BEGIN
    UPDATE clip_words SET shot = (
        SELECT words FROM shot_thread JOIN shot ON shot.id = shot_id
        WHERE thread_id = NEW.thread_id
    ) WHERE rowid = NEW.id;
END;

-- Reels that somebody asked for and that were not posted yet.
CREATE TABLE reel (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,  -- its messages and files have this name
    request    TEXT    NOT NULL UNIQUE,            -- what asked for it: the same one asks once
    guild_id   INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,                   -- where it is posted
    user_id    INTEGER NOT NULL,
    cut        TEXT    NOT NULL CHECK (json_valid(cut)),  -- [[shot, job], …] in order
    slate      INTEGER NOT NULL CHECK (slate IN (0, 1)),
    state      TEXT    NOT NULL CHECK (state IN ('asked', 'waiting', 'making', 'posting')),
    card_id    INTEGER,                            -- the message that says how far it is
    tries      INTEGER NOT NULL DEFAULT 0,         -- how often it was begun
    at         REAL    NOT NULL
) STRICT;
