-- Where clips go is a person's choice, too: threads may be chosen by both kinds of owners.

CREATE TABLE order_default_anew (
    guild_id   INTEGER NOT NULL,
    whose      TEXT    NOT NULL CHECK (whose IN ('user', 'channel')),
    target     INTEGER NOT NULL,  -- the person's or the channel's id
    provider   TEXT,
    model      TEXT,
    resolution TEXT,
    duration   INTEGER CHECK (duration > 0),
    sound      INTEGER CHECK (sound IN (0, 1)),
    threads    INTEGER CHECK (threads IN (0, 1)),  -- 0: clips are posted in the channel itself
    PRIMARY KEY (guild_id, whose, target),
    CHECK (whose = 'user' OR (provider IS NULL AND model IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO order_default_anew (guild_id, whose, target, provider, model, resolution, duration,
                                sound, threads)
    SELECT guild_id, whose, target, provider, model, resolution, duration, sound, threads
    FROM order_default;
DROP TABLE order_default;
ALTER TABLE order_default_anew RENAME TO order_default;
CREATE INDEX order_default_of_user ON order_default (target) WHERE whose = 'user';
