-- Acting on takes: why a reaction was refused, how long a clip is, what is out of reach.

ALTER TABLE reaction DROP COLUMN explained;
ALTER TABLE reaction ADD COLUMN explained TEXT;     -- what was said there when it was refused
ALTER TABLE reaction ADD COLUMN answer TEXT;        -- what only its person is told, who asks why
ALTER TABLE reaction ADD COLUMN refused_id INTEGER; -- the refused order that may still be made

ALTER TABLE take ADD COLUMN seconds REAL;  -- how long the clip is, measured

-- Channels in which favourites could not be gathered, of which moderators were told.
CREATE TABLE out_of_reach (
    channel_id INTEGER PRIMARY KEY,
    at         REAL    NOT NULL
) STRICT;
